/*
 * rcpts - the recipients of a message: those that are taken, and the rest
 *
 * The rest is remembered as places in the files of the message: "l0,r5" is
 * the first record of local/S/N and the sixth of remote/S/N. A later run
 * looks at these alone.
 */
#ifndef RCPTS_H
#define RCPTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "conf/routes.h"

struct rcpts {
	const struct routes *routes;
	struct span me; /* a name of this host, or empty */

	struct buf taken; /* records of our envelope */
	uint32_t ntaken, nleft;
	struct buf left;    /* their places */
	struct buf details; /* a line for each that is not as it was */

	bool is_rest;     /* others were taken before, */
	struct span only; /* and this is what was left then */
	struct buf addr, scratch;
};

void rcpts_init(struct rcpts *r, const struct routes *routes, struct span me);
void rcpts_free(struct rcpts *r);

/* Begin with a message; rest is what an earlier run left, or NULL. */
void rcpts_begin(struct rcpts *r, const struct span *rest);

/* Add those of todo/N, as they were handed in. */
void rcpts_add_todo(struct rcpts *r, struct span file);

/* Add those of local/S/N or remote/S/N, local first. */
void rcpts_add_channel(struct rcpts *r, enum routes_to to, struct span file);

/* 0, or why it is not all there: E_NOMEM, E_TOOBIG. */
int rcpts_err(const struct rcpts *r) MUST_CHECK;

#endif

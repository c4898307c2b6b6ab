/*
 * select - which messages a verb is for
 *
 * IDs, or options; what is given must all be true of a message. Addresses
 * are compared with glob.h: a recipient that is not done, as its sender
 * wrote it or as it is routed.
 */
#ifndef CTL_SELECT_H
#define CTL_SELECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "args.h"
#include "base/attr.h"
#include "reader.h"

/* IDs, in the order of their age. */
struct ids {
	uint64_t *list;
	size_t n, max;
};

struct select {
	/* from the options */
	const char *sender, *recipient, *domain;
	const char *older, *newer;
	bool is_held, is_all;
	/* from select_read() */
	int64_t min_age, max_age; /* seconds */
	struct ids named;
	/* from select_find(): to exit with. EX_HARD: a message that was named
	 * is not there; EX_SOFT: one could not be read */
	int code;
};

/* The options, for args_read(). */
enum { SELECT_ARGS = 8 };
void select_args(struct select *s, struct arg args[SELECT_ARGS]);

/* Read the values of the options, and the operands, which are IDs. Exits
 * when one makes no sense. */
void select_read(struct select *s, const char *verb, char *const *operands);

/* Whether anything was said at all. */
bool select_is_any(const struct select *s);

/* Whether all that was said, but for IDs, is true of m. */
bool select_match(
    const struct select *s, struct reader *r, const struct message *m);

/* The messages in the queue that are meant; s->code and descriptor 2 tell of
 * others that may be. */
void select_find(struct select *s, struct reader *r, struct ids *out);

void select_free(struct select *s);

/* Append IDs as they are in memory: of another process, which found them.
 * E_NOMEM, or E_SYNTAX for half an ID. */
int ids_take(struct ids *ids, struct span bytes) MUST_CHECK;
void ids_free(struct ids *ids);

#endif

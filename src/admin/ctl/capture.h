/*
 * capture - run a program, or a function in a child, and keep what it says
 */
#ifndef CTL_CAPTURE_H
#define CTL_CAPTURE_H

#include "base/attr.h"
#include "base/buf.h"
#include "sys/proc.h"

struct capture {
	const char *const *argv;        /* a program, or, if it is NULL, */
	void (*fn)(void *ctx, int out); /* what the child does */
	void *ctx;
	const struct proc_id *as; /* NULL: as we are */
	struct buf *out;          /* its descriptor 1, or `out` of fn */
	struct buf *err;          /* its descriptor 2; NULL: ours */
	struct proc_end end;
};

/*
 * Run it with /dev/null to read from. Descriptors above 2 are not passed on.
 * Killed after a minute: E_TIMEOUT. E_TOOBIG when it says more than fits.
 */
int capture(struct capture *c) MUST_CHECK;

#endif

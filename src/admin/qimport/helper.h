/*
 * helper - a child of ours with other rights, which does what it is asked
 *
 * One question, one answer, in turn, over a socket pair; a descriptor may
 * go either way. A helper ends when we do. Losing one is the end of us.
 */
#ifndef HELPER_H
#define HELPER_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/span.h"

/*
 * Answer a question: 0 or a failure of base/err.h. *fd is the descriptor
 * that came along, or -1; what it is afterwards goes back, and is closed.
 */
typedef int helper_fn(void *ctx, struct span question, int *fd);

/* Fork. *fd is the end of the parent, or of the child. */
int helper_fork(int *fd, bool *is_child) MUST_CHECK;

/* What the child does from then on. */
void helper_serve(int fd, helper_fn *fn, void *ctx) NORETURN;

/* Ask; pass is a descriptor or -1, *back the one of the answer or -1. */
int helper_ask(int fd, struct span question, int pass, int *back) MUST_CHECK;

#endif

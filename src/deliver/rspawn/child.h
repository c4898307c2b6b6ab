/*
 * child - start a program for a delivery, with nothing of ours but what it
 *         is given
 */
#ifndef RSPAWN_CHILD_H
#define RSPAWN_CHILD_H

#include <sys/types.h>

#include "base/attr.h"

/* What becomes its descriptors 0, 1, 2, 3; -1: closed, 2 stays ours. */
struct child_fds {
	int at[4];
};

enum { CHILD_KEEP = -2 }; /* as an entry: leave that descriptor alone */

/*
 * Let us open as many files as the system allows, up to a limit; children
 * begin with what we began with, which is remembered in *soft.
 */
void child_raise_limit(unsigned long limit, unsigned long *soft);

/*
 * Start argv. The effective group, with which we read the queue, is given
 * up for good: the program has the real group only. A program that cannot
 * be executed exits 111. 0 and *pid, or why there is no child.
 */
int child_start(const char *const *argv, const struct child_fds *fds,
    unsigned long soft, pid_t *pid) MUST_CHECK;

#endif

/*
 * lock - advisory whole-file locks (flock)
 */
#ifndef SYS_LOCK_H
#define SYS_LOCK_H

#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"

/* Take the exclusive lock now. E_BUSY when somebody else holds it. */
int lock_try(int fd) MUST_CHECK;

/* Take the exclusive lock before the deadline. E_TIMEOUT. */
int lock_wait(int fd, int64_t deadline) MUST_CHECK;

/*
 * Open a mailbox as open(2) does, and lock it. One that was replaced while
 * somebody had it locked is not the mailbox any more: then the new one. On a
 * failure *fd is -1: it cannot be opened; else it is open, and not locked.
 */
int lock_open(const char *path, int flags, mode_t mode, int64_t deadline,
    int *fd) MUST_CHECK;

#endif

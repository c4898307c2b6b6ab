/*
 * lock - advisory whole-file locks (flock)
 */
#ifndef SYS_LOCK_H
#define SYS_LOCK_H

#include <stdint.h>

#include "base/attr.h"

/* Take the exclusive lock now. E_BUSY when somebody else holds it. */
int lock_try(int fd) MUST_CHECK;

/* Take the exclusive lock before the deadline. E_TIMEOUT. */
int lock_wait(int fd, int64_t deadline) MUST_CHECK;

#endif

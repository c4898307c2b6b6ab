/*
 * lock - advisory whole-file locks: see lock.h
 */
#include "sys/lock.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <sys/file.h>

#include "base/err.h"
#include "sys/clock.h"

enum { STEP_FIRST_MS = 1, STEP_MAX_MS = 100 };

int
lock_try(int fd)
{
	int r;

	do
		r = flock(fd, LOCK_EX | LOCK_NB);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return errno == EWOULDBLOCK ? E_BUSY : err_sys();
	return 0;
}

int
lock_wait(int fd, int64_t deadline)
{
	/* the kernel has no lock with a deadline: look again, ever slower */
	for (int step = STEP_FIRST_MS;; step *= 2) {
		int64_t left;
		int r = lock_try(fd);

		if (r != E_BUSY)
			return r;
		left = deadline - clock_ms();
		if (left <= 0)
			return E_TIMEOUT;
		if (step > STEP_MAX_MS)
			step = STEP_MAX_MS;
		(void)poll(NULL, 0, left < step ? (int)left : step);
	}
}

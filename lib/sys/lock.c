/*
 * lock - advisory whole-file locks: see lock.h
 */
#include "sys/lock.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/err.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/file.h"

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

/* Whether what is open has the name, still. */
static bool
is_there(int fd, const char *path)
{
	struct stat ours, there;

	return fstat(fd, &ours) == 0 && stat(path, &there) == 0 &&
	       ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

int
lock_open(const char *path, int flags, mode_t mode, int64_t deadline, int *fd)
{
	for (;;) {
		int r = file_open(FILE_CWD, path, flags, mode, fd);

		if (r == 0)
			r = lock_wait(*fd, deadline);
		if (r < 0 || is_there(*fd, path))
			return r;
		if (clock_ms() >= deadline)
			return E_TIMEOUT;
		fd_close(fd);
	}
}

/*
 * deny - system calls that fail as a test wants it: LD_PRELOAD this, and
 * while a file $DENY/poll exists poll(2) fails; likewise pipe and stat
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static bool
is_denied(const char *call)
{
	char path[4096];
	const char *folder = getenv("DENY");

	if (folder == NULL)
		return false;
	(void)snprintf(path, sizeof(path), "%s/%s", folder, call);
	return access(path, F_OK) == 0;
}

int
poll(struct pollfd *fds, nfds_t n, int ms)
{
	const struct timespec limit = { ms / 1000, ms % 1000 * 1000000L };

	if (is_denied("poll")) {
		errno = ENOMEM;
		return -1;
	}
	return (int)syscall(SYS_ppoll, fds, n, ms < 0 ? NULL : &limit, NULL, 0);
}

int
pipe2(int ends[2], int flags)
{
	if (is_denied("pipe")) {
		errno = EMFILE;
		return -1;
	}
	return (int)syscall(SYS_pipe2, ends, flags);
}

int
stat(const char *path, struct stat *st)
{
	if (is_denied("stat")) {
		errno = EIO;
		return -1;
	}
	return fstatat(AT_FDCWD, path, st, 0);
}

/*
 * locallib - makes the n-th system call of a delivery fail, or time fly
 *
 * Preloaded into qmail-local, one-shot or resident. $LOCAL_FAULT is "N E"
 * (the N-th of the wrapped calls from the start fails with errno E) or
 * "N kill". $LOCAL_COUNT names a file that gets one byte for each call, so
 * that a test knows how many there are. $LOCAL_HASTE is how many times
 * faster the clock for deadlines runs. Not part of the product.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static long fail_at, seen, haste = 1;
static int error, count_fd = -1;

__attribute__((constructor)) static void
attach(void)
{
	const char *plan = getenv("LOCAL_FAULT");
	const char *count = getenv("LOCAL_COUNT");
	const char *fast = getenv("LOCAL_HASTE");
	char *rest = NULL;

	if (fast != NULL)
		haste = strtol(fast, NULL, 10);
	if (count != NULL)
		count_fd = REAL(openat)(AT_FDCWD, count,
		    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (plan == NULL)
		return;
	fail_at = strtol(plan, &rest, 10);
	error = strcmp(rest, " kill") == 0 ? -1 : (int)strtol(rest, NULL, 10);
}

/* Whether this call is the one. */
static int
is_it(void)
{
	if (count_fd >= 0)
		(void)REAL(write)(count_fd, ".", 1);
	if (++seen != fail_at)
		return 0;
	if (error < 0)
		(void)raise(SIGKILL);
	errno = error;
	return 1;
}

int
chdir(const char *path)
{
	return is_it() ? -1 : REAL(chdir)(path);
}

int
stat(const char *restrict path, struct stat *restrict st)
{
	return is_it() ? -1 : REAL(stat)(path, st);
}

int
fstat(int fd, struct stat *st)
{
	return is_it() ? -1 : REAL(fstat)(fd, st);
}

int
openat(int at, const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	if ((flags & (O_CREAT | O_TMPFILE)) != 0) {
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	return is_it() ? -1 : REAL(openat)(at, path, flags, mode);
}

ssize_t
pread(int fd, void *p, size_t n, off_t at)
{
	return is_it() ? -1 : REAL(pread)(fd, p, n, at);
}

ssize_t
read(int fd, void *p, size_t n)
{
	return is_it() ? -1 : REAL(read)(fd, p, n);
}

/* The report is not the delivery. */
ssize_t
write(int fd, const void *p, size_t n)
{
	return fd > 2 && is_it() ? -1 : REAL(write)(fd, p, n);
}

ssize_t
writev(int fd, const struct iovec *v, int n)
{
	return is_it() ? -1 : REAL(writev)(fd, v, n);
}

ssize_t
copy_file_range(
    int in, off64_t *from, int out, off64_t *to, size_t n, unsigned int flags)
{
	return is_it() ? -1
		       : REAL(copy_file_range)(in, from, out, to, n, flags);
}

int
sync_file_range(int fd, off64_t from, off64_t n, unsigned int flags)
{
	return is_it() ? -1 : REAL(sync_file_range)(fd, from, n, flags);
}

int
fsync(int fd)
{
	return is_it() ? -1 : REAL(fsync)(fd);
}

int
linkat(int from, const char *a, int to, const char *b, int flags)
{
	return is_it() ? -1 : REAL(linkat)(from, a, to, b, flags);
}

int
flock(int fd, int how)
{
	return is_it() ? -1 : REAL(flock)(fd, how);
}

int
clock_gettime(clockid_t which, struct timespec *t)
{
	int r = REAL(clock_gettime)(which, t);

	if (r == 0 && which != CLOCK_REALTIME) {
		t->tv_sec *= haste;
		t->tv_sec += t->tv_nsec * haste / 1000000000;
		t->tv_nsec = t->tv_nsec * haste % 1000000000;
	}
	return r;
}

int
poll(struct pollfd *fds, nfds_t n, int ms)
{
	return REAL(poll)(fds, n, ms > 0 ? ms / (int)haste + 1 : ms);
}

/*
 * faultlib - makes one system call fail: preloaded into real programs
 *
 * The file named by $FAULT_PLAN is shared by the test and all processes
 * that load this: which call, which of them (the n-th from now), and the
 * errno. Not part of the product; built by tests/fault/build.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct plan {
	uint32_t call; /* index into names, +1; 0: nothing fails */
	uint32_t nth;
	uint32_t error;
	uint32_t seen;  /* calls of that kind since armed */
	uint32_t fired; /* 1 once it failed */
	uint32_t kill;  /* die instead of failing */
};

enum call { OPEN = 1, WRITE, FSYNC, LINK, RENAME, UNLINK };

static struct plan *plan;

__attribute__((constructor)) static void
attach(void)
{
	const char *path = getenv("FAULT_PLAN");
	int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *p;

	if (fd < 0)
		return;
	p = mmap(
	    NULL, sizeof(*plan), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)close(fd);
	if (p != MAP_FAILED)
		plan = p;
}

/* Whether this call is the one. */
static int
is_it(enum call call)
{
	if (plan == NULL || plan->call != (uint32_t)call)
		return 0;
	if (__atomic_add_fetch(&plan->seen, 1, __ATOMIC_SEQ_CST) != plan->nth)
		return 0;
	plan->fired = 1;
	if (plan->kill != 0)
		(void)raise(9);
	errno = (int)plan->error;
	return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

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
	/* a file system that does not know it */
	if ((flags & O_TMPFILE) == O_TMPFILE &&
	    getenv("FAULT_NO_TMPFILE") != NULL) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return is_it(OPEN) ? -1 : REAL(openat)(at, path, flags, mode);
}

ssize_t
write(int fd, const void *p, size_t n)
{
	struct stat st;

	/* pipes and sockets have tests of their own */
	if (plan != NULL && plan->call == WRITE && fstat(fd, &st) == 0 &&
	    S_ISREG(st.st_mode) && fd > 2 && is_it(WRITE))
		return -1;
	return REAL(write)(fd, p, n);
}

int
fsync(int fd)
{
	return is_it(FSYNC) ? -1 : REAL(fsync)(fd);
}

int
syncfs(int fd)
{
	return is_it(FSYNC) ? -1 : REAL(syncfs)(fd);
}

int
linkat(int from, const char *a, int to, const char *b, int flags)
{
	return is_it(LINK) ? -1 : REAL(linkat)(from, a, to, b, flags);
}

int
renameat(int from, const char *a, int to, const char *b)
{
	return is_it(RENAME) ? -1 : REAL(renameat)(from, a, to, b);
}

int
unlinkat(int at, const char *path, int flags)
{
	return is_it(UNLINK) ? -1 : REAL(unlinkat)(at, path, flags);
}

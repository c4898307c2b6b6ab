/*
 * memlib - another time, memory that runs out, a poorer file system
 *
 * Preloaded into real programs. All clocks are ahead by what the plan says
 * (the file named by $FAULT_PLAN), and SIGURG ends a sleep, so that a test
 * need not wait for what is due in minutes. With $FAULT_MEMORY allocations
 * count, and fail as the plan says; with $FAULT_NO_TMPFILE no file is made
 * without a name. Not part of the product.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "plan.h"

static struct plan *plan;
static int counts_memory, no_tmpfile, in_library;
static int (*real_clock)(clockid_t, struct timespec *);
static int (*real_openat)(int, const char *, int, ...);
static struct passwd *(*real_getpwnam)(const char *);
static struct group *(*real_getgrnam)(const char *);

static void
wake(int number)
{
	(void)number;
}

static void
attach(void)
{
	/* without SA_RESTART: what sleeps is interrupted */
	const struct sigaction woken = { .sa_handler = wake };
	const char *path = getenv("FAULT_PLAN");
	int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *p;

	*(void **)&real_clock = dlsym(RTLD_NEXT, "clock_gettime");
	*(void **)&real_openat = dlsym(RTLD_NEXT, "openat");
	*(void **)&real_getpwnam = dlsym(RTLD_NEXT, "getpwnam");
	*(void **)&real_getgrnam = dlsym(RTLD_NEXT, "getgrnam");
	if (fd < 0)
		return;
	p = mmap(
	    NULL, sizeof(*plan), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)close(fd);
	if (p == MAP_FAILED)
		return;
	(void)sigaction(SIGURG, &woken, NULL);
	counts_memory = getenv("FAULT_MEMORY") != NULL;
	no_tmpfile = getenv("FAULT_NO_TMPFILE") != NULL;
	plan = p;
}

__attribute__((constructor)) static void
begin(void)
{
	attach();
	(void)close(PLAN_READY_FD);
}

int
clock_gettime(clockid_t which, struct timespec *t)
{
	int r = real_clock(which, t);

	if (r == 0 && plan != NULL)
		t->tv_sec += __atomic_load_n(&plan->ahead, __ATOMIC_SEQ_CST);
	return r;
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
	if ((flags & O_TMPFILE) == O_TMPFILE && no_tmpfile) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return real_openat(at, path, flags, mode);
}

/* The C library does not survive it if this lacks memory. */
struct passwd *
getpwnam(const char *name)
{
	struct passwd *found;

	in_library = 1;
	found = real_getpwnam(name);
	in_library = 0;
	return found;
}

struct group *
getgrnam(const char *name)
{
	struct group *found;

	in_library = 1;
	found = real_getgrnam(name);
	in_library = 0;
	return found;
}

/* Whether this allocation is the one. */
static int
is_it(void)
{
	if (plan == NULL || !counts_memory || in_library ||
	    __atomic_load_n(&plan->mode, __ATOMIC_SEQ_CST) != PLAN_MEMORY)
		return 0;
	if (__atomic_add_fetch(&plan->seen, 1, __ATOMIC_SEQ_CST) != plan->nth)
		return 0;
	plan->fired = 1;
	errno = ENOMEM;
	return 1;
}

/* glibc's own, under names that a preloaded library does not hide */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);

void *
malloc(size_t size)
{
	return is_it() ? NULL : __libc_malloc(size);
}

void *
calloc(size_t n, size_t size)
{
	return is_it() ? NULL : __libc_calloc(n, size);
}

void *
realloc(void *p, size_t size)
{
	return is_it() ? NULL : __libc_realloc(p, size);
}

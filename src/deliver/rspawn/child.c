/*
 * child - start a program for a delivery: see child.h
 */
#include "child.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/err.h"
#include "sys/prog.h"
#include "sys/sig.h"

enum { FIRST_HIGH = 10, SLOTS = 4 };

void
child_raise_limit(unsigned long limit, unsigned long *soft)
{
	struct rlimit rl;

	*soft = 0;
	if (getrlimit(RLIMIT_NOFILE, &rl) < 0 || rl.rlim_cur >= limit)
		return;
	*soft = rl.rlim_cur;
	rl.rlim_cur = rl.rlim_max < limit ? rl.rlim_max : limit;
	/* with less there is less at once */
	if (setrlimit(RLIMIT_NOFILE, &rl) < 0)
		*soft = 0;
}

static void
restore_limit(unsigned long soft)
{
	struct rlimit rl;

	if (soft == 0 || getrlimit(RLIMIT_NOFILE, &rl) < 0)
		return;
	rl.rlim_cur = soft;
	if (setrlimit(RLIMIT_NOFILE, &rl) < 0)
		_exit(EX_SOFT);
}

/* First away from the low numbers, then down: none is overwritten. */
static void
place(const struct child_fds *fds)
{
	int high[SLOTS];
	int i;

	for (i = 0; i < SLOTS; i++) {
		high[i] = -1;
		if (fds->at[i] < 0)
			continue;
		high[i] = fcntl(fds->at[i], F_DUPFD_CLOEXEC, FIRST_HIGH);
		if (high[i] < 0)
			_exit(EX_SOFT);
	}
	for (i = 0; i < SLOTS; i++) {
		if (fds->at[i] == CHILD_KEEP)
			continue;
		if (high[i] < 0)
			(void)close(i);
		else if (dup2(high[i], i) < 0)
			_exit(EX_SOFT);
	}
}

/* The queue is readable for the effective group only: give it up. */
static void
drop_group(void)
{
	gid_t r, e, s;

	if (getresgid(&r, &e, &s) < 0)
		_exit(EX_SOFT);
	if (r == e && r == s)
		return;
	if (setresgid(r, r, r) < 0 || getresgid(&r, &e, &s) < 0 || r != e ||
	    r != s)
		_exit(EX_SOFT);
}

int
child_start(const char *const *argv, const struct child_fds *fds,
    unsigned long soft, pid_t *pid)
{
	pid_t child = fork();

	if (child < 0)
		return err_sys();
	if (child > 0) {
		*pid = child;
		return 0;
	}
	place(fds);
	drop_group();
	restore_limit(soft);
	sig_default(SIGPIPE);
	sig_unblock_all();
	(void)execvp(argv[0], (char *const *)(uintptr_t)argv);
	_exit(EX_SOFT);
}

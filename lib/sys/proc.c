/*
 * proc - processes: see proc.h
 */
#include "sys/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "sys/fd.h"
#include "sys/priv.h"
#include "sys/sig.h"

enum {
	EXIT_SOFT = 111,   /* it could not become what it should be */
	EXIT_NOEXEC = 120, /* contract queue.md 5.4 */
	EXIT_NEVEREXEC = 126,
	FDS_MAX = 64,
	SIGNALS = 32 /* the classic ones are below */
};

/*
 * Put descriptors where the program expects them. First all above the
 * numbers it knows, then down: so an exchange of two works.
 */
static int
place(const struct proc_fd *fds)
{
	int high[FDS_MAX];
	int above = 0;
	int n = 0;

	for (const struct proc_fd *f = fds; f->from >= 0; f++)
		if (f->to >= above)
			above = f->to + 1;
	for (; fds[n].from >= 0; n++) {
		if (n == FDS_MAX)
			return E_TOOBIG;
		high[n] = fcntl(fds[n].from, F_DUPFD_CLOEXEC, above);
		if (high[n] < 0)
			return err_sys();
	}
	for (int i = 0; i < n; i++)
		if (dup2(high[i], fds[i].to) < 0)
			return err_sys();
	return 0;
}

/* What a child owes to the program it becomes. */
static void
undo_ours(void)
{
	for (int i = 1; i < SIGNALS; i++)
		sig_default(i);
	sig_unblock_all();
}

/* Execute. Not execvp() for a path: that would hand junk to the shell. */
static int
execute(char *const argv[])
{
	if (strchr(argv[0], '/') != NULL)
		(void)execv(argv[0], argv);
	else
		(void)execvp(argv[0], argv);
	return errno;
}

static int
drop(const struct proc_start *what)
{
	const struct proc_id *as = what->as;

	if (as == NULL)
		return 0;
	return what->effective == 0
		   ? priv_drop(as->uid, as->gid)
		   : priv_drop_with(as->uid, as->gid, what->effective);
}

static void NORETURN
become(const struct proc_start *what)
{
	int r;

	if (what->fds != NULL && place(what->fds) < 0)
		_exit(EXIT_SOFT);
	if (what->cwd != NULL && chdir(what->cwd) < 0)
		_exit(EXIT_SOFT);
	if (drop(what) < 0)
		_exit(EXIT_SOFT);
	undo_ours();
	r = err_of(execute((char *const *)(uintptr_t)what->argv));
	if (what->noexec != 0)
		_exit(what->noexec);
	_exit(err_class(r) == ERR_TEMP ? EXIT_NOEXEC : EXIT_NEVEREXEC);
}

int
proc_spawn(const struct proc_start *what, pid_t *pid)
{
	pid_t child = fork();

	if (child < 0)
		return err_sys();
	if (child == 0)
		become(what);
	*pid = child;
	return 0;
}

struct proc_end
proc_end_of(int status)
{
	if (WIFSIGNALED(status))
		return (struct proc_end){ PROC_KILLED, WTERMSIG(status) };
	return (struct proc_end){ PROC_EXITED, WEXITSTATUS(status) };
}

pid_t
proc_reap(int *status)
{
	pid_t pid;

	do
		pid = waitpid(-1, status, WNOHANG);
	while (pid < 0 && errno == EINTR);
	return pid > 0 ? pid : 0;
}

int
proc_wait(pid_t pid, struct proc_end *end)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys();
	*end = proc_end_of(status);
	return 0;
}

/* In the child of proc_begin(): failure is told to report. */
static void NORETURN
begin(char *const argv[], int in, int report)
{
	int failed;

	if (in != 0 && dup2(in, 0) < 0)
		_exit(EXIT_SOFT);
	undo_ours();
	failed = execute(argv);
	/* exec closes the pipe; only failure writes into it */
	if (write(report, &failed, sizeof(failed)) < 0)
		_exit(EXIT_SOFT);
	_exit(EXIT_NOEXEC);
}

int
proc_begin(char *const argv[], int in, pid_t *pid, int *noexec)
{
	struct proc_end end;
	int report[2] = { -1, -1 };
	size_t got = 0;
	int r = fd_pipe(report);

	*noexec = 0;
	if (r < 0)
		return r;
	*pid = fork();
	if (*pid < 0)
		r = err_sys();
	if (*pid == 0)
		begin(argv, in, report[1]);
	fd_close(&report[1]);
	/* should this fail, the end of the child still tells something */
	if (r == 0)
		err_ignore(fd_read(
		    report[0], noexec, sizeof(*noexec), FD_FOREVER, &got));
	fd_close(&report[0]);
	if (got < sizeof(*noexec))
		*noexec = 0;
	else if (r == 0)
		r = proc_wait(*pid, &end);
	return r;
}

int
proc_run(char *const argv[], struct proc_end *end)
{
	int noexec;
	pid_t pid;
	int r = proc_begin(argv, 0, &pid, &noexec);

	if (r == 0 && noexec == 0)
		r = proc_wait(pid, end);
	else if (r == 0)
		*end = (struct proc_end){ PROC_NOEXEC, noexec };
	return r;
}

void
proc_die_with_parent(void)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
}

int
proc_fork(pid_t *pid)
{
	pid_t parent = getpid();

	*pid = fork();
	if (*pid < 0)
		return err_sys();
	if (*pid == 0) {
		proc_die_with_parent();
		/* had it died before, no signal would ever come */
		if (getppid() != parent)
			_exit(EXIT_SOFT);
	}
	return 0;
}

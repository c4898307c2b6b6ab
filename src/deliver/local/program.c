/*
 * program - run a command of a .qmail file: see local.h
 *
 * Contract local.md 1.7. The message is the command's descriptor 0,
 * rewound. In a resident worker its descriptors 1 and 2 are a pipe, whose
 * bytes join the report; whoever keeps that pipe open keeps the delivery
 * open, as ever.
 */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/err.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/proc.h"
#include "sys/prog.h"
#include "sys/wait.h"

#include "local.h"
#include "vars.h"

enum {
	PROGRAM_MS = 24 * 3600 * 1000,
	PIECE = 4096,
	LAST_PIECES = 16 /* what a pipe holds */
};

/* Signals that this program ignores and others must not. */
static const int ignored[] = { SIGPIPE, SIGXFSZ };

static int
set_signals(posix_spawnattr_t *a)
{
	sigset_t none, defaults;
	int e;

	(void)sigemptyset(&none);
	(void)sigemptyset(&defaults);
	for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
		(void)sigaddset(&defaults, ignored[i]);
	e = posix_spawnattr_setsigmask(a, &none);
	if (e == 0)
		e = posix_spawnattr_setsigdefault(a, &defaults);
	if (e == 0)
		e = posix_spawnattr_setflags(
		    a, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	return e;
}

static int
set_fds(posix_spawn_file_actions_t *f, const struct delivery *d)
{
	int e = 0;

	if (d->self->msg.fd != 0)
		e = posix_spawn_file_actions_adddup2(f, d->self->msg.fd, 0);
	for (int to = 1; to <= 2 && e == 0 && d->pipe[1] >= 0; to++)
		e = posix_spawn_file_actions_adddup2(f, d->pipe[1], to);
	return e;
}

/* Start /bin/sh -c command. 0 or an errno value. */
static int
spawn(const struct delivery *d, const char *command, pid_t *pid)
{
	char shell[] = "/bin/sh", option[] = "-c";
	char *const argv[] = { shell, option, (char *)(uintptr_t)command,
		NULL };
	posix_spawn_file_actions_t f;
	posix_spawnattr_t a;
	int e = posix_spawn_file_actions_init(&f);

	if (e != 0)
		return e;
	e = posix_spawnattr_init(&a);
	if (e == 0) {
		e = set_signals(&a);
		if (e == 0)
			e = set_fds(&f, d);
		if (e == 0)
			e = posix_spawn(pid, shell, &f, &a, argv, d->env.list);
		(void)posix_spawnattr_destroy(&a);
	}
	(void)posix_spawn_file_actions_destroy(&f);
	return e;
}

/* One read of the pipe into the report. False at its end. */
static bool
take_output(struct delivery *d, int64_t deadline)
{
	char bytes[PIECE];
	size_t got = 0;

	if (fd_read(d->pipe[0], bytes, sizeof(bytes), deadline, &got) < 0 ||
	    got == 0)
		return false;
	report_put(d->report, (struct span){ bytes, got });
	return true;
}

/* Read what the child says until it ends. E_TIMEOUT. */
static int
attend(struct delivery *d, int pidfd, int64_t deadline)
{
	struct wait w = WAIT_INIT;
	bool is_over = false;
	int r = 0;

	while (r == 0 && !is_over) {
		size_t end, said;

		wait_reset(&w);
		wait_until(&w, deadline);
		end = wait_in(&w, pidfd);
		said = wait_in(&w, d->pipe[0]);
		r = wait_run(&w);
		if (r == 0 && clock_ms() >= deadline)
			r = E_TIMEOUT;
		is_over = r == 0 && wait_ready(&w, end);
		if (r == 0 && wait_ready(&w, said))
			(void)take_output(d, deadline);
	}
	/* what it said last comes before what we say next */
	for (int i = 0; is_over && i < LAST_PIECES && d->pipe[0] >= 0; i++)
		if (!take_output(d, clock_ms()))
			break;
	wait_free(&w);
	return r;
}

static int
await(struct delivery *d, pid_t pid, struct proc_end *end)
{
	int64_t deadline = clock_ms() + PROGRAM_MS;
	int pidfd = pidfd_open(pid, 0);
	int r = pidfd < 0 ? err_sys() : attend(d, pidfd, deadline);

	/* a day is enough for anybody */
	if (r == E_TIMEOUT)
		(void)kill(pid, SIGKILL);
	fd_close(&pidfd);
	return proc_wait(pid, end);
}

/* Exit codes that say "never": sysexits that mean it, 100 and 112. */
static bool
is_hard(int code)
{
	static const int hard[] = { 100, 64, 65, 70, 76, 77, 78, 112 };

	for (size_t i = 0; i < sizeof(hard) / sizeof(*hard); i++)
		if (hard[i] == code)
			return true;
	return false;
}

static int
judge(struct delivery *d, const struct proc_end *end)
{
	if (end->how != PROC_EXITED)
		return report_fail(
		    d->report, EX_SOFT, WORDS("Aack, child crashed. (#4.3.0)"));
	if (end->value == EX_NEXT || end->value == EX_LAST)
		return end->value;
	return is_hard(end->value) ? EX_HARD : EX_SOFT;
}

int
program_run(struct delivery *d, const char *command)
{
	struct proc_end end;
	pid_t pid;
	int r = 0;
	int e;

	if (!message_is_seekable(&d->self->msg))
		return report_fail(d->report, EX_SOFT,
		    WORDS("Unable to rewind message. (#4.3.0)"));
	if (d->env.list == NULL)
		r = vars_environment(d);
	if (r == 0 && d->report->is_kept && d->pipe[0] < 0)
		r = fd_pipe(d->pipe);
	if (r < 0)
		return report_fail(d->report, EX_SOFT,
		    WORDS("Unable to fork: ", err_text(r), ". (#4.3.0)"));

	e = spawn(d, command, &pid);
	if (e == EAGAIN || e == ENOMEM)
		return report_fail(d->report, EX_SOFT,
		    WORDS(
			"Unable to fork: ", err_text(err_of(e)), ". (#4.3.0)"));
	if (e != 0)
		return report_fail(d->report, EX_SOFT,
		    WORDS("Unable to run /bin/sh: ", err_text(err_of(e)),
			". (#4.3.0)"));
	r = await(d, pid, &end);
	if (r < 0)
		return report_fail(
		    d->report, EX_SOFT, WORDS("Aack, child crashed. (#4.3.0)"));
	return judge(d, &end);
}

void
program_finish(struct delivery *d)
{
	int64_t deadline = clock_ms() + PROGRAM_MS;

	fd_close(&d->pipe[1]);
	while (d->pipe[0] >= 0 && take_output(d, deadline))
		;
	fd_close(&d->pipe[0]);
}

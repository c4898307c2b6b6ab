/*
 * tell - look at a running system, or send it a signal: see tell.h
 */
#include "tell.h"

#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "say.h"
#include "state.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/proc.h"
#include "sys/prog.h"

static void
read_state(struct state *s)
{
	int r = state_read(s);

	if (r < 0)
		prog_die(EX_SOFT, "unable to read supervise/ctl.state", r);
}

static bool
is_alive(const struct state_entry *e)
{
	return e != NULL && e->pid > 0 && state_began(e->pid) == e->began;
}

/* One line per service, in the words of svstat. */
static void
show(const struct state_entry *e)
{
	uint64_t now = (uint64_t)clock_real();
	char pid[NUMBER_MAX], age[NUMBER_MAX], restarts[NUMBER_MAX];

	(void)say_number((uint64_t)e->pid, pid);
	(void)say_number(now > e->since ? now - e->since : 0, age);
	(void)say_number(e->restarts, restarts);
	if (is_alive(e))
		say(PARTS(e->name, ": up (pid ", pid, ") ", age, " seconds, ",
		    restarts, " restarts"));
	else
		say(PARTS(e->name, ": down, ", restarts, " restarts"));
}

static int
run_program(const char *path)
{
	char name[64] = { 0 };
	char *argv[] = { name, NULL };
	struct proc_end end = { PROC_EXITED, 0 };
	int r;

	memcpy(name, path, strlen(path));
	r = proc_run(argv, &end);
	if (r == 0 && end.how == PROC_NOEXEC)
		r = err_of(end.value);
	if (r < 0)
		say_die(EX_SOFT, PARTS("unable to run ", path), r);
	return end.how == PROC_EXITED ? end.value : EX_SOFT;
}

int
tell_stat(void *unused)
{
	const struct state_entry *ctl;
	struct state s;
	int code;

	(void)unused;
	read_state(&s);
	ctl = state_find(&s, "ctl");
	for (size_t i = 0; i < s.n; i++)
		if (is_alive(ctl) || is_alive(&s.list[i]))
			show(&s.list[i]);
	if (!is_alive(ctl))
		say(PARTS("ctl: not running"));
	code = run_program("bin/qmail-qstat");
	if (code == 0 && !is_alive(ctl))
		code = EX_HARD;
	return code;
}

int
tell_queue(void *unused)
{
	int code;

	(void)unused;
	code = run_program("bin/qmail-qstat");
	return code != 0 ? code : run_program("bin/qmail-qread");
}

/* Send a signal to one service. False if it does not run. */
static bool
signal_service(const struct state_entry *e, int number)
{
	int process = e != NULL ? state_open_process(e) : -1;
	int r;

	if (process < 0)
		return false;
	r = state_signal(process, number);
	fd_close(&process);
	if (r < 0)
		say_die(EX_SOFT, PARTS("unable to signal ", e->name), r);
	return true;
}

static int
die_not_running(void)
{
	say_warn(PARTS("fatal: qmail-send is not running"));
	return EX_SOFT;
}

int
tell_flush(void *unused)
{
	struct state s;

	(void)unused;
	read_state(&s);
	if (access("bin/qmail-tcpok", X_OK) == 0) {
		int code = run_program("bin/qmail-tcpok");

		if (code != 0)
			return code;
	}
	if (!signal_service(state_find(&s, "send"), SIGALRM))
		return die_not_running();
	say(PARTS("Sent ALRM to qmail-send: all messages are due now."));
	return 0;
}

int
tell_reload(void *unused)
{
	struct state s;
	bool has_send = false;

	(void)unused;
	read_state(&s);
	for (size_t i = 0; i < s.n; i++) {
		const struct state_entry *e = &s.list[i];

		/* the supervisor and the queue have nothing to read again */
		if (strcmp(e->name, "ctl") == 0 ||
		    strcmp(e->name, "queue") == 0)
			continue;
		if (signal_service(e, SIGHUP) && strcmp(e->name, "send") == 0)
			has_send = true;
	}
	if (!has_send)
		return die_not_running();
	say(PARTS("Sent HUP to qmail-send and the listeners."));
	return 0;
}

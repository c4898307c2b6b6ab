/*
 * stop - end what runs in the current home: see stop.h
 */
#include "stop.h"

#include <signal.h>
#include <string.h>

#include "base/err.h"
#include "say.h"
#include "supervise.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/prog.h"

enum {
	/* the supervisor itself kills after STOP_MS */
	SUPERVISOR_MS = STOP_MS + 10 * 1000,
	KILL_MS = 10 * 1000 /* for the kernel, to end a killed process */
};

static enum stage
stage_of(const struct state_entry *e)
{
	if (strcmp(e->name, "queue") == 0)
		return STAGE_QUEUE;
	return strcmp(e->name, "send") == 0 ? STAGE_SEND : STAGE_LISTENERS;
}

static bool
is_in_stage(const struct state_entry *e, enum stage stage)
{
	return strcmp(e->name, "ctl") != 0 && stage_of(e) == stage;
}

static void
signal_or_die(int process, const struct state_entry *e, int number)
{
	char pid[NUMBER_MAX];
	int r = state_signal(process, number);

	if (r < 0 && state_began(e->pid) == e->began)
		say_die(EX_SOFT,
		    PARTS("unable to stop ", e->name, ", process ",
			say_number((uint64_t)e->pid, pid)),
		    r);
}

/* Wait until a process has ended, killing it at the deadline. */
static void
wait_or_kill(int process, const struct state_entry *e, int64_t until)
{
	if (process < 0 || fd_wait_in(process, until) == 0)
		return;
	signal_or_die(process, e, SIGKILL);
	if (fd_wait_in(process, clock_ms() + KILL_MS) < 0)
		say_die(EX_SOFT, PARTS(e->name, " does not end"), E_TIMEOUT);
}

void
stop_leftovers(const struct state *s)
{
	int64_t until = clock_ms() + STOP_MS;
	int process[1 + SERVICES_MAX];

	for (unsigned int stage = 0; stage < STAGES; stage++) {
		for (size_t i = 0; i < s->n; i++) {
			process[i] = -1;
			if (is_in_stage(&s->list[i], stage))
				process[i] = state_open_process(&s->list[i]);
			if (process[i] >= 0)
				signal_or_die(process[i], &s->list[i], SIGTERM);
		}
		for (size_t i = 0; i < s->n; i++) {
			wait_or_kill(process[i], &s->list[i], until);
			fd_close(&process[i]);
		}
	}
}

static bool
has_leftovers(const struct state *s)
{
	bool found = false;

	for (size_t i = 0; i < s->n && !found; i++) {
		int process = state_open_process(&s->list[i]);

		found = process >= 0;
		fd_close(&process);
	}
	return found;
}

int
stop_all(void *unused)
{
	const struct state_entry *ctl;
	struct state s;
	int process = -1;
	int r = state_read(&s);

	(void)unused;
	if (r < 0)
		prog_die(EX_SOFT, "unable to read supervise/ctl.state", r);
	if (!has_leftovers(&s)) {
		say(PARTS("not running"));
		return 0;
	}
	ctl = state_find(&s, "ctl");
	if (ctl != NULL)
		process = state_open_process(ctl);
	if (process >= 0) {
		signal_or_die(process, ctl, SIGTERM);
		wait_or_kill(process, ctl, clock_ms() + SUPERVISOR_MS);
		fd_close(&process);
	}
	/* what a supervisor that was killed could not stop */
	stop_leftovers(&s);
	say(PARTS("stopped"));
	return 0;
}

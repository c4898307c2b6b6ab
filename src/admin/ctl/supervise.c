/*
 * supervise - keep the services of one home running: see supervise.h
 */
#include "supervise.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "say.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/file.h"
#include "sys/proc.h"
#include "sys/prog.h"
#include "sys/sig.h"
#include "sys/wait.h"

enum { LOG_MODE = 0644 };

static void
write_state(const struct crew *c)
{
	struct state s = { .n = 1 + c->n };
	int r;

	s.list[0] = (struct state_entry){ .name = "ctl",
		.pid = getpid(),
		.began = state_began(getpid()),
		.since = c->since };
	for (size_t i = 0; i < c->n; i++) {
		const struct service *v = &c->list[i];
		struct state_entry *e = &s.list[1 + i];

		memcpy(e->name, v->name, sizeof(e->name));
		e->pid = v->pid;
		e->began = v->began;
		e->since = v->since;
		e->restarts = v->restarts;
	}
	r = state_write(&s);
	if (r < 0)
		say_log(PARTS(
		    "unable to write supervise/ctl.state: ", err_text(r)));
}

static int
open_log(const struct service *v, int *fd)
{
	struct buf path = BUF_INIT(4 + LISTENER_NAME_MAX);
	const char *p;
	int r;

	buf_puts(&path, "log/");
	buf_puts(&path, v->name);
	r = buf_cstr(&path, &p);
	if (r == 0)
		r = file_open(
		    FILE_CWD, p, O_WRONLY | O_CREAT | O_APPEND, LOG_MODE, fd);
	buf_free(&path);
	return r;
}

static void
plan_restart(struct service *v)
{
	int64_t pause = BACKOFF_MS;
	int64_t now = clock_ms();

	if (now - v->started >= SHORT_LIFE_MS)
		v->fast = 0;
	else
		v->fast++;
	/* at once the first time, then ever later */
	for (unsigned int i = 2; i < v->fast && pause < BACKOFF_MAX_MS; i++)
		pause *= 2;
	if (pause > BACKOFF_MAX_MS)
		pause = BACKOFF_MAX_MS;
	v->due = v->fast > 1 ? now + pause : now;
}

static void
start(struct crew *c, struct service *v)
{
	int log = -1;
	int r = open_log(v, &log);
	const struct proc_fd fds[] = { { v->fd >= 0 ? v->fd : c->null, 0 },
		{ log, 1 }, { log, 2 }, { -1, -1 } };

	v->started = clock_ms();
	v->since = (uint64_t)clock_real();
	if (r == 0)
		r = proc_spawn(
		    &(struct proc_start){ .argv = v->argv, .fds = fds },
		    &v->pid);
	fd_close(&log);
	if (r == 0) {
		v->began = state_began(v->pid);
		return;
	}
	v->pid = 0;
	plan_restart(v);
	say_log(PARTS(v->name, ": unable to start: ", err_text(r)));
}

/* Start what is down and due. Whether anything changed. */
static bool
start_due(struct crew *c)
{
	bool has_changed = false;

	for (size_t i = 0; i < c->n; i++)
		if (c->list[i].pid == 0 && c->list[i].due <= clock_ms()) {
			start(c, &c->list[i]);
			has_changed = true;
		}
	return has_changed;
}

/* Tell whoever waits for the start; it stops listening when all is well. */
static void
report_end(struct crew *c, const char *name, const char *how, const char *n)
{
	struct buf line = BUF_INIT(256);

	if (c->report < 0)
		return;
	buf_puts(&line, name);
	buf_puts(&line, how);
	buf_puts(&line, n);
	buf_putc(&line, '\n');
	if (buf_err(&line) < 0 ||
	    fd_write(c->report, buf_span(&line), clock_ms() + STOP_MS) < 0)
		fd_close(&c->report);
	buf_free(&line);
}

static void
note_end(struct crew *c, struct service *v, struct proc_end end)
{
	const char *how =
	    end.how == PROC_KILLED ? " killed by signal " : " exited ";
	char pid[NUMBER_MAX], value[NUMBER_MAX], pause[NUMBER_MAX];
	int64_t now = clock_ms();

	(void)say_number((uint64_t)v->pid, pid);
	(void)say_number((uint64_t)end.value, value);
	v->pid = 0;
	if (c->is_stopping) {
		say_log(PARTS(v->name, ": pid ", pid, how, value));
		return;
	}
	plan_restart(v);
	v->restarts++;
	report_end(c, v->name, how, value);
	if (v->due <= now)
		say_log(
		    PARTS(v->name, ": pid ", pid, how, value, ", restarting"));
	else
		say_log(PARTS(v->name, ": pid ", pid, how, value,
		    ", restarting in ",
		    say_number((uint64_t)(v->due - now), pause), " ms"));
}

/* Whatever ended: services, and what they left behind. */
static bool
reap(struct crew *c)
{
	bool has_changed = false;
	int status;
	pid_t pid;

	while ((pid = proc_reap(&status)) > 0)
		for (size_t i = 0; i < c->n; i++)
			if (c->list[i].pid == pid) {
				note_end(c, &c->list[i], proc_end_of(status));
				has_changed = true;
			}
	return has_changed;
}

static void
signal_stage(struct crew *c, int signal)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->list[i].stage == c->stage && c->list[i].pid != 0)
			(void)kill(c->list[i].pid, signal);
}

static bool
stage_is_over(const struct crew *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->list[i].stage == c->stage && c->list[i].pid != 0)
			return false;
	return true;
}

static void
begin_stop(struct crew *c)
{
	if (c->is_stopping)
		return;
	say_log(PARTS("stopping"));
	c->is_stopping = true;
	c->stage = STAGE_LISTENERS;
	c->kill_at = clock_ms() + STOP_MS;
	/* nobody must wait in the queue of a socket nobody serves */
	for (size_t i = 0; i < c->n; i++)
		if (c->list[i].stage == STAGE_LISTENERS)
			fd_close(&c->list[i].fd);
	signal_stage(c, SIGTERM);
}

/* Go on with the next stage where one is over. Whether all are. */
static bool
advance_stop(struct crew *c)
{
	if (clock_ms() >= c->kill_at)
		signal_stage(c, SIGKILL);
	while (stage_is_over(c)) {
		if (++c->stage == STAGES)
			return true;
		/* that one had to be killed is no reason to kill the next */
		if (clock_ms() + GRACE_MS > c->kill_at)
			c->kill_at = clock_ms() + GRACE_MS;
		signal_stage(c, SIGTERM);
	}
	return false;
}

static void
prepare(struct crew *c, struct wait *w)
{
	wait_reset(w);
	(void)wait_in(w, c->signals);
	if (c->is_stopping && clock_ms() < c->kill_at)
		wait_until(w, c->kill_at);
	for (size_t i = 0; !c->is_stopping && i < c->n; i++)
		if (c->list[i].pid == 0)
			wait_until(w, c->list[i].due);
}

static bool
take_signals(struct crew *c)
{
	bool has_changed = false;
	int signal;

	while ((signal = sig_next(c->signals)) != 0) {
		if (signal == SIGCHLD)
			has_changed |= reap(c);
		else if (signal == SIGTERM || signal == SIGINT)
			begin_stop(c);
	}
	return has_changed;
}

static int
run(struct crew *c)
{
	struct wait w = WAIT_INIT;
	int r = 0;

	for (;;) {
		bool has_changed = take_signals(c);

		if (!c->is_stopping)
			has_changed |= start_due(c);
		if (has_changed)
			write_state(c);
		if (c->is_stopping && advance_stop(c))
			break;
		prepare(c, &w);
		r = wait_run(&w);
		if (r < 0)
			begin_stop(c);
	}
	wait_free(&w);
	return r;
}

int
supervise(struct crew *c, int report)
{
	const int signals[] = { SIGCHLD, SIGTERM, SIGINT, SIGHUP, 0 };
	int r;

	c->report = report;
	c->since = (uint64_t)clock_real();
	r = sig_open(signals, &c->signals);
	if (r == 0)
		r = file_open(FILE_CWD, "/dev/null", O_RDWR, 0, &c->null);
	if (r < 0) {
		say_log(PARTS("unable to start: ", err_text(r)));
		return EX_SOFT;
	}
	/* what a killed service leaves behind is ours to bury */
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	say_log(PARTS("started"));
	r = run(c);
	err_ignore(file_unlink(FILE_CWD, "run/queue"));
	say_log(PARTS("stopped"));
	return r < 0 ? EX_SOFT : 0;
}

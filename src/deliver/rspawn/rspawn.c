/*
 * qmail-rspawn - hands messages for other hosts to qmail-remote
 *
 * Run by:   qmail-start(8), beside qmail-send(8)
 * Runs as:  qmailr, with the effective group qmail to read the queue; the
 *           programs it starts do not have that group
 * Input:    JOB frames on descriptor 0; DONE frames from its workers, or
 *           classic reports from the program the administrator named
 * Trusts:   qmail-send and the control files; of a worker only that its
 *           verdicts are about its own job
 * Output:   HELLO and RESULT frames on descriptor 1
 * Exits:    0 end of file on 0 and all jobs done, 111 it could not start,
 *           or qmail-send talks nonsense
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "child.h"
#include "classic.h"
#include "conf/control.h"
#include "conf/smtproutes.h"
#include "limits.h"
#include "pool.h"
#include "queue/job.h"
#include "queue/store.h"
#include "queue/tcptable.h"
#include "queue/wire.h"
#include "sys/clock.h"
#include "sys/env.h"
#include "sys/fd.h"
#include "sys/file.h"
#include "sys/home.h"
#include "sys/log.h"
#include "sys/proc.h"
#include "sys/prog.h"
#include "sys/sig.h"
#include "sys/wait.h"

enum { JOBS = 0, RESULTS = 1, READ_PIECE = 65536 };

struct rspawn {
	struct store *store;
	int signals;
	bool is_open;               /* descriptor 0: more jobs may come */
	bool is_heard;              /* descriptor 1: somebody wants results */
	int code;                   /* to exit with */
	struct buf in;              /* of 0, not decoded yet */
	struct buf out;             /* for 1, not written yet */
	struct task *first, **last; /* waiting, in the order they came */
	size_t tasks;               /* unfinished ones in all */
	struct pool *pool;
	struct classic classic;
	/* what decides where jobs go */
	struct file_stamp command_stamp;
	struct buf command; /* of control/remotecommand; empty: none */
	struct buf key;
};

/* The task has all its verdicts: tell qmail-send, forget it. */
static void
finish(void *ctx, struct task *t)
{
	struct rspawn *s = ctx;

	if (s->is_heard)
		task_result(t, &s->out);
	task_destroy(&t);
	s->tasks--;
}

static void
refresh_command(struct rspawn *s)
{
	struct file_stamp now;
	int r;

	if (file_stamp(FILE_CWD, "control/remotecommand", &now) < 0 ||
	    file_stamp_eq(&now, &s->command_stamp))
		return;
	buf_reset(&s->command);
	r = control_line("remotecommand", &s->command);
	/* what cannot be read now is read at the next job */
	if (r == 0 || r == E_ABSENT)
		s->command_stamp = now;
	else
		log_err("unable to read control/remotecommand", r);
}

/* The program to run once per recipient; NULL: use the workers. */
static const char *
classic_program(struct rspawn *s)
{
	const char *program = env_get("QMAILREMOTE");

	if (program != NULL)
		return program;
	refresh_command(s);
	if (buf_err(&s->command) < 0 || s->command.len == 0 ||
	    buf_cstr(&s->command, &program) < 0)
		return NULL;
	return program;
}

/* To a worker. E_BUSY: none can be had now. */
static int
give_to_worker(struct rspawn *s, struct task *t)
{
	int message = -1;
	uint64_t size;
	int r;

	buf_reset(&s->key);
	route_key(t->job.route, task_host(t), &s->key);
	r = store_message(s->store, t->job.id, &message, &size);
	if (r < 0) {
		task_settle_all(t, 'Z',
		    r == E_DAMAGED
			? SPAN("Sorry, message has wrong owner. (#4.3.5)\n")
			: SPAN("qmail-spawn unable to open message. "
			       "(#4.3.0)\n"));
		return 0;
	}
	r = pool_give(s->pool, t, &s->key, message);
	fd_close(&message);
	if (r < 0 && r != E_BUSY) {
		log_err("unable to start qmail-remote", r);
		task_settle_all(
		    t, 'Z', SPAN("qmail-spawn unable to fork. (#4.3.0)\n"));
		return 0;
	}
	return r;
}

/* Let the waiting tasks go, as far as there is anybody to take them. */
static void
dispatch(struct rspawn *s)
{
	while (s->first != NULL) {
		struct task *t = s->first;
		const char *program = classic_program(s);
		int r =
		    program != NULL || t->texts != NULL
			? classic_give(&s->classic, s->store,
			      program != NULL ? program : "bin/qmail-remote", t)
			: give_to_worker(s, t);

		if (r == E_BUSY)
			return;
		s->first = t->next;
		if (s->first == NULL)
			s->last = &s->first;
		t->next = NULL;
		if (t->left == 0)
			finish(s, t);
	}
}

static void
take_task(struct rspawn *s, struct task *t)
{
	s->tasks++;
	if (t->left == 0) {
		finish(s, t);
		return;
	}
	*s->last = t;
	s->last = &t->next;
}

/* The other side is broken or gone for good. */
static void
stop_reading(struct rspawn *s, const char *why, int r)
{
	s->is_open = false;
	if (why == NULL)
		return;
	log_err(why, r);
	s->code = EX_SOFT;
}

/* Take the complete frames out of the input. */
static void
decode(struct rspawn *s)
{
	struct span in = buf_span(&s->in);

	for (;;) {
		struct span before = in;
		struct task *t = NULL;
		struct frame f;
		int r = wire_next(&in, JOB_FRAME_MAX, &f);

		if (r == E_EOF)
			break;
		if (r == 0)
			r = task_new(
			    span_head(before, before.len - in.len), &t);
		if (r < 0 || t == NULL) {
			stop_reading(s, "unable to take a job", r);
			return;
		}
		take_task(s, t);
	}
	buf_drop(&s->in, s->in.len - in.len);
}

static void
read_jobs(struct rspawn *s)
{
	size_t got = 0;
	int r = fd_read_buf(JOBS, &s->in, READ_PIECE, FD_FOREVER, &got);

	if (r < 0)
		stop_reading(s, "unable to read jobs", r);
	else if (got == 0)
		stop_reading(s, NULL, 0);
	else
		decode(s);
}

/* Write what the pipe takes. */
static void
write_results(struct rspawn *s)
{
	while (s->out.len > 0 && s->is_heard) {
		ssize_t n;

		if (buf_err(&s->out) < 0)
			break;
		n = write(RESULTS, s->out.p, s->out.len);
		if (n >= 0) {
			buf_drop(&s->out, (size_t)n);
			continue;
		}
		if (errno == EAGAIN)
			return;
		if (errno != EINTR)
			break;
	}
	if (s->out.len == 0 && buf_err(&s->out) == 0)
		return;
	/* nobody reads; those at work go on to the end (queue.md 1.5) */
	s->is_heard = false;
	s->is_open = false;
	buf_reset(&s->out);
}

static void
reap(struct rspawn *s)
{
	int status;
	pid_t pid;

	while (sig_next(s->signals) != 0)
		;
	while ((pid = proc_reap(&status)) > 0)
		if (!pool_reaped(s->pool, pid, status, finish, s))
			classic_reaped(&s->classic, pid, status, finish, s);
}

/* Whether to take more jobs now. */
static bool
is_hungry(const struct rspawn *s)
{
	return s->is_open && s->tasks < LIMIT_JOBS &&
	       s->out.len < LIMIT_BACKLOG;
}

static int
turn(struct rspawn *s, struct wait *w)
{
	size_t jobs, signals;
	int r;

	wait_reset(w);
	jobs = wait_in(w, is_hungry(s) ? JOBS : -1);
	signals = wait_in(w, s->signals);
	(void)wait_out(w, s->out.len > 0 ? RESULTS : -1);
	pool_prepare(s->pool, w);
	classic_prepare(&s->classic, w);
	r = wait_run(w);
	if (r < 0)
		return r;
	if (wait_ready(w, signals))
		reap(s);
	pool_ready(s->pool, w, finish, s);
	classic_ready(&s->classic, w, finish, s);
	if (wait_ready(w, jobs))
		read_jobs(s);
	dispatch(s);
	write_results(s);
	return 0;
}

static int
run(struct rspawn *s)
{
	struct wait w = WAIT_INIT;
	int r = 0;

	while (r == 0 &&
	       (s->is_open || s->tasks > 0 || (s->is_heard && s->out.len > 0)))
		r = turn(s, &w);
	if (r < 0) {
		log_err("unable to wait", r);
		s->code = EX_SOFT;
	}
	wait_free(&w);
	return s->code;
}

/* All addresses are as good as any other when the system starts. */
static void
clear_tcpto(void)
{
	static const struct tcptable none;
	int fd = -1;
	int r = file_open(FILE_CWD, "queue/lock/tcpto", O_WRONLY, 0, &fd);

	if (r == 0)
		r = tcptable_write(fd, &none);
	if (r < 0 && r != E_ABSENT)
		log_err("unable to clear queue/lock/tcpto", r);
	fd_close(&fd);
}

static void
hello(struct rspawn *s)
{
	size_t begun = wire_begin(&s->out, WIRE_HELLO);

	wire_put_u32(&s->out, LIMIT_JOBS);
	wire_end(&s->out, begun);
}

static void
open_all(struct rspawn *s)
{
	static const int signals[] = { SIGCHLD, 0 };
	unsigned long soft;
	int r = home_enter();

	if (r < 0)
		prog_die_file(EX_SOFT, "unable to enter", home_path(), r);
	r = store_open(&s->store);
	if (r < 0)
		prog_die(EX_SOFT, "unable to open the queue", r);
	r = sig_open(signals, &s->signals);
	if (r == 0)
		r = fd_nonblock(RESULTS, true);
	if (r < 0)
		prog_die(EX_SOFT, "unable to start", r);
	s->pool = mem_new(1, sizeof(*s->pool));
	if (s->pool == NULL)
		prog_die(EX_SOFT, "unable to start", E_NOMEM);
	child_raise_limit(LIMIT_FILES, &soft);
	pool_init(s->pool, soft);
	s->classic.soft = soft;
	clear_tcpto();
	hello(s);
}

static void
close_all(struct rspawn *s)
{
	pool_free(s->pool);
	mem_free(s->pool);
	buf_free(&s->command);
	buf_free(&s->key);
	buf_free(&s->in);
	buf_free(&s->out);
	store_close(&s->store);
	fd_close(&s->signals);
}

int
main(void)
{
	struct rspawn s = { .signals = -1,
		.is_open = true,
		.is_heard = true,
		.in = BUF_INIT(JOB_FRAME_MAX + WIRE_HEAD + READ_PIECE),
		.out = BUF_INIT(LIMIT_RESULTS),
		.command = BUF_INIT(CONTROL_MAX),
		.key = BUF_INIT(LIMIT_KEY) };
	int code;

	prog_start("qmail-rspawn");
	s.last = &s.first;
	open_all(&s);
	code = run(&s);
	close_all(&s);
	return code;
}

/*
 * qmail-lsched - give messages to the accounts that own their recipients
 *
 * Run by:   qmail-lspawn(8), which is root and starts the workers
 * Runs as:  qmailp, its effective group qmail to read messages; reads no
 *           mail itself
 * Input:    jobs of qmail-send on descriptor 0; users/cdb; answers of
 *           qmail-getpw and of workers, which may be hostile; on descriptor
 *           3 the ends of workers
 * Trusts:   users/cdb and qmail-getpw to say who owns an address; qmail-send
 *           to name messages. A worker is believed about its own delivery
 * Output:   results on descriptor 1; messages, as descriptors, to workers
 *           bin/qmail-local, each for life one account; orders on 3
 * Exits:    0 qmail-send has gone, 100 misused, 111 it could not start or
 *           go on
 */
#include "lsched.h"

#include <signal.h>
#include <unistd.h>

#include "base/err.h"
#include "queue/job.h"
#include "queue/wire.h"
#include "sys/fd.h"
#include "sys/home.h"
#include "sys/prog.h"
#include "sys/sig.h"

static void
open_all(struct lsched *s)
{
	static const int signals[] = { SIGCHLD, 0 };
	int r = fd_cloexec(WORKER_FD, true);

	if (r < 0)
		prog_die(EX_SOFT, "unable to talk to qmail-lspawn", r);
	r = home_enter();
	if (r < 0)
		prog_die_file(EX_SOFT, "unable to chdir to", home_path(), r);
	r = store_open(&s->store);
	if (r < 0)
		prog_die(EX_SOFT, "unable to open queue", r);
	r = sig_open(signals, &s->signal_fd);
	if (r < 0)
		prog_die(EX_SOFT, "unable to wait for signals", r);
}

static void
say_hello(struct lsched *s)
{
	size_t begun = wire_begin(&s->out, WIRE_HELLO);

	wire_put_u32(&s->out, ORDERS_MAX);
	wire_end(&s->out, begun);
}

/* Bury qmail-getpw. */
static void
reap(struct lsched *s)
{
	int status, number;
	pid_t pid;

	do
		number = sig_next(s->signal_fd);
	while (number != 0);
	while ((pid = proc_reap(&status)) > 0)
		users_gone(s, pid);
}

/* Until qmail-send has gone and everything it wanted has ended. */
static int
run(struct lsched *s)
{
	struct wait w = WAIT_INIT;

	for (;;) {
		size_t orders, signals;
		int r;

		pool_run(s);
		orders_write(s);
		if (s->is_over && s->norders == 0)
			break;
		wait_reset(&w);
		orders = wait_in(&w, s->is_over ? -1 : 0);
		signals = wait_in(&w, s->signal_fd);
		users_prepare(s, &w);
		pool_prepare(s, &w);
		r = wait_run(&w);
		if (r < 0)
			prog_die(EX_SOFT, "unable to wait", r);
		pool_ready(s, &w);
		users_ready(s, &w);
		if (wait_ready(&w, signals))
			reap(s);
		if (wait_ready(&w, orders))
			orders_read(s);
	}
	wait_free(&w);
	return s->code;
}

static void
close_all(struct lsched *s)
{
	store_close(&s->store);
	cdbfile_close(&s->cdb);
	map_destroy(&s->cache);
	buf_free(&s->in);
	buf_free(&s->out);
	buf_free(&s->answer);
	buf_free(&s->ext);
	buf_free(&s->done);
	buf_free(&s->order);
	buf_free(&s->gone);
}

int
main(int argc, char **argv)
{
	struct lsched s = { .in = BUF_INIT(IN_MAX),
		.out = BUF_INIT(OUT_MAX),
		.answer = BUF_INIT(ANSWERS_MAX),
		.ext = BUF_INIT(ACCOUNT_MAX),
		.done = BUF_INIT(DONE_MAX),
		.order = BUF_INIT(WORKER_FRAME_MAX),
		.gone = BUF_INIT(WORKER_FRAME_MAX),
		.uid = geteuid(),
		.look_at = INT64_MAX,
		.ask_fd = -1,
		.answer_fd = -1 };
	int code;

	prog_start("qmail-lsched");
	if (argc != 3)
		prog_usage("qmail-lsched any|own defaultdelivery");
	s.is_any = span_eq(span_cstr(argv[1]), SPAN("any"));
	s.fallback = span_cstr(argv[2]);
	TAILQ_INIT(&s.orders);
	TAILQ_INIT(&s.asking);
	TAILQ_INIT(&s.asked);
	TAILQ_INIT(&s.ready);
	open_all(&s);
	say_hello(&s);
	code = run(&s);
	close_all(&s);
	return code;
}

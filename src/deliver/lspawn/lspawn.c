/*
 * qmail-lspawn - give messages to the accounts that own their recipients
 *
 * Run by:   qmail-start(8), with the default delivery
 * Runs as:  root, to become the owners; reads no mail
 * Input:    jobs of qmail-send on descriptor 0; users/cdb; answers of
 *           qmail-getpw and of workers, which may be hostile
 * Trusts:   users/cdb and qmail-getpw to say who owns an address; qmail-send
 *           to name messages. A worker is believed about its own delivery
 * Output:   results on descriptor 1; messages, as descriptors, to workers
 *           bin/qmail-local, each for life one account; never root
 * Exits:    0 qmail-send has gone, 100 misused, 111 it could not start or
 *           go on
 */
#include "lspawn.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "queue/job.h"
#include "queue/wire.h"
#include "sys/fd.h"
#include "sys/home.h"
#include "sys/priv.h"
#include "sys/prog.h"
#include "sys/sig.h"

static void NORETURN
die_missing(struct span line)
{
	err_ignore(fd_write(2, line, FD_FOREVER));
	exit(EX_SOFT);
}

/* Whom qmail-getpw will be. */
static void
find_accounts(struct lspawn *s)
{
	s->is_root = priv_is_root();
	s->uid = geteuid();
	if (!s->is_root)
		return;
	if (priv_user("qmailp", &s->qmailp.uid, &s->qmailp.gid) < 0)
		die_missing(SPAN("fatal: unable to find user qmailp\n"));
	if (priv_group("nofiles", &s->qmailp.gid) < 0)
		die_missing(SPAN("fatal: unable to find group nofiles\n"));
}

static void
open_all(struct lspawn *s)
{
	static const int signals[] = { SIGCHLD, 0 };
	int r;

	find_accounts(s);
	r = home_enter();
	if (r < 0)
		prog_die_file(EX_SOFT, "unable to chdir to", home_path(), r);
	r = store_open(&s->store);
	if (r < 0)
		prog_die(EX_SOFT, "unable to open queue", r);
	r = file_open(FILE_CWD, "/dev/null", O_RDWR, 0, &s->null_fd);
	if (r < 0)
		prog_die(EX_SOFT, "unable to open /dev/null", r);
	r = sig_open(signals, &s->signal_fd);
	if (r < 0)
		prog_die(EX_SOFT, "unable to wait for signals", r);
}

static void
say_hello(struct lspawn *s)
{
	size_t begun = wire_begin(&s->out, WIRE_HELLO);

	wire_put_u32(&s->out, ORDERS_MAX);
	wire_end(&s->out, begun);
}

/* Bury the dead. */
static void
reap(struct lspawn *s)
{
	int status, number;
	pid_t pid;

	do
		number = sig_next(s->signal_fd);
	while (number != 0);
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		users_gone(s, pid);
		pool_gone(s, pid, proc_end_of(status));
	}
}

/* Until qmail-send has gone and everything it wanted has ended. */
static int
run(struct lspawn *s)
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
close_all(struct lspawn *s)
{
	store_close(&s->store);
	cdbfile_close(&s->cdb);
	map_destroy(&s->cache);
	buf_free(&s->in);
	buf_free(&s->out);
	buf_free(&s->answer);
	buf_free(&s->ext);
	buf_free(&s->done);
}

int
main(int argc, char **argv)
{
	struct lspawn s = { .in = BUF_INIT(IN_MAX),
		.out = BUF_INIT(OUT_MAX),
		.answer = BUF_INIT(ANSWERS_MAX),
		.ext = BUF_INIT(ACCOUNT_MAX),
		.done = BUF_INIT(DONE_MAX),
		.ask_fd = -1,
		.answer_fd = -1 };
	int code;

	prog_start("qmail-lspawn");
	if (argc < 2)
		prog_usage("qmail-lspawn defaultdelivery");
	s.fallback = span_cstr(argv[1]);
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

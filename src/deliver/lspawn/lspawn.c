/*
 * qmail-lspawn - start the processes that deliver, as the owners of mail
 *
 * Run by:   qmail-start(8), with the default delivery
 * Runs as:  root, to become the owners, and does nothing else: which
 *           process is needed, and what it is to do, is the business of
 *           qmail-lsched, which it starts first and which has no such right
 * Input:    orders of qmail-lsched on a socket, 64 bytes at most
 * Trusts:   qmail-lsched to say which account, but not to say root
 * Output:   bin/qmail-lsched, with our descriptors 0, 1 and 2; processes
 *           bin/qmail-local, with the socket that came with an order as
 *           their descriptor 0; how they ended, to qmail-lsched
 * Exits:    what qmail-lsched exits: 0 qmail-send has gone; 100 misused,
 *           111 it could not start or go on
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "queue/worker.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/file.h"
#include "sys/home.h"
#include "sys/log.h"
#include "sys/priv.h"
#include "sys/proc.h"
#include "sys/prog.h"
#include "sys/sig.h"
#include "sys/sock.h"
#include "sys/wait.h"

enum { EXIT_CANNOT = 127 };

static const char scheduler[] = "bin/qmail-lsched";

struct lspawn {
	bool is_root;
	struct proc_id qmailp; /* who qmail-lsched is */
	gid_t qmail;           /* and with whose group it reads messages */
	int null_fd, signal_fd;
	int fd; /* to qmail-lsched */
	pid_t pid;
	pid_t worker[WORKERS_MAX]; /* 0: the slot is free */
	struct buf in, out;
};

/* The other side is not what we started, or not what it was any more. */
static void NORETURN
die_of_order(const char *why)
{
	prog_die_file(EX_SOFT, "refusing an order of qmail-lsched:", why, 0);
}

/* --- qmail-lsched --- */

static void
find_accounts(struct lspawn *s)
{
	s->is_root = priv_is_root();
	if (!s->is_root)
		return;
	s->qmailp.uid = priv_need_user("qmailp");
	s->qmailp.gid = priv_need_group("nofiles");
	s->qmail = priv_need_group("qmail");
}

/* Our own descriptors 0 and 1 are the scheduler's alone from then on. */
static int
start_scheduler(struct lspawn *s, const char *delivery)
{
	const char *const argv[] = { scheduler, s->is_root ? "any" : "own",
		delivery, NULL };
	int ends[2];
	int r = sock_pair(ends);

	if (r < 0)
		return r;
	const struct proc_fd fds[] = { { ends[1], WORKER_FD }, { -1, -1 } };
	const struct proc_start what = { .argv = argv,
		.fds = fds,
		.as = s->is_root ? &s->qmailp : NULL,
		.effective = s->qmail,
		.noexec = EXIT_CANNOT };

	r = proc_spawn(&what, &s->pid);
	fd_close(&ends[1]);
	s->fd = ends[0];
	if (r == 0 && (dup2(s->null_fd, 0) < 0 || dup2(s->null_fd, 1) < 0))
		r = err_sys();
	return r;
}

/* It has ended, and with it what there is to do. */
static int
code_of(struct proc_end end)
{
	if (end.how == PROC_EXITED && end.value == EXIT_CANNOT)
		prog_die_file(EX_SOFT, "unable to run", scheduler, 0);
	if (end.how == PROC_EXITED)
		return end.value;
	log_line("qmail-lsched crashed");
	return EX_SOFT;
}

static void
tell(struct lspawn *s, uint32_t slot, enum worker_how how, int value)
{
	const struct worker_end end = {
		.slot = slot, .how = how, .value = (uint32_t)value
	};

	buf_reset(&s->out);
	worker_end_put(&s->out, &end);
	/* should it be gone, we hear of that elsewhere */
	if (buf_err(&s->out) < 0 || sock_send(s->fd, buf_span(&s->out), -1,
					clock_ms() + WORKER_MS) == E_TIMEOUT)
		prog_die(EX_SOFT, "qmail-lsched does not listen", 0);
}

/* --- workers --- */

/* Nobody's mail is delivered as root, whoever says so. */
static void
check_account(const struct lspawn *s, const struct proc_id *id)
{
	if (!s->is_root && (id->uid != geteuid() || id->gid != getegid()))
		die_of_order("not our own account");
	if (!s->is_root)
		return;
	if (id->uid == 0 || id->gid == 0)
		die_of_order("to deliver as root");
	if (id->uid == (uid_t)-1 || id->gid == (gid_t)-1)
		die_of_order("no account");
}

static void
start_worker(struct lspawn *s, const struct worker_order *o, int work)
{
	static const char *const argv[] = { "bin/qmail-local", "--resident",
		NULL };
	const struct proc_id id = { .uid = o->uid, .gid = o->gid };
	/* the log is not for users to write into */
	const struct proc_fd fds[] = { { work, 0 }, { s->null_fd, 1 },
		{ s->null_fd, 2 }, { -1, -1 } };
	const struct proc_start what = {
		.argv = argv, .fds = fds, .as = s->is_root ? &id : NULL
	};

	if (work < 0)
		die_of_order("without a socket");
	if (s->worker[o->slot] != 0)
		die_of_order("a slot in use");
	check_account(s, &id);
	if (proc_spawn(&what, &s->worker[o->slot]) < 0)
		tell(s, o->slot, WORKER_NOFORK, 0);
}

/* One that has just died may be meant: that is no fault. */
static void
kill_worker(const struct lspawn *s, uint32_t slot)
{
	if (s->worker[slot] > 0)
		(void)kill(s->worker[slot], SIGKILL);
}

static void
take_order(struct lspawn *s)
{
	struct worker_order o;
	int work = -1;
	size_t got = 0;
	int r;

	buf_reset(&s->in);
	r = sock_recv(s->fd, &s->in, WORKER_FRAME_MAX, FD_FOREVER, &got, &work);
	if (r < 0 || got == 0) {
		fd_close(&s->fd); /* it is about to end */
		return;
	}
	if (worker_order_get(buf_span(&s->in), &o) < 0)
		die_of_order("rubbish");
	if (o.is_start)
		start_worker(s, &o, work);
	else
		kill_worker(s, o.slot);
	fd_close(&work);
}

static void
bury_worker(struct lspawn *s, pid_t pid, struct proc_end end)
{
	for (uint32_t i = 0; i < WORKERS_MAX; i++) {
		if (s->worker[i] != pid)
			continue;
		s->worker[i] = 0;
		tell(s, i,
		    end.how == PROC_KILLED ? WORKER_KILLED : WORKER_EXITED,
		    end.value);
	}
}

/* Bury the dead. False when qmail-lsched is among them: *code. */
static bool
reap(struct lspawn *s, int *code)
{
	int status, number;
	pid_t pid;

	do
		number = sig_next(s->signal_fd);
	while (number != 0);
	while ((pid = proc_reap(&status)) > 0) {
		if (pid == s->pid) {
			*code = code_of(proc_end_of(status));
			return false;
		}
		bury_worker(s, pid, proc_end_of(status));
	}
	return true;
}

/* Until qmail-lsched ends. */
static int
run(struct lspawn *s)
{
	struct wait w = WAIT_INIT;
	int code = EX_SOFT;

	for (;;) {
		size_t orders, signals;
		int r;

		wait_reset(&w);
		orders = wait_in(&w, s->fd);
		signals = wait_in(&w, s->signal_fd);
		r = wait_run(&w);
		if (r < 0)
			prog_die(EX_SOFT, "unable to wait", r);
		if (wait_ready(&w, orders))
			take_order(s);
		if (wait_ready(&w, signals) && !reap(s, &code))
			break;
	}
	wait_free(&w);
	return code;
}

int
main(int argc, char **argv)
{
	static const int signals[] = { SIGCHLD, 0 };
	struct lspawn s = { .in = BUF_INIT(WORKER_FRAME_MAX),
		.out = BUF_INIT(WORKER_FRAME_MAX) };
	int code, r;

	prog_start("qmail-lspawn");
	if (argc < 2)
		prog_usage("qmail-lspawn defaultdelivery");
	find_accounts(&s);
	r = home_enter();
	if (r < 0)
		prog_die_file(EX_SOFT, "unable to chdir to", home_path(), r);
	r = file_open(FILE_CWD, "/dev/null", O_RDWR, 0, &s.null_fd);
	if (r < 0)
		prog_die(EX_SOFT, "unable to open /dev/null", r);
	r = sig_open(signals, &s.signal_fd);
	if (r < 0)
		prog_die(EX_SOFT, "unable to wait for signals", r);
	r = start_scheduler(&s, argv[1]);
	if (r < 0)
		prog_die_file(EX_SOFT, "unable to start", scheduler, r);
	code = run(&s);
	buf_free(&s.in);
	buf_free(&s.out);
	return code;
}

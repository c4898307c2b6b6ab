/*
 * qmail-start - start the processes that deliver mail
 *
 * Run by:   a service manager, or root's shell; by anybody for a private
 *           instance
 * Runs as:  root, who makes of each process what it should be; as anybody
 *           else all of them stay that user
 * Input:    its arguments and its environment
 * Trusts:   both, the account database, and bin/ of the home directory
 * Output:   a line on descriptor 2 when it cannot; else nothing: it becomes
 *           qmail-send in the same process
 * Exits:    111 nothing was started
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "sys/fd.h"
#include "sys/file.h"
#include "sys/home.h"
#include "sys/priv.h"
#include "sys/prog.h"
#include "sys/sig.h"

/* qmail-send's descriptors (contract queue.md 1.2). */
enum { LOG = 0, TO_LSPAWN = 1, TO_RSPAWN = 3, TO_CLEAN = 5, FDS = 7 };

enum { UMASK = 077 };

/* An identity to take on; real is what effective can go back to. */
struct identity {
	uid_t uid;
	gid_t real, effective;
};

struct identities {
	struct identity log, lspawn, rspawn, clean, send;
};

struct program {
	const char *path;
	const char *const *argv;
	const char *cwd;           /* NULL: stay in the home directory;
	                              else path is looked for in PATH */
	const struct identity *as; /* NULL: stay */
};

/* One partner of qmail-send: pipes to its 0 and from its 1. */
struct partner {
	struct program program;
	int to[2], from[2];
};

/* --- accounts --- */

static void
find_identities(struct identities *ids)
{
	uid_t l = priv_need_user("qmaill"), q = priv_need_user("qmailq");
	uid_t r = priv_need_user("qmailr"), s = priv_need_user("qmails");
	gid_t qmail = priv_need_group("qmail"),
	      nofiles = priv_need_group("nofiles");

	ids->log = (struct identity){ l, nofiles, nofiles };
	ids->lspawn = (struct identity){ 0, qmail, qmail };
	/* it reads the queue; its workers, who talk to strangers, must not,
	 * and can let go of group qmail for good */
	ids->rspawn = (struct identity){ r, nofiles, qmail };
	ids->clean = (struct identity){ q, qmail, qmail };
	ids->send = (struct identity){ s, qmail, qmail };
}

/* --- programs --- */

/*
 * Run the program in this process, with descriptors below keep and no
 * others. Returns why it could not.
 */
static int
run(const struct program *p, unsigned int keep)
{
	char *const *argv = (char *const *)(uintptr_t)p->argv;
	int r = 0;

	(void)close_range(keep, ~0U, CLOSE_RANGE_CLOEXEC);
	if (p->cwd != NULL && chdir(p->cwd) < 0)
		return err_sys();
	if (p->as != NULL)
		r = priv_drop_with(p->as->uid, p->as->real, p->as->effective);
	if (r < 0)
		return r;
	sig_default(SIGPIPE);
	if (p->cwd == NULL)
		(void)execv(p->path, argv);
	else
		(void)execvp(p->path, argv);
	return err_sys();
}

/*
 * Fork and run with these as 0 and 1. What goes wrong after the fork is
 * written to report, which closes by itself when all is well.
 */
static int
launch(const struct program *p, int in, int out, int report)
{
	pid_t pid = fork();
	int r;

	if (pid < 0)
		return err_sys();
	if (pid > 0)
		return 0;
	r = dup2(in, 0) < 0 || dup2(out, 1) < 0 ? err_sys() : 0;
	if (r == 0)
		r = run(p, 3);
	if (write(report, &r, sizeof(r)) < 0)
		_exit(EX_SOFT);
	_exit(EX_SOFT);
}

static void NORETURN
cannot_run(const struct program *p, int r)
{
	prog_die_file(EX_SOFT, "unable to run", p->path, r);
}

/* Launch, and wait until it runs or not. */
static void
launch_surely(const struct program *p, int in, int out)
{
	int report[2];
	int failed = 0;
	size_t got = 0;
	int r = fd_pipe(report);

	if (r == 0) {
		r = launch(p, in, out, report[1]);
		fd_close(&report[1]);
	}
	if (r == 0)
		r = fd_read(
		    report[0], &failed, sizeof(failed), FD_FOREVER, &got);
	fd_close(&report[0]);
	if (r < 0 || got > 0)
		cannot_run(p, r < 0 ? r : failed);
}

/* Before anything runs: a program that is missing is no reason to fork. */
static void
check(const struct program *p)
{
	if (access(p->path, X_OK) < 0)
		cannot_run(p, err_sys());
}

/* --- putting it together --- */

/* Descriptors made from now on are none of those qmail-send will have. */
static void
reserve(void)
{
	int fd = -1;

	do {
		int r = file_open(FILE_CWD, "/dev/null", O_RDWR, 0, &fd);

		if (r < 0)
			prog_die(EX_SOFT, "unable to open /dev/null", r);
	} while (fd < FDS);
	fd_close(&fd);
}

static void
make_pipe(int ends[2])
{
	int r = fd_pipe(ends);

	if (r < 0)
		prog_die(EX_SOFT, "unable to create pipe", r);
}

/* Start a partner; keep our ends as descriptors at and at + 1. */
static void
start_partner(struct partner *p)
{
	make_pipe(p->to);
	make_pipe(p->from);
	launch_surely(&p->program, p->to[0], p->from[1]);
	fd_close(&p->to[0]);
	fd_close(&p->from[1]);
}

static void
keep_partner(const struct partner *p, int at)
{
	if (dup2(p->to[1], at) < 0 || dup2(p->from[0], at + 1) < 0)
		_exit(EX_SOFT);
}

/* The log goes to our descriptor 1, or to a logger that writes there. */
static void
start_logger(const struct program *p)
{
	int log[2];

	if (p->path == NULL) {
		if (dup2(1, LOG) < 0)
			prog_die(EX_SOFT, "unable to open the log", err_sys());
		return;
	}
	make_pipe(log);
	launch_surely(p, log[0], 1);
	fd_close(&log[0]);
	if (dup2(log[1], LOG) < 0)
		prog_die(EX_SOFT, "unable to open the log", err_sys());
	fd_close(&log[1]);
}

int
main(int argc, char **argv)
{
	const char *delivery = argc > 1 ? argv[1] : "./Mailbox";
	const char *const lspawn[] = { "qmail-lspawn", delivery, NULL };
	const char *const rspawn[] = { "qmail-rspawn", NULL };
	const char *const clean[] = { "qmail-clean", NULL };
	const char *const send[] = { "qmail-send", NULL };
	struct identities ids;
	struct program logger = { .argv = (const char *const *)argv + 2 };
	struct program sender = { .path = "bin/qmail-send", .argv = send };
	struct partner local = { .program = { .path = "bin/qmail-lspawn",
				     .argv = lspawn } };
	struct partner remote = { .program = { .path = "bin/qmail-rspawn",
				      .argv = rspawn } };
	struct partner cleaner = { .program = { .path = "bin/qmail-clean",
				       .argv = clean } };
	int complaints, r;

	prog_start("qmail-start");
	(void)umask(UMASK);
	if (priv_is_root()) {
		find_identities(&ids);
		logger.as = &ids.log;
		sender.as = &ids.send;
		local.program.as = &ids.lspawn;
		remote.program.as = &ids.rspawn;
		cleaner.program.as = &ids.clean;
	}
	r = home_enter();
	if (r < 0)
		prog_die_file(EX_SOFT, "unable to enter", home_path(), r);
	check(&sender);
	check(&local.program);
	check(&remote.program);
	check(&cleaner.program);
	reserve();

	if (argc > 2) {
		logger.path = argv[2];
		logger.cwd = "/";
	}
	start_logger(&logger);
	start_partner(&local);
	start_partner(&remote);
	start_partner(&cleaner);
	keep_partner(&cleaner, TO_CLEAN);
	keep_partner(&remote, TO_RSPAWN);
	complaints = fcntl(2, F_DUPFD_CLOEXEC, FDS);
	keep_partner(&local, TO_LSPAWN); /* takes descriptor 2 */
	r = run(&sender, FDS);
	if (dup2(complaints, 2) < 0)
		_exit(EX_SOFT);
	cannot_run(&sender, r);
}

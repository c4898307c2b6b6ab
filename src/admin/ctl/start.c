/*
 * start - check everything, bind everything, then run it: see start.h
 */
#include "start.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "conf/control.h"
#include "listeners.h"
#include "say.h"
#include "state.h"
#include "stop.h"
#include "supervise.h"
#include "sys/env.h"
#include "sys/fd.h"
#include "sys/file.h"
#include "sys/home.h"
#include "sys/lock.h"
#include "sys/priv.h"
#include "sys/proc.h"
#include "sys/prog.h"
#include "sys/sock.h"
#include "up.h"

enum {
	ALREADY = 1, /* what check() says when all runs already */
	SOCKET_MODE = 0666,
	BACKLOG = 1024,
	LOCK_MODE = 0600,
	LOG_MODE = 0644,
	PATH_VALUE_MAX = 64 * 1024
};

static const char lock_file[] = "supervise/ctl.lock";

/* One of each kind: who may write there, when accounts are used. */
static const struct {
	const char *path;
	const char *owner;
} folders[] = {
	{ "queue/mess/0", "qmailq" },
	{ "queue/todo/0", "qmailq" },
	{ "queue/info/0", "qmails" },
};

static const char *const programs[] = { "bin/qmail-queue", "bin/qmail-start",
	"bin/qmail-send", "bin/qmail-lspawn", "bin/qmail-lsched",
	"bin/qmail-rspawn", "bin/qmail-clean", "bin/qmail-local",
	"bin/qmail-remote", NULL };

static void
check_me(void)
{
	struct buf me = BUF_INIT(CONTROL_MAX);
	int r = control_line("me", &me);

	if (r < 0)
		prog_die(prog_code(r), "unable to read control/me", r);
	if (me.len == 0)
		prog_die(EX_HARD, "control/me is empty", 0);
	buf_free(&me);
}

static void
check_accounts(void)
{
	const char *missing = priv_is_root() ? place_missing_account() : NULL;

	if (missing != NULL)
		say_die(EX_HARD,
		    PARTS("the home belongs to root, but there is no account ",
			missing),
		    0);
}

static void
check_program(const char *path)
{
	if (access(path, X_OK) < 0)
		say_die(EX_HARD, PARTS("unable to run ", path), err_sys());
}

static void
check_queue(void)
{
	struct stat st;
	uid_t uid;
	gid_t gid;

	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		const char *path = folders[i].path;

		if (access(path, W_OK | X_OK) < 0)
			say_die(EX_SOFT, PARTS("unable to write to ", path),
			    err_sys());
		if (!priv_is_root())
			continue;
		if (stat(path, &st) < 0 ||
		    priv_user(folders[i].owner, &uid, &gid) < 0 ||
		    st.st_uid != uid)
			say_die(EX_HARD,
			    PARTS(
				path, " does not belong to ", folders[i].owner),
			    0);
	}
}

/* Held for as long as this process or a child that keeps *fd lives. */
static int
take_lock(int *fd)
{
	int r = file_open(
	    FILE_CWD, lock_file, O_RDWR | O_CREAT | O_NOFOLLOW, LOCK_MODE, fd);

	if (r < 0)
		prog_die_file(EX_SOFT, "unable to open", lock_file, r);
	r = lock_try(*fd);
	if (r < 0 && r != E_BUSY)
		prog_die_file(EX_SOFT, "unable to lock", lock_file, r);
	if (r < 0)
		fd_close(fd);
	return r;
}

static int
say_already(void)
{
	const struct state_entry *ctl = NULL;
	char pid[NUMBER_MAX];
	struct state s;

	if (state_read(&s) == 0)
		ctl = state_find(&s, "ctl");
	say(PARTS("already running, supervisor ",
	    ctl != NULL ? say_number((uint64_t)ctl->pid, pid) : "starting"));
	return ALREADY;
}

/* All that can be found out beforehand, as the user who will run it all. */
static int
check(void *unused)
{
	struct state s;
	int lock = -1;
	int r;

	(void)unused;
	check_me();
	check_accounts();
	for (size_t i = 0; programs[i] != NULL; i++)
		check_program(programs[i]);
	check_queue();
	if (take_lock(&lock) == E_BUSY)
		return say_already();
	r = state_read(&s);
	if (r < 0)
		prog_die(EX_SOFT, "unable to read supervise/ctl.state", r);
	stop_leftovers(&s);
	fd_close(&lock);
	return 0;
}

/* The fault tests and sanitizers of developers are told through it too. */
void
start_clean_environment(void)
{
	static const char *const kept[] = { "PATH", "QMAILHOME", "QMAILQUEUE",
		"TZ", "RELAYCLIENT", "DATABYTES", "ALLOW_BARELF", "LD_PRELOAD",
		"ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS" };
	enum { KEPT = sizeof(kept) / sizeof(*kept) };
	struct buf value[KEPT];
	bool is_set[KEPT];
	int r = 0;

	for (size_t i = 0; i < KEPT; i++) {
		const char *v = env_get(kept[i]);

		is_set[i] = v != NULL;
		value[i] = BUF_INIT(PATH_VALUE_MAX);
		buf_puts(&value[i], v != NULL ? v : "");
	}
	(void)clearenv();
	for (size_t i = 0; i < KEPT; i++) {
		if (r == 0)
			r = buf_err(&value[i]);
		if (r == 0 && is_set[i])
			r = env_put(kept[i], buf_span(&value[i]));
		buf_free(&value[i]);
	}
	if (r < 0)
		prog_die(EX_SOFT, "unable to set the environment", r);
}

/* The home's programs first: qmail-start and .qmail files use PATH. */
static void
set_path(void)
{
	const char *old = env_get("PATH");
	struct buf path = BUF_INIT(PATH_VALUE_MAX);
	int r;

	buf_puts(&path, home_path());
	buf_puts(&path, "/bin:");
	buf_puts(&path, old != NULL ? old : "/usr/bin:/bin");
	r = buf_err(&path);
	if (r == 0)
		r = env_put("PATH", buf_span(&path));
	if (r < 0)
		prog_die(EX_SOFT, "unable to set PATH", r);
	buf_free(&path);
}

const char *
start_default_delivery(struct buf *text)
{
	const char *p;
	int r;

	buf_reset(text);
	r = file_read(FILE_CWD, "control/defaultdelivery", text);
	if (r == E_ABSENT || text->len == 0)
		return "./Mailbox";
	while (text->len > 0 && text->p[text->len - 1] == '\n')
		buf_cut(text, text->len - 1);
	if (r == 0)
		r = buf_cstr(text, &p);
	if (r < 0)
		prog_die_file(
		    EX_SOFT, "unable to read", "control/defaultdelivery", r);
	return p;
}

static struct service *
add_service(struct crew *c, const char *name, enum stage stage, int fd)
{
	struct service *v = &c->list[c->n++];

	*v = (struct service){ .stage = stage, .fd = fd };
	memcpy(v->name, name, strlen(name) + 1);
	return v;
}

static void
assemble(struct crew *c, const struct listeners *l, struct buf *delivery)
{
	struct service *v;
	int fd = -1;
	int r = sock_listen("run/queue", SOCKET_MODE, BACKLOG, &fd);

	if (r == E_BUSY)
		prog_die(
		    EX_SOFT, "run/queue: a queue service answers there", 0);
	if (r < 0)
		prog_die_file(EX_SOFT, "unable to listen on", "run/queue", r);
	*c = (struct crew){ .null = -1, .signals = -1, .report = -1 };
	v = add_service(c, "queue", STAGE_QUEUE, fd);
	v->argv[0] = "bin/qmail-queue";
	v->argv[1] = "--resident";
	v = add_service(c, "send", STAGE_SEND, -1);
	v->argv[0] = "bin/qmail-start";
	v->argv[1] = start_default_delivery(delivery);
	for (size_t i = 0; i < l->n; i++) {
		v = add_service(
		    c, l->list[i].name, STAGE_LISTENERS, l->list[i].fd);
		v->argv[0] = l->list[i].program;
		v->argv[1] = NULL;
	}
}

/*
 * Everything up to the point where the first process is started. True, or
 * false when all runs already. The lock is held until the process ends.
 */
static bool
get_ready(const struct place *p, struct crew *c, struct listeners *l,
    struct buf *delivery)
{
	int code = place_as_owner(p, check, NULL);
	int lock = -1;

	if (code == ALREADY)
		return false;
	if (code != 0)
		exit(code);
	listeners_read(l);
	if (priv_is_root())
		start_clean_environment();
	/* a port below 1024 needs root; nothing after it does */
	listeners_bind(l);
	place_drop(p);
	(void)umask(022);
	for (size_t i = 0; i < l->n; i++)
		check_program(l->list[i].program);
	if (take_lock(&lock) == E_BUSY) {
		(void)say_already();
		return false;
	}
	set_path();
	assemble(c, l, delivery);
	return true;
}

int
start_foreground(const struct place *p)
{
	struct buf delivery = BUF_INIT(CONTROL_MAX);
	struct listeners l;
	struct crew c;

	if (!get_ready(p, &c, &l, &delivery))
		return EX_SOFT;
	return supervise(&c, -1);
}

static void NORETURN
become_supervisor(struct crew *c, int log, int report)
{
	int null = -1;

	(void)setsid();
	if (file_open(FILE_CWD, "/dev/null", O_RDWR, 0, &null) < 0 ||
	    dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
		_exit(EX_SOFT);
	fd_close(&null);
	fd_close(&log);
	_exit(supervise(c, report));
}

int
start_home(const struct place *p)
{
	struct buf delivery = BUF_INIT(CONTROL_MAX);
	struct listeners l;
	struct crew c;
	struct up up;
	int report[2] = { -1, -1 };
	int log = -1;
	pid_t pid;
	int r;

	if (!get_ready(p, &c, &l, &delivery))
		return 0;
	up_begin(&up, &c);
	r = file_open(
	    FILE_CWD, "log/ctl", O_WRONLY | O_CREAT | O_APPEND, LOG_MODE, &log);
	if (r < 0)
		prog_die_file(EX_SOFT, "unable to open", "log/ctl", r);
	r = fd_pipe(report);
	if (r < 0)
		prog_die(EX_SOFT, "unable to make a pipe", r);
	pid = fork();
	if (pid < 0)
		prog_die(EX_SOFT, "unable to fork", err_sys());
	if (pid == 0) {
		fd_close(&report[0]);
		become_supervisor(&c, log, report[1]);
	}
	fd_close(&report[1]);
	fd_close(&log);
	r = up_wait(&up, pid, &l, report[0]);
	buf_free(&delivery);
	return r;
}

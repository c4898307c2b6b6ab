/*
 * service - the resident form of qmail-queue
 *
 * A master that holds the socket and keeps a fixed number of workers. A
 * worker serves one client at a time, blocking; clients have the whole
 * message at hand, so it is busy for milliseconds, and one that dawdles is
 * dropped. The workers all serve the queue's own uid, and nothing of one
 * client reaches the next: a process may serve many.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "guard.h"
#include "mail/date.h"
#include "queue.h"
#include "queue/store.h"
#include "queue/submit.h"
#include "queue/wire.h"
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

enum {
	WORKERS = 16,
	BACKLOG = 1024,
	/* a client that stops sending for so long is dropped */
	STALL_MS = 10 * 1000,
	/* and so is one that is at it for so long: 64 KiB/s for 1 GiB */
	TOTAL_MS = 4 * 3600 * 1000,
	CHUNK = 64 * 1024,
	/* clients that are no qmail account may hold so many workers at once */
	STRANGERS_MAX = WORKERS / 2,
	RESTART_MS = 1000,
	COMPLAIN_MS = 60 * 1000
};

/* The accounts whose messages are labelled in words (queue.md 3.2). */
struct known {
	uid_t alias, daemon, send;
	bool is_set;
};

/* Shared with all workers: who is being served by which; what has to be
 * free. */
struct table {
	struct guard guard;
	int64_t complained_at; /* clock_ms(): that it is not */
	uid_t uid[WORKERS];
	bool is_stranger[WORKERS];
};

struct worker {
	struct store *store;
	struct accept *accept;
	struct gsync *gsync;
	const struct known *known;
	struct table *table;
	size_t self;
	char node[256];
	struct buf in; /* the frame, then what of the message came with it */
	struct buf line;
};

struct client {
	int fd;
	struct sock_peer peer;
	int64_t until; /* deadline for all of it */
};

static int64_t
stall_deadline(const struct client *c)
{
	int64_t stall = clock_ms() + STALL_MS;

	return stall < c->until ? stall : c->until;
}

/* Our Received line: who handed the message in, and when. */
static void
put_received(struct worker *w, const struct client *c)
{
	const struct known *k = w->known;

	buf_reset(&w->line);
	buf_puts(&w->line, "Received: (qmail ");
	buf_putu(&w->line, (uintmax_t)c->peer.pid);
	buf_puts(&w->line, " invoked ");
	if (k->is_set && c->peer.uid == k->alias) {
		buf_puts(&w->line, "by alias");
	} else if (k->is_set && c->peer.uid == k->daemon) {
		buf_puts(&w->line, "from network");
	} else if (k->is_set && c->peer.uid == k->send) {
		buf_puts(&w->line, "for bounce");
	} else {
		buf_puts(&w->line, "by uid ");
		buf_putu(&w->line, c->peer.uid);
	}
	buf_puts(&w->line, "); ");
	date_822(&w->line, clock_real());
	buf_puts(&w->line, "\n");
}

/* The code for a failure while bytes are written. */
static int
write_code(int r)
{
	return r == E_NOMEM ? SUBMIT_NOMEM : SUBMIT_WRITE;
}

/* The same for the end, when the envelope gets its file as well: that
 * there is no folder for it is not that the disk is full. */
static int
commit_code(int r)
{
	if (r == E_ABSENT || err_is(r, ENOTDIR) || err_is(r, EACCES) ||
	    err_is(r, EPERM) || err_is(r, ELOOP))
		return SUBMIT_TODO;
	return write_code(r);
}

/* Read until a whole SUBMIT frame is there; *rest is what follows it. */
static int
read_frame(struct worker *w, const struct client *c, struct frame *f,
    struct span *rest)
{
	size_t got;
	int r;

	buf_reset(&w->in);
	for (;;) {
		*rest = buf_span(&w->in);
		r = wire_next(rest, ENVELOPE_MAX, f);
		if (r != E_EOF)
			break;
		r = fd_read_buf(
		    c->fd, &w->in, w->in.len + CHUNK, stall_deadline(c), &got);
		if (r < 0 || got == 0)
			return r < 0 ? r : E_EOF;
	}
	if (r == 0 && f->type != WIRE_SUBMIT)
		r = E_SYNTAX;
	return r;
}

/* The message: what came with the frame, then size bytes in all. */
static int
read_message(
    struct worker *w, const struct client *c, struct span first, uint64_t size)
{
	uint64_t left = size - first.len;
	size_t got;
	int r;

	if (accept_put(w->accept, first) < 0)
		return SUBMIT_WRITE;
	while (left > 0) {
		buf_reset(&w->in);
		r = fd_read_buf(c->fd, &w->in, left < CHUNK ? left : CHUNK,
		    stall_deadline(c), &got);
		if (r == E_TIMEOUT)
			return SUBMIT_TIMEOUT;
		if (r < 0 || got == 0)
			return SUBMIT_READ;
		left -= got;
		r = accept_put(w->accept, buf_span(&w->in));
		if (r < 0)
			return write_code(r);
	}
	return SUBMIT_OK;
}

/* Whether the disk has room for it; if not, the log says so now and then. */
static bool
has_room(struct worker *w, uint64_t size)
{
	int64_t now = clock_ms();

	if (guard_allows(&w->table->guard, w->store, size))
		return true;
	if (now - w->table->complained_at >= COMPLAIN_MS) {
		w->table->complained_at = now;
		log_line("refusing mail: less is free than control/queuemin "
			 "wants");
	}
	return false;
}

/* Take one message. Returns the code; *id is set when it is 0. */
static int
take_message(struct worker *w, const struct client *c, uint64_t *id)
{
	struct envelope e = { .uid = c->peer.uid,
		.pid = (uint64_t)c->peer.pid,
		.node = span_cstr(w->node) };
	struct frame f;
	struct span rest, handed;
	struct buf kept = BUF_INIT(ENVELOPE_MAX);
	uint64_t size;
	size_t used;
	int r;

	r = read_frame(w, c, &f, &rest);
	if (r == E_TIMEOUT)
		return SUBMIT_TIMEOUT;
	if (r < 0)
		return r == E_EOF ? SUBMIT_READ : SUBMIT_SYNTAX;
	size = wire_get_u64(&f);
	handed = wire_get_bytes(&f);
	if (wire_err(&f) < 0 || rest.len > size)
		return SUBMIT_SYNTAX;
	r = envelope_read(handed, true, &e, &used);
	if (r < 0)
		return r == E_TOOBIG ? SUBMIT_TOOLONG
		       : r == E_EOF  ? SUBMIT_READ
				     : SUBMIT_SYNTAX;
	if (rest.len < size) {
		/* the buffer is needed for the rest of the message */
		buf_put(&kept, handed);
		if (buf_err(&kept) < 0)
			return SUBMIT_NOMEM;
		r = envelope_read(buf_span(&kept), true, &e, &used);
	}
	if (r == 0 && !has_room(w, size))
		r = SUBMIT_WRITE;
	if (r == 0 && accept_begin(w->accept) < 0)
		r = SUBMIT_FILES;
	if (r == 0) {
		put_received(w, c);
		r = buf_err(&w->line);
		if (r == 0)
			r = accept_put(w->accept, buf_span(&w->line));
		r = r < 0 ? write_code(r) : 0;
	}
	if (r == 0)
		r = read_message(w, c, rest, size);
	if (r == 0) {
		r = accept_commit(w->accept, &e);
		if (r < 0)
			log_err("unable to accept a message", r);
		r = r < 0 ? commit_code(r) : 0;
		*id = e.id;
	} else {
		accept_abort(w->accept);
	}
	buf_free(&kept);
	return r;
}

static void
answer(struct worker *w, const struct client *c, int code, uint64_t id)
{
	size_t frame;

	buf_reset(&w->line);
	frame = wire_begin(&w->line, WIRE_TAKEN);
	wire_put_u32(&w->line, (uint32_t)code);
	wire_put_u64(&w->line, id);
	wire_put_u64(&w->line, (uint64_t)c->peer.pid);
	wire_put_bytes(&w->line, SPAN(""));
	wire_end(&w->line, frame);
	if (buf_err(&w->line) == 0) {
		/* a client that has gone will try again: allowed */
		err_ignore(
		    fd_write(c->fd, buf_span(&w->line), stall_deadline(c)));
	}
}

/*
 * Users can neither lock the network out nor one another: accounts of the
 * system may use all workers, each other uid a share.
 */
static bool
may_enter(struct worker *w, const struct client *c)
{
	const struct known *k = w->known;
	size_t n = 0;

	w->table->is_stranger[w->self] =
	    k->is_set && c->peer.uid != k->daemon && c->peer.uid != k->send &&
	    c->peer.uid != k->alias && c->peer.uid != 0;
	w->table->uid[w->self] = c->peer.uid;
	if (!w->table->is_stranger[w->self])
		return true;
	for (size_t i = 0; i < WORKERS; i++)
		if (w->table->is_stranger[i] && w->table->uid[i] == c->peer.uid)
			n++;
	return n <= STRANGERS_MAX;
}

static void
serve(struct worker *w, int fd)
{
	struct client c = { .fd = fd, .until = clock_ms() + TOTAL_MS };
	uint64_t id = 0;
	int code = SUBMIT_LATER;

	if (sock_peer(fd, &c.peer) < 0)
		return;
	if (may_enter(w, &c))
		code = take_message(w, &c, &id);
	answer(w, &c, code, id);
	w->table->is_stranger[w->self] = false;
	/* one large message must not make a large worker */
	if (w->in.cap > 4 * CHUNK)
		buf_free(&w->in);
}

static void NORETURN
work(int listener, struct worker *w)
{
	if (accept_new(w->store, w->gsync, &w->accept) < 0)
		_exit(EX_SOFT);
	w->in = BUF_INIT(ENVELOPE_MAX + 2 * CHUNK);
	w->line = BUF_INIT(1024);
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0 && errno != EINTR && errno != ECONNABORTED)
			_exit(EX_SOFT);
		if (fd < 0)
			continue;
		/* told to go, a worker goes when its client is served */
		sig_block(SIGTERM);
		serve(w, fd);
		fd_close(&fd);
		sig_unblock_all();
	}
}

struct service {
	int listener;
	int signals;
	struct store *store;
	struct gsync *gsync;
	struct known known;
	struct table *table;
	pid_t pid[WORKERS];
	int64_t started[WORKERS]; /* so that a dying worker is not a storm */
	bool must_renew;
	bool is_bound; /* we made the socket */
};

/* The sigset of the master is blocked; a worker wants none of that. */
static int
start_worker(struct service *s, size_t i)
{
	struct worker w = { .store = s->store,
		.gsync = s->gsync,
		.known = &s->known,
		.table = s->table,
		.self = i };
	pid_t pid;
	int r;

	if (gethostname(w.node, sizeof(w.node) - 1) < 0)
		w.node[0] = '\0';
	r = proc_fork(&pid);
	if (r < 0)
		return r;
	if (pid == 0) {
		sig_unblock_all();
		fd_close(&s->signals);
		work(s->listener, &w);
	}
	s->table->is_stranger[i] = false;
	s->started[i] = clock_ms();
	s->pid[i] = pid;
	return 0;
}

/*
 * Reap. A worker that died of a signal which is not ours may have been
 * somebody's guess at where things are in memory: the master execs itself
 * anew, for a new layout.
 */
static void
reap(struct service *s)
{
	int status;
	pid_t pid;

	while ((pid = proc_reap(&status)) > 0) {
		struct proc_end end = proc_end_of(status);

		for (size_t i = 0; i < WORKERS; i++) {
			if (s->pid[i] != pid)
				continue;
			s->pid[i] = 0;
			if (end.how == PROC_KILLED && end.value != SIGTERM) {
				log_line("worker killed; starting all anew");
				s->must_renew = true;
			}
		}
	}
}

/* Start what is missing; when to look again. */
static int64_t
fill_up(struct service *s)
{
	int64_t again = INT64_MAX;

	for (size_t i = 0; i < WORKERS; i++) {
		int64_t due = s->started[i] + RESTART_MS;

		if (s->pid[i] != 0)
			continue;
		if (s->started[i] != 0 && clock_ms() < due) {
			again = due < again ? due : again;
			continue;
		}
		if (start_worker(s, i) < 0) {
			log_line("unable to fork a worker, will try again");
			s->started[i] = clock_ms();
			again = s->started[i] + RESTART_MS;
		}
	}
	return again;
}

static void
dismiss_workers(const struct service *s)
{
	for (size_t i = 0; i < WORKERS; i++)
		if (s->pid[i] != 0)
			(void)kill(s->pid[i], SIGTERM);
}

/* The program again, with the socket. */
static void
begin_anew(struct service *s)
{
	char *const argv[] = { (char[]){ "qmail-queue" },
		(char[]){ "--resident" }, NULL };

	dismiss_workers(s);
	fd_close(&s->signals);
	sig_unblock_all();
	if (dup2(s->listener, 0) == 0)
		(void)execv("/proc/self/exe", argv);
	prog_die(EX_SOFT, "unable to start anew", err_sys());
}

static bool
has_worker(const struct service *s)
{
	for (size_t i = 0; i < WORKERS; i++)
		if (s->pid[i] != 0)
			return true;
	return false;
}

/*
 * Nobody new comes in, and who is being served is served. Only then is the
 * socket free for the next service.
 */
static void
farewell(struct service *s)
{
	int64_t until = clock_ms() + 2 * STALL_MS;
	struct wait w = WAIT_INIT;

	/* a socket we were given is for the next service as well; the name
	 * may be in a folder we may not write */
	if (s->is_bound)
		err_ignore(file_unlink(FILE_CWD, "run/queue"));
	fd_close(&s->listener);
	dismiss_workers(s);
	while (has_worker(s) && clock_ms() < until) {
		wait_reset(&w);
		(void)wait_in(&w, s->signals);
		wait_until(&w, until);
		if (wait_run(&w) < 0)
			break;
		while (sig_next(s->signals) != 0)
			reap(s);
	}
	wait_free(&w);
}

/* What was read before stays when it cannot be read. */
static void
read_guard(struct service *s)
{
	int r = guard_read(&s->table->guard);

	if (r < 0)
		log_err("unable to reread control/queuemin", r);
}

static void
watch(struct service *s)
{
	struct wait w = WAIT_INIT;
	int64_t born = clock_ms();
	bool is_over = false;

	/* workers of the master we were before may have gone unnoticed */
	reap(s);
	while (!is_over) {
		int sig;

		wait_reset(&w);
		(void)wait_in(&w, s->signals);
		wait_until(&w, fill_up(s));
		if (s->must_renew)
			wait_until(&w, born + RESTART_MS);
		if (wait_run(&w) < 0)
			continue; /* short of memory, for a moment */
		while ((sig = sig_next(s->signals)) != 0) {
			if (sig == SIGCHLD)
				reap(s);
			else if (sig == SIGHUP)
				read_guard(s);
			else
				is_over = true;
		}
		if (s->must_renew && !is_over &&
		    clock_ms() >= born + RESTART_MS)
			begin_anew(s);
	}
	wait_free(&w);
	farewell(s);
}

/*
 * The accounts of qmail are in use when root starts us, or when we are
 * qmailq, after starting anew. Then all have to exist: contract queue.md 1.1.
 */
static void
know_accounts(struct known *k)
{
	uid_t queue;
	gid_t gid;

	if (!priv_is_root() &&
	    (priv_user("qmailq", &queue, &gid) < 0 || queue != geteuid()))
		return;
	k->alias = priv_need_user("alias");
	k->daemon = priv_need_user("qmaild");
	k->send = priv_need_user("qmails");
	k->is_set = true;
}

int
service_run(void)
{
	struct service s = { .listener = -1, .signals = -1 };
	const int signals[] = { SIGCHLD, SIGTERM, SIGINT, SIGHUP, 0 };
	int r;

	r = home_enter();
	if (r < 0)
		prog_die_file(EX_SOFT, "unable to enter", home_path(), r);
	sig_ignore(SIGXFSZ); /* to write(2) it is an error like others */
	know_accounts(&s.known);
	if (fd_is_listening(0)) {
		s.listener = 0;
		r = fd_cloexec(0, true);
	} else {
		r = sock_listen("run/queue", 0666, BACKLOG, &s.listener);
		s.is_bound = r == 0;
	}
	if (r == E_BUSY)
		prog_die(EX_SOFT, "run/queue: already running", 0);
	if (r < 0)
		prog_die_file(EX_SOFT, "unable to listen on", "run/queue", r);
	priv_become("qmailq", "qmail");
	(void)umask(027);
	r = store_open(&s.store);
	if (r < 0)
		prog_die_file(EX_SOFT, "unable to open", "queue", r);
	if (access("queue/mess/0", W_OK) < 0 ||
	    access("queue/todo/0", W_OK) < 0)
		prog_die_file(
		    EX_SOFT, "unable to write to", "queue", err_sys());
	s.table = mmap(NULL, sizeof(*s.table), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s.table == MAP_FAILED)
		prog_die(EX_SOFT, "unable to share memory", err_sys());
	r = guard_read(&s.table->guard);
	if (r < 0)
		prog_die_file(EX_SOFT, "unable to use", "control/queuemin", r);
	s.table->complained_at = clock_ms() - COMPLAIN_MS;
	r = gsync_new(&s.gsync);
	if (r < 0)
		prog_die(EX_SOFT, "unable to share memory", r);
	r = sig_open(signals, &s.signals);
	if (r < 0)
		prog_die(EX_SOFT, "unable to catch signals", r);
	log_line("ready");
	watch(&s);
	log_line("stopped");
	return 0;
}

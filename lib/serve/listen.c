/*
 * listen - the resident form: see listen.h
 */
#include "serve/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/num.h"
#include "conf/control.h"
#include "serve/pool.h"
#include "sys/clock.h"
#include "sys/env.h"
#include "sys/fd.h"
#include "sys/log.h"
#include "sys/priv.h"
#include "sys/proc.h"
#include "sys/prog.h"
#include "sys/sig.h"
#include "sys/wait.h"

enum {
	FIRST_PASSED = 3,   /* of LISTEN_FDS, by sd_listen_fds(3) */
	CHILDREN = 100,     /* control/concurrencyincoming */
	GOODBYE_MS = 30000, /* for messages to arrive after TERM */
	NUDGE_MS = 1000     /* between two reminders to end */
};

/* Set in a child by TERM: do not accept, or end where it does no harm. */
static volatile sig_atomic_t must_stop;

static void
on_term(int signal)
{
	(void)signal;
	must_stop = 1;
}

struct server {
	const struct listeners *listeners;
	const struct service *service;
	struct settings settings;
	struct pool pool;
	int signals;
	sigset_t term; /* TERM, which children let through */
	int64_t began;
	bool must_renew; /* a child was killed */
	bool must_end;
};

static uint64_t
env_number(const char *name)
{
	const char *value = env_get(name);
	uint64_t n;

	if (value == NULL || num_parse(span_cstr(value), INT32_MAX, &n) < 0)
		return 0;
	return n;
}

bool
listen_find(struct listeners *l)
{
	uint64_t passed = 0;

	l->n = 0;
	if (fd_is_listening(0))
		l->fd[l->n++] = 0;
	if (env_number("LISTEN_PID") == (uint64_t)getpid())
		passed = env_number("LISTEN_FDS");
	for (uint64_t i = 0; i < passed && l->n < LISTENERS_MAX; i++)
		if (fd_is_listening(FIRST_PASSED + (int)i))
			l->fd[l->n++] = FIRST_PASSED + (int)i;
	return l->n > 0;
}

bool
listen_set_timer(int fd, uint64_t seconds)
{
	const struct timeval t = { .tv_sec = (time_t)seconds };

	return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)) == 0;
}

union address {
	struct sockaddr any;
	struct sockaddr_in four;
	struct sockaddr_in6 six;
	struct sockaddr_storage room;
};

struct name {
	char ip[INET6_ADDRSTRLEN];
	unsigned int port;
	bool is_six;
};

/*
 * Four numbers and their dots. inet_ntop() does it too, but by way of
 * sprintf(), and every page of libc a child touches costs it a fault.
 */
static void
name_four(const uint8_t *ip, struct name *out)
{
	struct buf b = BUF_INIT(sizeof(out->ip) - 1);

	for (size_t i = 0; i < 4; i++) {
		if (i > 0)
			buf_putc(&b, '.');
		buf_putu(&b, ip[i]);
	}
	if (buf_err(&b) == 0) {
		memcpy(out->ip, b.p, b.len);
		out->ip[b.len] = '\0';
	}
	buf_free(&b);
}

static void
name_address(const union address *a, struct name *out)
{
	const uint8_t *six = a->six.sin6_addr.s6_addr;
	const void *four = &a->four.sin_addr;

	*out = (struct name){ .ip = "unknown" };
	if (a->any.sa_family == AF_INET) {
		out->port = ntohs(a->four.sin_port);
		name_four(four, out);
	} else if (a->any.sa_family == AF_INET6) {
		out->port = ntohs(a->six.sin6_port);
		out->is_six = !IN6_IS_ADDR_V4MAPPED(&a->six.sin6_addr);
		/* the last four bytes of ::ffff:192.0.2.1 */
		if (!out->is_six)
			name_four(six + 12, out);
		else if (inet_ntop(AF_INET6, six, out->ip, sizeof(out->ip)) ==
			 NULL)
			*out = (struct name){ .ip = "unknown" };
	}
}

static int
env_put_number(const char *name, unsigned int n)
{
	struct buf b = BUF_INIT(32);
	int r;

	buf_putu(&b, n);
	r = buf_err(&b);
	if (r == 0)
		r = env_put(name, buf_span(&b));
	buf_free(&b);
	return r;
}

/* What $QMAILQUEUE expects of a server, contract edges.md 2.1. */
static int
export_names(const struct name *remote, const struct name *local)
{
	int r = env_put("PROTO", remote->is_six ? SPAN("TCP6") : SPAN("TCP"));

	if (r == 0)
		r = env_put("TCPREMOTEIP", span_cstr(remote->ip));
	if (r == 0)
		r = env_put_number("TCPREMOTEPORT", remote->port);
	if (r == 0)
		r = env_put("TCPLOCALIP", span_cstr(local->ip));
	if (r == 0)
		r = env_put_number("TCPLOCALPORT", local->port);
	env_drop("TCPREMOTEHOST");
	env_drop("TCPREMOTEINFO");
	return r;
}

/* What the socket tells of the peer, and the environment if somebody
 * reads it. Names live in the caller's. */
static int
meet(struct server *v, int fd, const union address *from, struct name *remote,
    struct name *local, struct peer *peer)
{
	const char *host = env_get("TCPLOCALHOST");

	name_address(from, remote);
	*peer = (struct peer){ .ip = span_cstr(remote->ip),
		.host = SPAN("unknown"),
		.local = host != NULL ? span_cstr(host) : v->settings.me };
	if (peer->local.len == 0 || env_get("QMAILQUEUE") != NULL) {
		union address a;
		socklen_t len = sizeof(a);

		*local = (struct name){ .ip = "unknown" };
		if (getsockname(fd, &a.any, &len) == 0)
			name_address(&a, local);
		if (peer->local.len == 0)
			peer->local = span_cstr(local->ip);
		return export_names(remote, local);
	}
	return 0;
}

/*
 * Talk to the peer on fd: the rest of this process's life. The listening
 * sockets are closed, so that a new server can have the port whatever
 * conversations of the old one go on.
 */
static int
serve(struct server *v, int fd, const union address *from)
{
	struct name remote, local;
	struct peer peer;
	struct visit visit = { .fd = fd,
		.peer = &peer,
		.has_timer =
		    true, /* by inheritance from the listening socket */
		.must_stop = &must_stop };

	for (size_t i = 0; i < v->listeners->n; i++)
		(void)close(v->listeners->fd[i]);
	if (v->service->refresh(v->service->ctx, &v->settings)) {
		pool_call(&v->pool, CALL_CHANGED);
		visit.has_timer = listen_set_timer(fd, v->settings.timeout_s);
	}
	visit.err = v->settings.err;
	if (visit.err != 0)
		log_err("unable to read controls", visit.err);
	if (meet(v, fd, from, &remote, &local, &peer) < 0)
		return 1;
	return v->service->serve(v->service->ctx, &visit);
}

/* Wait for a connection on several sockets: a socket to accept from. */
static int
wait_any(const struct listeners *l)
{
	struct pollfd p[LISTENERS_MAX];

	for (size_t i = 0; i < l->n; i++)
		p[i] = (struct pollfd){ .fd = l->fd[i], .events = POLLIN };
	if (poll(p, (nfds_t)l->n, -1) < 0)
		return -1;
	for (size_t i = 0; i < l->n; i++)
		if (p[i].revents != 0)
			return p[i].fd;
	return -1;
}

/* Errors that are the connection's, or nobody's: RFC 1122 knows no better
 * than to try the next one (accept(2), "Error handling"). */
static bool
is_passing(int errnum)
{
	switch (errnum) {
	case EINTR:
	case EAGAIN:
	case ECONNABORTED:
	case EPROTO:
	case ENETDOWN:
	case ENOPROTOOPT:
	case EHOSTDOWN:
	case ENONET:
	case EHOSTUNREACH:
	case EOPNOTSUPP:
	case ENETUNREACH:
	case ETIMEDOUT:
		return true;
	default:
		return false;
	}
}

/* A connection: 0. Told to stop: 1. Else why not. */
static int
accept_one(const struct listeners *l, int *fd, union address *from)
{
	while (!must_stop) {
		socklen_t len = sizeof(*from);
		int from_fd = l->n == 1 ? l->fd[0] : wait_any(l);

		if (from_fd < 0)
			continue;
		*fd = accept4(from_fd, &from->any, &len, SOCK_CLOEXEC);
		if (*fd >= 0)
			return 0;
		if (!is_passing(errno))
			return err_sys();
	}
	return 1;
}

static void NORETURN
run_child(struct server *v, size_t slot)
{
	union address from;
	int fd = -1;
	int r;

	(void)sigprocmask(SIG_UNBLOCK, &v->term, NULL);
	r = accept_one(v->listeners, &fd, &from);
	if (r < 0) {
		log_err("unable to accept", r);
		_exit(EX_SOFT);
	}
	if (r > 0)
		_exit(0);
	pool_mark_busy(&v->pool, slot);
	_exit(serve(v, fd, &from));
}

/*
 * Ready the listening sockets: what is set on them, connections inherit.
 * One socket is waited for in accept(), where the kernel wakes one child
 * only; several in poll(), and accept() must then not block.
 */
static int
prepare_sockets(const struct server *v)
{
	const struct listeners *l = v->listeners;
	const int on = 1;
	int r = 0;

	for (size_t i = 0; r == 0 && i < l->n; i++) {
		r = fd_cloexec(l->fd[i], true);
		if (r == 0)
			r = fd_nonblock(l->fd[i], l->n > 1);
		/* fails for Unix sockets, which have no delay */
		(void)setsockopt(
		    l->fd[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		if (r == 0 &&
		    !listen_set_timer(l->fd[i], v->settings.timeout_s))
			r = err_sys();
	}
	return r;
}

/* Read the control files again. */
static void
reload(struct server *v)
{
	uint64_t limit = CHILDREN;
	int r;

	(void)v->service->refresh(v->service->ctx, &v->settings);
	if (v->settings.err != 0)
		log_err("unable to read controls", v->settings.err);
	r = control_int("concurrencyincoming", POOL_CHILDREN_MAX, &limit);
	if (r < 0 && r != E_ABSENT)
		log_err("unable to read control/concurrencyincoming", r);
	r = pool_set_limit(&v->pool, limit > 0 ? (size_t)limit : 1);
	if (r == 0)
		r = prepare_sockets(v);
	if (r < 0)
		log_err("unable to reload", r);
}

/* WORDS, sockets and status: as tcpserver counts them. */
static void
say_status(const struct server *v, const char *words)
{
	struct buf line = BUF_INIT(256);
	const char *text;

	buf_puts(&line, words);
	buf_puts(&line, ": sockets ");
	buf_putu(&line, v->listeners->n);
	buf_puts(&line, " status: ");
	buf_putu(&line, v->pool.n + v->pool.inherited);
	buf_putc(&line, '/');
	buf_putu(&line, v->pool.limit);
	if (buf_cstr(&line, &text) == 0)
		log_line(text);
	buf_free(&line);
}

/*
 * This program anew, at other addresses, with the same sockets. Spare
 * children, which have the old addresses, end; sessions are finished.
 */
static void NORETURN
renew(struct server *v)
{
	struct buf count = BUF_INIT(32);
	const char *n;

	log_line("starting anew");
	pool_signal(&v->pool, SIGTERM, true);
	for (size_t i = 0; i < v->listeners->n; i++)
		err_ignore(fd_cloexec(v->listeners->fd[i], false));
	buf_putu(&count, v->pool.n + v->pool.inherited);
	if (buf_cstr(&count, &n) == 0)
		(void)execl("/proc/self/exe", prog_name(), "--inherited", n,
		    (char *)NULL);
	prog_die(EX_SOFT, "unable to start anew", err_sys());
}

static void
take_signals(struct server *v)
{
	int signal;

	while ((signal = sig_next(v->signals)) != 0) {
		if (signal == SIGCHLD) {
			if (pool_reap(&v->pool))
				v->must_renew = true;
		} else if (signal == SIGHUP) {
			reload(v);
			say_status(v, "reloaded");
		} else {
			v->must_end = true;
		}
	}
}

/* Sleep until a signal, a call or the time. */
static void
rest(struct server *v, struct wait *w, int64_t until)
{
	size_t calls;

	wait_reset(w);
	(void)wait_in(w, v->signals);
	calls = wait_in(w, v->pool.calls[0]);
	wait_until(w, until);
	if (wait_run(w) < 0)
		prog_die(EX_SOFT, "unable to wait", err_sys());
	if (wait_ready(w, calls) && pool_hear(&v->pool))
		reload(v);
	take_signals(v);
}

/* Keep the pool filled until we are told to end. */
static void
watch(struct server *v, struct wait *w)
{
	while (!v->must_end) {
		int64_t until = INT64_MAX;
		size_t slot;
		int r = 1;

		if (v->must_renew) {
			until = v->began + POOL_RESTART_MS;
			if (clock_ms() >= until)
				renew(v);
		} else {
			r = pool_fill(&v->pool, &slot);
		}
		if (r == 0)
			run_child(v, slot);
		if (r < 0)
			log_err("unable to fork, will try again", r);
		if (until == INT64_MAX && v->pool.hold_until > clock_ms())
			until = v->pool.hold_until;
		rest(v, w, until);
	}
}

/* No more connections; a while for sessions to come to an end. */
static void
say_goodbye(struct server *v, struct wait *w)
{
	int64_t until = clock_ms() + GOODBYE_MS;
	int64_t nudge = 0;

	for (size_t i = 0; i < v->listeners->n; i++)
		(void)close(v->listeners->fd[i]);
	v->must_end = false;
	while (v->pool.n > 0 && clock_ms() < until && !v->must_end) {
		/* again and again: the first may have come between a look
		 * at the flag and the call that waits */
		if (clock_ms() >= nudge) {
			pool_signal(&v->pool, SIGTERM, false);
			nudge = clock_ms() + NUDGE_MS;
		}
		rest(v, w, nudge < until ? nudge : until);
	}
	pool_signal(&v->pool, SIGKILL, false);
}

/* What the last image of a resident process tells: how many children are
 * at work for it. */
static size_t
read_inherited(int argc, char **argv)
{
	uint64_t n;

	if (argc != 3 || strcmp(argv[1], "--inherited") != 0 ||
	    num_parse(span_cstr(argv[2]), INT32_MAX, &n) < 0)
		return 0;
	return (size_t)n;
}

int
listen_run(const struct listeners *l, const struct service *service, int argc,
    char **argv)
{
	const int signals[] = { SIGCHLD, SIGTERM, SIGINT, SIGHUP, 0 };
	const struct sigaction act = { .sa_handler = on_term };
	struct server v = {
		.listeners = l, .service = service, .began = clock_ms()
	};
	struct wait w = WAIT_INIT;
	int r;

	priv_become("qmaild", "nofiles");
	(void)sigemptyset(&v.term);
	(void)sigaddset(&v.term, SIGTERM);
	r = sig_open(signals, &v.signals);
	if (r == 0)
		r = pool_open(&v.pool, read_inherited(argc, argv));
	if (r == 0 && sigaction(SIGTERM, &act, NULL) < 0)
		r = err_sys();
	if (r < 0)
		prog_die(EX_SOFT, "unable to start", r);
	reload(&v);
	r = prepare_sockets(&v);
	if (r < 0 || v.pool.limit == 0)
		prog_die(EX_SOFT, "unable to prepare the sockets", r);
	say_status(&v, "ready");
	v.must_renew = pool_reap(&v.pool);
	watch(&v, &w);
	say_goodbye(&v, &w);
	wait_free(&w);
	pool_close(&v.pool);
	fd_close(&v.signals);
	log_line("stopped");
	return 0;
}

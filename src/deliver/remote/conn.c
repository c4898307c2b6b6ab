/*
 * conn - one TCP connection to a mail server: see conn.h
 */
#include "conn.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/err.h"
#include "sys/clock.h"
#include "sys/fd.h"

static int
set_timeout(int fd, int option, int64_t ms)
{
	struct timeval tv = { .tv_sec = ms / 1000,
		.tv_usec = ms % 1000 * 1000 };

	return setsockopt(fd, SOL_SOCKET, option, &tv, sizeof(tv)) < 0
		   ? err_sys()
		   : 0;
}

/* SO_SNDTIMEO bounds connect() too (socket(7)). */
static int
connect_to(int fd, const union ip_sockaddr *to, socklen_t len)
{
	if (connect(fd, &to->any, len) == 0)
		return 0;
	if (errno == EINPROGRESS || errno == EAGAIN || errno == ETIMEDOUT)
		return E_TIMEOUT;
	return err_sys();
}

int
conn_open(struct conn *c, const struct ip *ip, uint16_t port,
    int64_t connect_ms, int64_t timeout_ms)
{
	union ip_sockaddr to;
	socklen_t len = ip_to_sockaddr(ip, port, &to);
	const int on = 1;
	int fd = socket(ip->family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r;

	if (fd < 0)
		return err_sys();
	r = set_timeout(fd, SO_SNDTIMEO, connect_ms);
	if (r == 0)
		r = connect_to(fd, &to, len);
	if (r == 0)
		r = set_timeout(fd, SO_RCVTIMEO, timeout_ms);
	if (r < 0) {
		fd_close(&fd);
		return r;
	}
	/* we write whole groups of commands: nothing to gather; if it cannot
	 * be had it is only slower */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	c->fd = fd;
	ip_text(ip, c->ip);
	c->timeout_ms = timeout_ms;
	c->pipelining = c->size = c->eightbit = false;
	c->opened = clock_ms();
	c->messages = 0;
	c->heard = false;
	c->at = c->len = 0;
	return 0;
}

void
conn_close(struct conn *c)
{
	fd_close(&c->fd);
}

void
conn_quit(struct conn *c)
{
	static const char quit[] = "QUIT\r\n";

	if (c->fd < 0)
		return;
	/* a courtesy: a server that is gone does not miss it */
	if (send(c->fd, quit, sizeof(quit) - 1, MSG_NOSIGNAL | MSG_DONTWAIT) <
	    0)
		errno = 0;
	conn_close(c);
}

bool
conn_spoke(const struct conn *c)
{
	return c->at < c->len;
}

/* Wait until the socket takes more. */
static int
wait_room(const struct conn *c, bool watch)
{
	struct pollfd p = { .fd = c->fd, .events = POLLOUT };
	int64_t deadline = clock_ms() + c->timeout_ms;

	if (watch && conn_spoke(c))
		return E_BUSY;
	if (watch)
		p.events |= POLLIN;
	for (;;) {
		int64_t left = deadline - clock_ms();
		int n;

		if (left <= 0)
			return E_TIMEOUT;
		n = poll(&p, 1, (int)left);
		if (n < 0 && errno != EINTR)
			return err_sys();
		if (n <= 0)
			continue;
		return (p.revents & POLLIN) != 0 ? E_BUSY : 0;
	}
}

int
conn_send(struct conn *c, struct span s, bool watch)
{
	c->heard = false;
	while (s.len > 0) {
		ssize_t n =
		    send(c->fd, s.p, s.len, MSG_NOSIGNAL | MSG_DONTWAIT);
		int r;

		if (n >= 0) {
			s = span_tail(s, (size_t)n);
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return err_sys();
		r = wait_room(c, watch);
		if (r < 0)
			return r;
	}
	return 0;
}

static int
fill(struct conn *c)
{
	const int on = 1;
	ssize_t n;

	/* A server that sends each reply by itself may hold back the second
	 * until we acknowledge the first, which we would do 40 ms later. */
	if (c->heard)
		(void)setsockopt(
		    c->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
	do
		n = recv(c->fd, c->data, sizeof(c->data), 0);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		return E_EOF;
	if (n < 0)
		return errno == EAGAIN ? E_TIMEOUT : err_sys();
	c->heard = true;
	c->at = 0;
	c->len = (size_t)n;
	return 0;
}

int
conn_reply(struct conn *c, struct reply *r)
{
	reply_reset(r);
	for (;;) {
		size_t used;
		int e;

		if (c->at == c->len) {
			e = fill(c);
			if (e < 0)
				return e;
		}
		e = reply_feed(
		    r, (struct span){ c->data + c->at, c->len - c->at }, &used);
		c->at += used;
		if (e != E_EOF)
			return e;
	}
}

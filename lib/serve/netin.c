/*
 * netin - a conversation in netstrings: see netin.h
 */
#include "serve/netin.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "base/err.h"
#include "mail/netstring.h"
#include "sys/clock.h"
#include "sys/prog.h"

enum {
	LENGTH_BYTES = 128 /* more than netstring_length() takes */
};

void
netin_begin(struct netin *n, int infd, int outfd)
{
	n->taken = 0;
	n->until = clock_ms() + NETIN_ALL_MS;
	n->must_stop = NULL;
	n->may_stop = false;
	n->out = OUT_INIT(outfd, NETIN_IDLE_MS, NETIN_REPLIES_MAX);
	n->in.fd = infd;
	n->in.timeout_ms = NETIN_IDLE_MS;
	n->in.at = 0;
	n->in.len = 0;
}

void
netin_end(struct netin *n)
{
	out_free(&n->out);
}

/* The next wait in milliseconds; 0: time is over. */
static int
patience(const struct netin *n)
{
	int64_t left = n->until - clock_ms();

	if (left <= 0)
		return 0;
	return left < NETIN_IDLE_MS ? (int)left : NETIN_IDLE_MS;
}

/* Wait until there is something to read. */
static int
wait_in(const struct netin *n)
{
	struct pollfd p = { .fd = n->in.fd, .events = POLLIN };

	for (;;) {
		int ready;

		if (n->may_stop && n->must_stop != NULL && *n->must_stop)
			return err_of(EINTR);
		ready = poll(&p, 1, patience(n));
		if (ready > 0)
			return 0;
		if (ready == 0)
			return E_TIMEOUT;
		if (errno != EINTR)
			return err_sys();
	}
}

/* What a failed call says of the peer. */
static int
judge(int r)
{
	switch (r) {
	case 0:
	case E_NOMEM:
	case E_TIMEOUT:
	case E_TOOBIG:
		return r;
	default:
		return err_is(r, EINTR) ? r : E_EOF;
	}
}

int
netin_peek(struct netin *n, struct span *bytes)
{
	int r = 0;

	if (!in_pending(&n->in)) {
		n->out.timeout_ms = patience(n);
		r = out_flush(&n->out);
		if (r == 0)
			r = wait_in(n);
	}
	if (r == 0)
		r = in_peek(&n->in, bytes);
	if (r == 0 && bytes->len == 0)
		r = E_EOF;
	return judge(r);
}

void
netin_take(struct netin *n, size_t count)
{
	in_skip(&n->in, count);
	n->taken += count;
}

int
netin_length(struct netin *n, size_t *length)
{
	struct buf digits = BUF_INIT(LENGTH_BYTES);
	int r = E_EOF;

	while (r == E_EOF) {
		struct span bytes, text;

		r = netin_peek(n, &bytes);
		if (r < 0)
			break;
		buf_putc(&digits, bytes.p[0]);
		r = buf_err(&digits);
		if (r < 0)
			break;
		netin_take(n, 1);
		text = buf_span(&digits);
		r = netstring_length(&text, NETIN_MAX, length);
	}
	buf_free(&digits);
	return r;
}

int
netin_comma(struct netin *n)
{
	struct span bytes;
	int r = netin_peek(n, &bytes);

	if (r < 0)
		return r;
	if (bytes.p[0] != ',')
		return E_SYNTAX;
	netin_take(n, 1);
	return 0;
}

int
netin_put(struct netin *n, size_t count, struct buf *b)
{
	while (count > 0) {
		struct span bytes;
		int r = netin_peek(n, &bytes);

		if (r < 0)
			return r;
		bytes = span_head(bytes, count);
		buf_put(b, bytes);
		netin_take(n, bytes.len);
		count -= bytes.len;
	}
	return buf_err(b);
}

int
netin_drop(struct netin *n, size_t count)
{
	while (count > 0) {
		struct span bytes;
		int r = netin_peek(n, &bytes);

		if (r < 0)
			return r;
		bytes = span_head(bytes, count);
		netin_take(n, bytes.len);
		count -= bytes.len;
	}
	return 0;
}

int
netin_close(struct netin *n, int r)
{
	int written;

	n->out.timeout_ms = patience(n);
	written = out_flush(&n->out);
	if (written < 0)
		return written == E_TIMEOUT ? EX_SOFT : 0;
	if (r < 0 && r != E_EOF)
		in_linger(&n->in, n->out.fd);
	if (r == 0 || r == E_EOF || err_is(r, EINTR))
		return 0;
	return r == E_SYNTAX ? EX_HARD : EX_SOFT;
}

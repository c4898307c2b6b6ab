/*
 * io - buffered lines in, buffered bytes out: see io.h
 */
#include "sys/io.h"

#include <sys/socket.h>

#include "base/err.h"
#include "sys/clock.h"
#include "sys/fd.h"

enum { FLUSH_AT = 16384, LINGER_MS = 1000, LINGER_BYTES = 256 * 1024 };

static int64_t
deadline_in(int64_t ms)
{
	return ms == FD_FOREVER ? FD_FOREVER : clock_ms() + ms;
}

bool
in_pending(const struct in *i)
{
	return i->at < i->len;
}

int
in_peek(struct in *i, struct span *s)
{
	if (!in_pending(i)) {
		size_t got;
		int r = fd_read(i->fd, i->data, sizeof(i->data),
		    deadline_in(i->timeout_ms), &got);

		if (r < 0)
			return r;
		i->at = 0;
		i->len = got;
	}
	*s = (struct span){ i->data + i->at, i->len - i->at };
	return 0;
}

void
in_skip(struct in *i, size_t n)
{
	i->at += n < i->len - i->at ? n : i->len - i->at;
}

void
in_linger(struct in *i, int outfd)
{
	int64_t deadline = clock_ms() + LINGER_MS;
	size_t total = 0;
	size_t got = 1;

	if (shutdown(outfd, SHUT_WR) < 0)
		return;
	while (got > 0 && total < LINGER_BYTES &&
	       fd_read(i->fd, i->data, sizeof(i->data), deadline, &got) == 0)
		total += got;
}

void
out_put(struct out *o, struct span s)
{
	if (o->buf.len + s.len > FLUSH_AT)
		err_ignore(out_flush(o)); /* kept in o->err */
	if (s.len > FLUSH_AT) {
		if (o->err == 0)
			o->err = fd_write(o->fd, s, deadline_in(o->timeout_ms));
		return;
	}
	buf_put(&o->buf, s);
	if (o->err == 0)
		o->err = buf_err(&o->buf);
}

void
out_puts(struct out *o, const char *s)
{
	out_put(o, span_cstr(s));
}

int
out_flush(struct out *o)
{
	if (o->err == 0 && o->buf.len > 0)
		o->err = fd_write(
		    o->fd, buf_span(&o->buf), deadline_in(o->timeout_ms));
	buf_reset(&o->buf);
	return o->err;
}

void
out_free(struct out *o)
{
	buf_free(&o->buf);
}

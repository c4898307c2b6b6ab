/*
 * talk - the control socket: see talk.h
 */
#include "talk.h"

#include <sys/socket.h>

#include "base/err.h"
#include "pipe.h"
#include "send.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/sock.h"

enum {
	MODE = 0660,
	BACKLOG = 8,
	LINE_BYTES = 256,
	ANSWER_BYTES = 8192,
	TALK_MS = 10 * 1000 /* for all of a conversation */
};

int
talk_open(struct talk *t)
{
	int r;

	for (size_t i = 0; i < TALK_MAX; i++)
		t->talkers[i] = (struct talker){ .fd = -1,
			.in = BUF_INIT(LINE_BYTES),
			.out = BUF_INIT(ANSWER_BYTES) };
	r = sock_listen("run/send", MODE, BACKLOG, &t->fd);
	if (r == 0)
		r = fd_nonblock(t->fd, true);
	if (r < 0)
		fd_close(&t->fd);
	return r;
}

static void
hang_up(struct talker *k)
{
	fd_close(&k->fd);
	buf_free(&k->in);
	buf_free(&k->out);
}

void
talk_close(struct talk *t)
{
	fd_close(&t->fd);
	for (size_t i = 0; i < TALK_MAX; i++)
		hang_up(&t->talkers[i]);
}

/* --- commands --- */

static void
put_count(struct buf *b, const char *what, size_t n)
{
	buf_puts(b, what);
	buf_putu(b, n);
	buf_putc(b, '\n');
}

static void
do_status(struct send *s, struct buf *b)
{
	const struct spawner *l = &s->spawners[CHANNEL_LOCAL];
	const struct spawner *r = &s->spawners[CHANNEL_REMOTE];

	put_count(b, "messages ", table_size(s->table));
	put_count(b, "unprocessed ", s->fresh.n + s->old.n + s->big.n);
	put_count(b, "local jobs ", l->running);
	put_count(b, "local limit ", l->limit);
	put_count(b, "local waiting ", heap_size(s->table, HEAP_LOCAL));
	put_count(b, "remote jobs ", r->running);
	put_count(b, "remote limit ", r->limit);
	put_count(b, "remote waiting ", heap_size(s->table, HEAP_REMOTE));
	put_count(b, "bounces ", s->nbounces + s->bouncing.n);
	put_count(b, "trouble ", heap_size(s->table, HEAP_AGAIN));
	if (s->is_stopping)
		buf_puts(b, "exitasap\n");
}

static void
do_flush(struct send *s, struct buf *b)
{
	send_flush(s);
	buf_puts(b, "ok\n");
}

static void
do_reload(struct send *s, struct buf *b)
{
	buf_puts(
	    b, send_reload(s) < 0 ? "unable to reread controls\n" : "ok\n");
}

static const struct {
	const char *word;
	void (*fn)(struct send *s, struct buf *b);
} commands[] = {
	{ "status", do_status },
	{ "flush", do_flush },
	{ "reload", do_reload },
};

static void
obey(struct send *s, struct talker *k, struct span line)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		if (span_eq(line, span_cstr(commands[i].word))) {
			commands[i].fn(s, &k->out);
			buf_putc(&k->out, '\n');
			return;
		}
	}
	buf_puts(&k->out, "unknown command\n\n");
}

/* --- connections --- */

void
talk_prepare(struct send *s)
{
	struct talk *t = &s->talk;
	bool is_full = true;

	for (size_t i = 0; i < TALK_MAX; i++) {
		struct talker *k = &t->talkers[i];

		if (k->fd < 0) {
			is_full = false;
			continue;
		}
		k->handle = k->out.len > 0 ? wait_out(&s->wait, k->fd)
					   : wait_in(&s->wait, k->fd);
		wait_until(&s->wait, k->until);
	}
	t->handle = wait_in(&s->wait, is_full ? -1 : t->fd);
}

static void
take_call(struct talk *t)
{
	int fd = accept4(t->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct talker *k = t->talkers;

	if (fd < 0)
		return; /* it has gone again */
	while (k->fd >= 0)
		k++;
	k->fd = fd;
	k->until = clock_ms() + TALK_MS;
}

/* Answer what has been asked; false: the end of the conversation. */
static bool
converse(struct send *s, struct talker *k)
{
	struct span rest, line;
	size_t got, lf;

	if (k->out.len > 0)
		return pipe_push(k->fd, &k->out) == 0;
	if (fd_read_buf(k->fd, &k->in, LINE_BYTES, k->until, &got) < 0 ||
	    got == 0)
		return false;
	rest = buf_span(&k->in);
	while ((lf = span_find(rest, '\n')) < rest.len) {
		line = span_head(rest, lf);
		rest = span_tail(rest, lf + 1);
		obey(s, k, line);
	}
	buf_drop(&k->in, k->in.len - rest.len);
	return pipe_push(k->fd, &k->out) == 0;
}

void
talk_ready(struct send *s)
{
	struct talk *t = &s->talk;
	int64_t now = clock_ms();

	for (size_t i = 0; i < TALK_MAX; i++) {
		struct talker *k = &t->talkers[i];

		if (k->fd < 0)
			continue;
		if (now >= k->until ||
		    (wait_ready(&s->wait, k->handle) && !converse(s, k)))
			hang_up(k);
	}
	if (wait_ready(&s->wait, t->handle))
		take_call(t);
}

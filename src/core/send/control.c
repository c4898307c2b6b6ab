/*
 * control - the operator's socket, run/send: one word, one answer
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "send.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/sock.h"

enum { WORD_MAX = 256, ANSWER_MAX = 4096, CALLER_MS = 10 * 1000, BACKLOG = 8 };

void
control_open(struct send *s)
{
	int r;

	for (size_t i = 0; i < CALLERS_MAX; i++)
		s->callers[i] =
		    (struct caller){ .fd = -1, .in = BUF_INIT(WORD_MAX) };
	/* run/ may not be ours to write; signals do the same */
	r = sock_listen("run/send", 0660, BACKLOG, &s->control);
	if (r == 0)
		r = fd_nonblock(s->control, true);
	if (r < 0) {
		s->control = -1;
		buf_puts(&s->log, "warning: unable to listen on run/send: ");
		slog(s, err_text(r));
	}
}

void
control_prepare(struct send *s)
{
	s->h_control = wait_in(&s->wait, s->control);
	for (size_t i = 0; i < CALLERS_MAX; i++) {
		s->callers[i].h = wait_in(&s->wait, s->callers[i].fd);
		if (s->callers[i].fd >= 0)
			wait_until(&s->wait, s->callers[i].until);
	}
}

static void
do_flush(struct send *s, struct buf *answer)
{
	send_flush(s);
	buf_puts(answer, "ok\n");
}

static void
do_reload(struct send *s, struct buf *answer)
{
	send_reread(s);
	buf_puts(answer, "ok\n");
}

static void
do_status(struct send *s, struct buf *answer)
{
	buf_puts(answer, "pid ");
	buf_putu(answer, (uintmax_t)getpid());
	buf_puts(answer, "\nmessages ");
	buf_putu(answer, s->messages.count);
	for (int i = 0; i < CHANNELS; i++) {
		buf_puts(answer, "\n");
		buf_puts(answer, s->channels[i].name);
		buf_puts(answer, " ");
		buf_putu(answer, s->channels[i].inflight);
		buf_puts(answer, "/");
		buf_putu(answer, s->channels[i].limit);
	}
	buf_puts(answer, "\ndeliveries ");
	buf_putu(answer, s->deliveries);
	buf_puts(answer, "\n");
}

static const struct {
	const char *word;
	void (*fn)(struct send *s, struct buf *answer);
} words[] = {
	{ "flush", do_flush },
	{ "reload", do_reload },
	{ "status", do_status },
};

static void
obey(struct send *s, struct span word, struct buf *answer)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (span_eq(word, span_cstr(words[i].word))) {
			words[i].fn(s, answer);
			return;
		}
	buf_puts(answer, "unknown command\n");
}

static void
hang_up(struct caller *o)
{
	fd_close(&o->fd);
	buf_free(&o->in);
}

/* Read; a whole line is answered, and that is all. */
static void
listen_to(struct send *s, struct caller *o)
{
	struct buf answer = BUF_INIT(ANSWER_MAX);
	struct span rest, line;
	size_t got = 0;

	if (fd_read_buf(o->fd, &o->in, WORD_MAX, FD_FOREVER, &got) < 0 ||
	    got == 0) {
		hang_up(o);
		return;
	}
	rest = buf_span(&o->in);
	if (span_find(rest, '\n') == rest.len)
		return;
	(void)span_line(&rest, &line);
	obey(s, line, &answer);
	/* it fits the socket's buffer: this does not wait */
	if (buf_err(&answer) == 0)
		err_ignore(fd_write(o->fd, buf_span(&answer), clock_ms()));
	buf_free(&answer);
	hang_up(o);
}

static void
welcome(struct send *s)
{
	for (size_t i = 0; i < CALLERS_MAX; i++) {
		struct caller *o = &s->callers[i];

		if (o->fd >= 0)
			continue;
		o->fd = accept4(
		    s->control, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		o->until = clock_ms() + CALLER_MS;
		if (o->fd < 0)
			return;
	}
}

void
control_ready(struct send *s)
{
	int64_t now = clock_ms();

	for (size_t i = 0; i < CALLERS_MAX; i++) {
		struct caller *o = &s->callers[i];

		if (o->fd >= 0 && wait_ready(&s->wait, o->h))
			listen_to(s, o);
		if (o->fd >= 0 && now >= o->until)
			hang_up(o);
	}
	if (wait_ready(&s->wait, s->h_control))
		welcome(s);
}

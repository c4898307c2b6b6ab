/*
 * spawner - one: jobs out, results in
 */
#include <errno.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "send.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/log.h"

enum { READ_PIECE = 64 * 1024, HELLO_MS = 30 * 1000 };

/*
 * Wait for the spawner's first frame. E_EOF, E_SYNTAX, E_TIMEOUT.
 */
int
spawner_hello(struct spawner *c, uint64_t wanted)
{
	int64_t deadline = clock_ms() + HELLO_MS;
	struct frame f;
	size_t got, before;
	struct span in;
	uint32_t most;
	int r;

	for (;;) {
		in = buf_span(&c->in);
		before = in.len;
		r = wire_next(&in, RESULT_FRAME_MAX, &f);
		if (r != E_EOF)
			break;
		r = fd_read_buf(c->from, &c->in, READ_PIECE, deadline, &got);
		if (r < 0 || got == 0)
			return r < 0 ? r : E_EOF;
	}
	if (r < 0 || f.type != WIRE_HELLO)
		return E_SYNTAX;
	most = wire_get_u32(&f);
	if (wire_err(&f) < 0)
		return E_SYNTAX;
	buf_drop(&c->in, before - in.len);
	c->limit = wanted < most ? (uint32_t)wanted : most;
	c->flights = mem_new(c->limit + 1, sizeof(*c->flights));
	if (c->flights == NULL)
		return E_NOMEM;
	c->is_alive = true;
	return fd_nonblock(c->to, true);
}

bool
spawner_has_room(const struct spawner *c)
{
	return c->is_alive && c->inflight < c->limit;
}

static uint32_t
free_flight(struct spawner *c)
{
	uint32_t i = c->free_hint;

	while (c->flights[i].n != 0)
		i = (i + 1) % c->limit;
	c->free_hint = (i + 1) % c->limit;
	return i;
}

void
spawner_start(
    struct send *s, struct spawner *c, struct active *a, struct job *j)
{
	struct flight *f;

	j->number = free_flight(c);
	f = &c->flights[j->number];
	f->active = a;
	f->n = j->nrcpt;
	f->delivery = s->deliveries + 1;
	s->deliveries += j->nrcpt;
	c->inflight++;
	for (uint32_t i = 0; i < j->nrcpt; i++) {
		f->rcpt[i] = j->rcpt[i].index;
		buf_puts(&s->log, "starting delivery ");
		buf_putu(&s->log, f->delivery + i);
		buf_puts(&s->log, ": msg ");
		buf_putu(&s->log, j->id);
		buf_puts(&s->log, " to ");
		buf_puts(&s->log, c->name);
		buf_putc(&s->log, ' ');
		log_safe(&s->log, j->rcpt[i].addr);
		slog(s, "");
		slog_status(s);
	}
	job_put(&c->out, j);
}

/* The spawner has gone: its deliveries are forgotten, not their mail. */
static void
lost(struct send *s, struct spawner *c)
{
	if (!c->is_alive)
		return;
	c->is_alive = false;
	slog(s, "alert: oh no! lost spawn connection! dying...");
	for (uint32_t i = 0; i < c->limit; i++)
		c->flights[i].n = 0;
	c->inflight = 0;
	active_lost(s,
	    c == &s->channels[CHANNEL_LOCAL] ? CHANNEL_LOCAL : CHANNEL_REMOTE);
	send_stop(s, 111);
}

void
spawner_flush(struct send *s, struct spawner *c)
{
	if (!c->is_alive)
		return;
	if (buf_err(&c->out) < 0) {
		lost(s, c);
		return;
	}
	while (c->out.len > 0) {
		ssize_t n = write(c->to, c->out.p, c->out.len);

		if (n >= 0) {
			buf_drop(&c->out, (size_t)n);
		} else if (errno == EAGAIN) {
			return;
		} else if (errno != EINTR) {
			lost(s, c);
			return;
		}
	}
}

void
spawner_prepare(struct send *s, struct spawner *c)
{
	spawner_flush(s, c);
	c->h_in = wait_in(&s->wait, c->is_alive ? c->from : -1);
	c->h_out =
	    wait_out(&s->wait, c->is_alive && c->out.len > 0 ? c->to : -1);
}

static void
take_result(struct send *s, struct spawner *c, struct frame *frame)
{
	struct result r;
	struct flight f;

	if (result_get(frame, &r) < 0 || r.number >= c->limit ||
	    c->flights[r.number].n == 0) {
		slog(s, "warning: internal error: delivery report out of "
			"range");
		return;
	}
	f = c->flights[r.number];
	c->flights[r.number].n = 0;
	c->free_hint = r.number;
	c->inflight--;
	active_verdicts(s, &f,
	    c == &s->channels[CHANNEL_LOCAL] ? CHANNEL_LOCAL : CHANNEL_REMOTE,
	    &r);
}

void
spawner_ready(struct send *s, struct spawner *c)
{
	struct span in;
	struct frame f;
	size_t got = 0;
	int r;

	if (!c->is_alive || !wait_ready(&s->wait, c->h_in))
		return;
	r = fd_read_buf(c->from, &c->in, READ_PIECE, FD_FOREVER, &got);
	if (r < 0 || got == 0) {
		lost(s, c);
		return;
	}
	in = buf_span(&c->in);
	while ((r = wire_next(&in, RESULT_FRAME_MAX, &f)) == 0)
		take_result(s, c, &f);
	buf_drop(&c->in, c->in.len - in.len);
	if (r != E_EOF)
		lost(s, c); /* what it says makes no sense any more */
}

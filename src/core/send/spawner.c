/*
 * spawner - one spawner: see spawner.h
 */
#include "spawner.h"

#include "base/err.h"
#include "base/mem.h"
#include "pipe.h"
#include "sys/fd.h"

enum {
	READ_PIECE = 64 * 1024,
	IN_MAX = RESULT_FRAME_MAX + 2 * READ_PIECE,
	OUT_MAX = 8 * 1024 * 1024,
	OUT_FULL = 1024 * 1024 /* no new job while so much is unsent */
};

/* Read HELLO, which comes first and may have company. */
static int
read_hello(struct spawner *c, int64_t deadline, uint32_t *most)
{
	struct span rest;
	struct frame f;
	size_t got;
	int r;

	for (;;) {
		rest = buf_span(&c->in);
		r = wire_next(&rest, RESULT_FRAME_MAX, &f);
		if (r != E_EOF)
			break;
		r = fd_read_buf(c->rfd, &c->in, READ_PIECE, deadline, &got);
		if (r < 0 || got == 0)
			return r < 0 ? r : E_EOF;
	}
	if (r < 0)
		return r;
	if (f.type != WIRE_HELLO)
		return E_SYNTAX;
	*most = wire_get_u32(&f);
	r = wire_err(&f);
	buf_drop(&c->in, c->in.len - rest.len);
	return r;
}

int
spawner_open(
    struct spawner *c, int wfd, int rfd, uint32_t wanted, int64_t deadline)
{
	uint32_t most = 0;
	int r;

	*c = (struct spawner){ .wfd = wfd,
		.rfd = rfd,
		.is_alive = true,
		.in = BUF_INIT(IN_MAX),
		.out = BUF_INIT(OUT_MAX) };
	r = fd_nonblock(wfd, true);
	if (r == 0)
		r = read_hello(c, deadline, &most);
	if (r < 0)
		return r;
	c->limit = wanted < most ? wanted : most;
	c->seats = mem_new((size_t)c->limit + 1, sizeof(*c->seats));
	if (c->seats == NULL)
		return E_NOMEM;
	for (uint32_t i = 0; i < c->limit; i++)
		c->seats[i].next = i + 1;
	return 0;
}

void
spawner_free(struct spawner *c)
{
	buf_free(&c->in);
	buf_free(&c->out);
	mem_free(c->seats);
	c->seats = NULL;
	c->limit = 0;
}

bool
spawner_has_room(const struct spawner *c)
{
	return c->is_alive && c->running < c->limit && c->out.len < OUT_FULL;
}

uint32_t
spawner_sit(struct spawner *c)
{
	uint32_t seat = c->free;

	c->free = c->seats[seat].next;
	c->running++;
	return seat;
}

void
spawner_leave(struct spawner *c, uint32_t seat)
{
	c->seats[seat] = (struct seat){ .next = c->free };
	c->free = seat;
	c->running--;
}

struct seat *
spawner_seat(struct spawner *c, uint32_t number)
{
	if (number >= c->limit || c->seats[number].a == NULL)
		return NULL;
	return &c->seats[number];
}

void
spawner_prepare(struct spawner *c, struct wait *w)
{
	c->in_handle = wait_in(w, c->is_alive ? c->rfd : -1);
	c->out_handle =
	    wait_out(w, c->is_alive && c->out.len > 0 ? c->wfd : -1);
}

int
spawner_flush(struct spawner *c)
{
	return c->is_alive ? pipe_push(c->wfd, &c->out) : 0;
}

int
spawner_ready(
    struct spawner *c, const struct wait *w, spawner_result_fn *fn, void *ctx)
{
	struct span rest;
	struct frame f;
	size_t got = 0;
	int r;

	if (!c->is_alive || !wait_ready(w, c->in_handle))
		return 0;
	r = fd_read_buf(c->rfd, &c->in, READ_PIECE, FD_FOREVER, &got);
	if (r < 0 || got == 0)
		return r < 0 ? r : E_EOF;
	rest = buf_span(&c->in);
	while ((r = wire_next(&rest, RESULT_FRAME_MAX, &f)) == 0) {
		struct result result = { 0 };

		if (f.type != WIRE_RESULT) {
			r = E_SYNTAX;
			break;
		}
		r = result_get(&f, &result);
		fn(ctx, c, &result, r);
	}
	if (r == E_EOF)
		r = 0;
	buf_drop(&c->in, c->in.len - rest.len);
	return r;
}

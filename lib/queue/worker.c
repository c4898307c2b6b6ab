/*
 * worker - processes for accounts: see worker.h
 */
#include "queue/worker.h"

#include "base/err.h"
#include "queue/wire.h"

void
worker_order_put(struct buf *b, const struct worker_order *o)
{
	size_t begun = wire_begin(b, o->is_start ? WIRE_START : WIRE_KILL);

	wire_put_u32(b, o->slot);
	if (o->is_start) {
		wire_put_u32(b, o->uid);
		wire_put_u32(b, o->gid);
	}
	wire_end(b, begun);
}

void
worker_end_put(struct buf *b, const struct worker_end *e)
{
	size_t begun = wire_begin(b, WIRE_GONE);

	wire_put_u32(b, e->slot);
	wire_put_u32(b, e->how);
	wire_put_u32(b, e->value);
	wire_end(b, begun);
}

/* The one frame of a message. */
static int
only_frame(struct span message, struct frame *f)
{
	int r = wire_next(&message, WORKER_FRAME_MAX, f);

	return r < 0 || message.len > 0 ? E_SYNTAX : 0;
}

int
worker_order_get(struct span message, struct worker_order *out)
{
	struct frame f;

	if (only_frame(message, &f) < 0)
		return E_SYNTAX;
	if (f.type != WIRE_START && f.type != WIRE_KILL)
		return E_SYNTAX;
	*out = (struct worker_order){ .is_start = f.type == WIRE_START,
		.slot = wire_get_u32(&f) };
	if (out->is_start) {
		out->uid = wire_get_u32(&f);
		out->gid = wire_get_u32(&f);
	}
	return out->slot < WORKERS_MAX ? wire_err(&f) : E_SYNTAX;
}

int
worker_end_get(struct span message, struct worker_end *out)
{
	uint32_t how;
	struct frame f;

	if (only_frame(message, &f) < 0 || f.type != WIRE_GONE)
		return E_SYNTAX;
	out->slot = wire_get_u32(&f);
	how = wire_get_u32(&f);
	out->value = wire_get_u32(&f);
	if (out->slot >= WORKERS_MAX || how > WORKER_NOFORK)
		return E_SYNTAX;
	out->how = (enum worker_how)how;
	return wire_err(&f);
}

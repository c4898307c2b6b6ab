/*
 * wire - frames between the programs of the core: see wire.h
 */
#include "queue/wire.h"

#include <stdlib.h>

#include "base/err.h"

enum { LENGTH = 4 };

/* The n lowest bytes of v, lowest first. */
static void
put_number(struct buf *b, uint64_t v, size_t n)
{
	char bytes[8];

	for (size_t i = 0; i < n; i++)
		bytes[i] = (char)(v >> (8 * i));
	buf_put(b, (struct span){ bytes, n });
}

static uint64_t
number(const char *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v |= (uint64_t)(unsigned char)p[i] << (8 * i);
	return v;
}

size_t
wire_begin(struct buf *b, enum wire_type type)
{
	size_t at = b->len;

	put_number(b, 0, LENGTH);
	put_number(b, WIRE_V, 1);
	put_number(b, (uint64_t)type, 1);
	return at;
}

void
wire_end(struct buf *b, size_t begun)
{
	size_t len;

	if (b->err != 0)
		return;
	len = b->len - begun - LENGTH;
	if (len > UINT32_MAX)
		abort(); /* every buf for frames is bounded far below */
	for (size_t i = 0; i < LENGTH; i++)
		b->p[begun + i] = (char)(len >> (8 * i));
}

void
wire_put_u32(struct buf *b, uint32_t n)
{
	put_number(b, n, 4);
}

void
wire_put_u64(struct buf *b, uint64_t n)
{
	put_number(b, n, 8);
}

void
wire_put_bytes(struct buf *b, struct span s)
{
	if (s.len > UINT32_MAX)
		abort();
	put_number(b, s.len, 4);
	buf_put(b, s);
}

int
wire_next(struct span *in, size_t max, struct frame *out)
{
	size_t len;
	unsigned char type;

	if (in->len < LENGTH)
		return E_EOF;
	len = (size_t)number(in->p, LENGTH);
	if (len > max)
		return E_TOOBIG;
	if (len < WIRE_HEAD - LENGTH)
		return E_SYNTAX;
	if (in->len - LENGTH < len)
		return E_EOF;
	type = (unsigned char)in->p[LENGTH + 1];
	if (in->p[LENGTH] != WIRE_V || type < WIRE_HELLO || type > WIRE_GONE)
		return E_SYNTAX;
	*out = (struct frame){ .type = (enum wire_type)type,
		.rest = { in->p + WIRE_HEAD, len + LENGTH - WIRE_HEAD } };
	*in = span_tail(*in, LENGTH + len);
	return 0;
}

/* Take n bytes; NULL, and the frame has failed, when they are not there. */
static const char *
take(struct frame *f, size_t n)
{
	const char *p = f->rest.p;

	if (f->err != 0 || f->rest.len < n) {
		f->err = E_SYNTAX;
		return NULL;
	}
	f->rest = span_tail(f->rest, n);
	return p;
}

uint32_t
wire_get_u32(struct frame *f)
{
	const char *p = take(f, 4);

	return p != NULL ? (uint32_t)number(p, 4) : 0;
}

uint64_t
wire_get_u64(struct frame *f)
{
	const char *p = take(f, 8);

	return p != NULL ? number(p, 8) : 0;
}

struct span
wire_get_bytes(struct frame *f)
{
	size_t len = wire_get_u32(f);
	const char *p = take(f, len);

	return p != NULL ? (struct span){ p, len } : SPAN("");
}

int
wire_err(const struct frame *f)
{
	return f->err;
}

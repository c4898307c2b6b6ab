/*
 * job - what qmail-send asks of a spawner: see job.h
 */
#include "queue/job.h"

#include <stdlib.h>

#include "base/err.h"

void
job_put(struct buf *b, const struct job *j)
{
	size_t at = wire_begin(b, WIRE_JOB);

	wire_put_u32(b, j->number);
	wire_put_u64(b, j->id);
	wire_put_bytes(b, j->sender);
	wire_put_bytes(b, j->route);
	wire_put_u32(b, j->nrcpt);
	for (uint32_t i = 0; i < j->nrcpt; i++) {
		wire_put_u32(b, j->rcpt[i].index);
		wire_put_bytes(b, j->rcpt[i].addr);
	}
	wire_end(b, at);
}

int
job_get(struct frame *f, struct job *out)
{
	if (f->type != WIRE_JOB)
		return E_SYNTAX;
	out->number = wire_get_u32(f);
	out->id = wire_get_u64(f);
	out->sender = wire_get_bytes(f);
	out->route = wire_get_bytes(f);
	out->nrcpt = wire_get_u32(f);
	if (wire_err(f) < 0 || out->nrcpt == 0 || out->nrcpt > JOB_RCPTS_MAX)
		return E_SYNTAX;
	for (uint32_t i = 0; i < out->nrcpt; i++) {
		out->rcpt[i].index = wire_get_u32(f);
		out->rcpt[i].addr = wire_get_bytes(f);
	}
	return wire_err(f);
}

void
result_put(struct buf *b, const struct result *r)
{
	size_t at = wire_begin(b, WIRE_RESULT);

	wire_put_u32(b, r->number);
	wire_put_u32(b, r->n);
	for (uint32_t i = 0; i < r->n; i++) {
		wire_put_u32(b, r->verdict[i].index);
		wire_put_u32(b, (unsigned char)r->verdict[i].letter);
		wire_put_bytes(
		    b, span_head(r->verdict[i].text, VERDICT_TEXT_MAX));
	}
	wire_end(b, at);
}

int
result_get(struct frame *f, struct result *out)
{
	if (f->type != WIRE_RESULT)
		return E_SYNTAX;
	out->number = wire_get_u32(f);
	out->n = wire_get_u32(f);
	if (wire_err(f) < 0 || out->n > JOB_RCPTS_MAX)
		return E_SYNTAX;
	for (uint32_t i = 0; i < out->n; i++) {
		out->verdict[i].index = wire_get_u32(f);
		out->verdict[i].letter = (char)wire_get_u32(f);
		out->verdict[i].text = wire_get_bytes(f);
	}
	return wire_err(f);
}

void
result_all(struct result *r, const struct job *j, char letter, struct span text)
{
	r->number = j->number;
	r->n = j->nrcpt;
	for (uint32_t i = 0; i < j->nrcpt; i++)
		r->verdict[i] = (struct verdict){ .index = j->rcpt[i].index,
			.letter = letter,
			.text = text };
}

/*
 * envelope - the sealed record of one accepted message: see envelope.h
 */
#include "queue/envelope.h"

#include "base/err.h"
#include "base/num.h"
#include "queue/record.h"

void
envelope_seal(struct buf *b, const struct envelope *e)
{
	record_put(b, 'V', SPAN("1"));
	record_putu(b, 'I', e->id);
	record_putu(b, 'u', e->uid);
	record_putu(b, 'p', e->pid);
	record_put(b, 'n', e->node);
	record_putu(b, 's', e->size);
	record_puthex(b, 'h', e->hash);
	record_put(b, 'F', e->sender);
	buf_put(b, e->rcpts);
	record_seal(b);
}

/* One record before the recipients. E_SYNTAX when it makes no sense. */
static int
read_field(struct envelope *e, char letter, struct span text)
{
	switch (letter) {
	case 'V':
		return span_eq(text, SPAN("1")) ? 0 : E_SYNTAX;
	case 'I':
		return num_parse(text, UINT64_MAX, &e->id);
	case 'u':
		return num_parse(text, UINT64_MAX, &e->uid);
	case 'p':
		return num_parse(text, UINT64_MAX, &e->pid);
	case 'n':
		e->node = text;
		return 0;
	case 's':
		return num_parse(text, UINT64_MAX, &e->size);
	case 'h':
		return num_hex(text, &e->hash);
	default:
		return 0; /* a later version's */
	}
}

int
envelope_open(struct span file, uint64_t id, struct envelope *out)
{
	struct span rest, text, before;
	bool has_sender = false;
	char letter;
	int r;

	*out = (struct envelope){ .node = SPAN("") };
	r = record_open(file, &rest);
	if (r < 0)
		return r;
	while (!has_sender && record_next(&rest, &letter, &text)) {
		if (letter == 'F') {
			out->sender = text;
			has_sender = true;
		} else if (read_field(out, letter, text) < 0) {
			return E_DAMAGED;
		}
	}
	if (!has_sender || out->id != id)
		return E_DAMAGED;
	out->rcpts = rest;
	for (before = rest; record_next(&rest, &letter, &text); before = rest) {
		if (letter != 'T')
			break;
		out->nrcpt++;
	}
	out->rcpts.len = (size_t)(before.p - out->rcpts.p);
	return 0;
}

bool
envelope_rcpt(struct span *rcpts, struct span *addr)
{
	char letter;

	return record_next(rcpts, &letter, addr);
}

int
envelope_classic(struct span s, struct span *sender, struct span *rcpts,
    uint32_t *nrcpt, size_t *used)
{
	struct span rest = s, field;

	*nrcpt = 0;
	if (rest.len == 0)
		return E_EOF;
	if (rest.p[0] != 'F')
		return E_SYNTAX;
	if (!span_field(&rest, &field))
		return rest.len > 1 + ADDRESS_MAX ? E_TOOBIG : E_EOF;
	*sender = span_tail(field, 1);
	if (sender->len > ADDRESS_MAX)
		return E_TOOBIG;
	*rcpts = rest;
	while (rest.len > 0 && rest.p[0] != '\0') {
		if (rest.p[0] != 'T')
			return E_SYNTAX;
		if (!span_field(&rest, &field))
			return rest.len > 1 + ADDRESS_MAX ? E_TOOBIG : E_EOF;
		if (field.len > 1 + ADDRESS_MAX)
			return E_TOOBIG;
		++*nrcpt;
	}
	if (rest.len == 0)
		return E_EOF;
	rcpts->len = (size_t)(rest.p - rcpts->p);
	*used = (size_t)(rest.p + 1 - s.p);
	return 0;
}

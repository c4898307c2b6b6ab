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

/* Letters of an N record, in the order in which they are written. */
static const struct {
	char letter;
	unsigned int bit;
} notifies[] = {
	{ 'n', NOTIFY_NEVER },
	{ 's', NOTIFY_SUCCESS },
	{ 'f', NOTIFY_FAILURE },
	{ 'd', NOTIFY_DELAY },
};

enum { NOTIFIES = sizeof(notifies) / sizeof(*notifies) };

/* E_SYNTAX for anything but letters we know, NEVER alone. */
static int
read_notify(struct span text, unsigned int *out)
{
	*out = 0;
	for (size_t i = 0; i < text.len; i++) {
		size_t n = 0;

		while (n < NOTIFIES && notifies[n].letter != text.p[i])
			n++;
		if (n == NOTIFIES || (*out & notifies[n].bit) != 0)
			return E_SYNTAX;
		*out |= notifies[n].bit;
	}
	if (*out == 0 || ((*out & NOTIFY_NEVER) != 0 && *out != NOTIFY_NEVER))
		return E_SYNTAX;
	return 0;
}

/* One record behind F that is no recipient. */
static int
read_request(struct envelope *e, char letter, struct span text)
{
	unsigned int notify;

	switch (letter) {
	case 'R':
		if (text.len != 1 || (text.p[0] != 'F' && text.p[0] != 'H'))
			return E_SYNTAX;
		e->ret = text.p[0];
		return 0;
	case 'E':
		e->envid = text;
		return 0;
	case 'N':
		return read_notify(text, &notify);
	case 'O':
		return 0;
	default:
		return E_SYNTAX;
	}
}

int
envelope_open(struct span file, uint64_t id, struct envelope *out)
{
	struct span rest, text;
	bool has_sender = false;
	char letter;
	int r;

	*out = (struct envelope){ .node = SPAN(""), .envid = SPAN("") };
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
	while (record_next(&rest, &letter, &text)) {
		if (letter == 'T')
			out->nrcpt++;
		else
			/* what we do not understand is a later version's */
			(void)read_request(out, letter, text);
	}
	return 0;
}

bool
envelope_next(struct span *rcpts, struct recipient *out)
{
	struct span text;
	char letter;

	*out = (struct recipient){ .orcpt = SPAN("") };
	while (record_next(rcpts, &letter, &text)) {
		switch (letter) {
		case 'T':
			out->addr = text;
			return true;
		case 'N':
			if (read_notify(text, &out->notify) < 0)
				out->notify = 0;
			break;
		case 'O':
			out->orcpt = text;
			break;
		default:
			break;
		}
	}
	return false;
}

bool
envelope_rcpt(struct span *rcpts, struct span *addr)
{
	struct recipient r;

	if (!envelope_next(rcpts, &r))
		return false;
	*addr = r.addr;
	return true;
}

/* One record of an envelope that comes in; its text is not too long. */
static int
take_record(struct span *rest, struct span *record)
{
	if (!span_field(rest, record))
		return rest->len > 1 + ADDRESS_MAX ? E_TOOBIG : E_EOF;
	return record->len > 1 + ADDRESS_MAX ? E_TOOBIG : 0;
}

int
envelope_read(struct span s, bool has_dsn, struct envelope *out, size_t *used)
{
	struct span rest = s, record;
	int r;

	out->nrcpt = 0;
	out->ret = 0;
	out->envid = SPAN("");
	if (rest.len == 0)
		return E_EOF;
	if (rest.p[0] != 'F')
		return E_SYNTAX;
	r = take_record(&rest, &record);
	if (r < 0)
		return r;
	out->sender = span_tail(record, 1);
	out->rcpts = rest;
	while (rest.len > 0 && rest.p[0] != '\0') {
		char letter = rest.p[0];

		if (letter != 'T' && !has_dsn)
			return E_SYNTAX;
		r = take_record(&rest, &record);
		if (r == 0 && letter != 'T')
			r = read_request(out, letter, span_tail(record, 1));
		if (r < 0)
			return r;
		if (letter == 'T')
			++out->nrcpt;
	}
	if (rest.len == 0)
		return E_EOF;
	out->rcpts.len = (size_t)(rest.p - out->rcpts.p);
	*used = (size_t)(rest.p + 1 - s.p);
	return 0;
}

void
envelope_put_sender(
    struct buf *b, struct span sender, char ret, struct span envid)
{
	record_put(b, 'F', sender);
	if (ret != 0)
		record_put(b, 'R', (struct span){ &ret, 1 });
	if (envid.len > 0)
		record_put(b, 'E', envid);
}

void
envelope_put_rcpt(struct buf *b, const struct recipient *r)
{
	if (r->notify != 0) {
		buf_putc(b, 'N');
		for (size_t i = 0; i < NOTIFIES; i++)
			if ((r->notify & notifies[i].bit) != 0)
				buf_putc(b, notifies[i].letter);
		buf_putc(b, '\0');
	}
	if (r->orcpt.len > 0)
		record_put(b, 'O', r->orcpt);
	record_put(b, 'T', r->addr);
}

void
envelope_put_end(struct buf *b)
{
	buf_putc(b, '\0');
}

void
envelope_plain(struct buf *b, const struct envelope *e)
{
	struct span rest = e->rcpts, addr;

	record_put(b, 'F', e->sender);
	while (envelope_rcpt(&rest, &addr))
		record_put(b, 'T', addr);
	envelope_put_end(b);
}

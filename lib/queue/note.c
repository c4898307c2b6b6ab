/*
 * note - how far the delivery of a message has come: see note.h
 *
 * Records: V version, I id, r recipients, a attempts, l and m next local
 * and remote attempt, k 1 if held, w 1 if warned of the delay, d done bits
 * in hexadecimal, B bounce text, z last trouble of a recipient (which hold
 * no NUL).
 */
#include "queue/note.h"

#include "base/err.h"
#include "base/num.h"
#include "queue/record.h"

enum { DONE_MAX = 4 * 1024 * 1024, BOUNCE_MAX = 64 * 1024 * 1024 };

void
note_init(struct note *n, uint64_t id, uint32_t nrcpt)
{
	*n = (struct note){ .id = id,
		.nrcpt = nrcpt,
		.done = BUF_INIT(DONE_MAX),
		.bounce = BUF_INIT(BOUNCE_MAX),
		.why = BUF_INIT(NOTE_WHY_ALL) };
	for (uint32_t i = 0; i < nrcpt; i += 8)
		buf_putc(&n->done, '\0');
}

void
note_free(struct note *n)
{
	buf_free(&n->done);
	buf_free(&n->bounce);
	buf_free(&n->why);
}

bool
note_is_done(const struct note *n, uint32_t index)
{
	struct span bits = buf_span(&n->done);

	return index / 8 < bits.len &&
	       ((unsigned char)bits.p[index / 8] >> (index % 8) & 1) != 0;
}

void
note_set_done(struct note *n, uint32_t index)
{
	unsigned char byte;

	if (n->done.err != 0 || index / 8 >= n->done.len)
		return;
	byte = (unsigned char)n->done.p[index / 8];
	n->done.p[index / 8] = (char)(byte | 1U << (index % 8));
}

/* The next record of *rest: its index and text. */
static bool
next_why(struct span *rest, uint64_t *index, struct span *text)
{
	char letter;
	size_t blank;

	if (!record_next(rest, &letter, text))
		return false;
	blank = span_find(*text, ' ');
	if (num_parse(span_head(*text, blank), UINT32_MAX, index) < 0)
		*index = UINT64_MAX; /* nobody's */
	*text = span_tail(*text, blank + 1);
	return true;
}

static struct span
all_why(const struct note *n)
{
	return n->why.err == 0 ? buf_span(&n->why) : SPAN("");
}

bool
note_why(const struct note *n, uint32_t index, struct span *text)
{
	struct span rest = all_why(n);
	uint64_t i;

	while (next_why(&rest, &i, text))
		if (i == index)
			return true;
	return false;
}

static void
drop_why(struct note *n, uint32_t index)
{
	struct span rest = all_why(n), text;
	const char *begun = rest.p;
	uint64_t i;

	while (next_why(&rest, &i, &text)) {
		if (i == index) {
			buf_remove(&n->why, (size_t)(begun - n->why.p),
			    (size_t)(rest.p - begun));
			return;
		}
		begun = rest.p;
	}
}

void
note_set_why(struct note *n, uint32_t index, struct span text)
{
	if (n->why.len > 0)
		drop_why(n, index);
	text = span_trim_end(span_head(text, NOTE_WHY_MAX));
	if (text.len == 0 || n->why.len + NOTE_WHY_MAX + 32 > NOTE_WHY_ALL)
		return;
	buf_putc(&n->why, 'z');
	buf_putu(&n->why, index);
	buf_putc(&n->why, ' ');
	for (size_t i = 0; i < text.len; i++)
		buf_putc(&n->why, (char)(text.p[i] == '\0' ? '?' : text.p[i]));
	buf_putc(&n->why, '\0');
}

void
note_seal(struct buf *b, const struct note *n)
{
	struct span bits = buf_span(&n->done);

	record_put(b, 'V', SPAN("1"));
	record_putu(b, 'I', n->id);
	record_putu(b, 'r', n->nrcpt);
	record_putu(b, 'a', n->attempts);
	record_putu(b, 'l', (uint64_t)n->next[CHANNEL_LOCAL]);
	record_putu(b, 'm', (uint64_t)n->next[CHANNEL_REMOTE]);
	if (n->is_held)
		record_putu(b, 'k', 1);
	if (n->is_warned)
		record_putu(b, 'w', 1);
	buf_putc(b, 'd');
	for (size_t i = 0; i < bits.len; i++)
		buf_puthex(b, (unsigned char)bits.p[i], 2);
	buf_putc(b, '\0');
	record_put(b, 'B', buf_span(&n->bounce));
	buf_put(b, all_why(n));
	record_seal(b);
}

static int
read_bits(struct note *n, struct span hex)
{
	uint64_t byte;

	buf_reset(&n->done);
	for (; hex.len > 0; hex = span_tail(hex, 2)) {
		if (hex.len < 2 || num_hex(span_head(hex, 2), &byte) < 0)
			return E_SYNTAX;
		buf_putc(&n->done, (char)byte);
	}
	return buf_err(&n->done);
}

static int
read_time(struct span text, int64_t *out)
{
	uint64_t t;
	int r = num_parse(text, INT64_MAX, &t);

	if (r == 0)
		*out = (int64_t)t;
	return r;
}

static int
read_field(struct note *n, char letter, struct span text)
{
	uint64_t v = 0;
	int r = 0;

	switch (letter) {
	case 'V':
		return span_eq(text, SPAN("1")) ? 0 : E_SYNTAX;
	case 'I':
		r = num_parse(text, UINT64_MAX, &v);
		return r == 0 && v != n->id ? E_SYNTAX : r;
	case 'r':
		r = num_parse(text, UINT32_MAX, &v);
		n->nrcpt = (uint32_t)v;
		return r;
	case 'a':
		r = num_parse(text, UINT32_MAX, &v);
		n->attempts = (uint32_t)v;
		return r;
	case 'l':
		return read_time(text, &n->next[CHANNEL_LOCAL]);
	case 'm':
		return read_time(text, &n->next[CHANNEL_REMOTE]);
	case 'k':
		n->is_held = span_eq(text, SPAN("1"));
		return 0;
	case 'w':
		n->is_warned = span_eq(text, SPAN("1"));
		return 0;
	case 'z':
		record_put(&n->why, letter, text);
		return buf_err(&n->why);
	case 'd':
		return read_bits(n, text);
	case 'B':
		buf_reset(&n->bounce);
		buf_put(&n->bounce, text);
		return buf_err(&n->bounce);
	default:
		return 0; /* a later version's */
	}
}

int
note_open(struct span file, struct note *n)
{
	struct span rest, text;
	char letter;
	int r = record_open(file, &rest);

	if (r < 0)
		return r;
	while (record_next(&rest, &letter, &text)) {
		r = read_field(n, letter, text);
		if (r < 0)
			return r == E_NOMEM ? r : E_DAMAGED;
	}
	return n->done.len == ((size_t)n->nrcpt + 7) / 8 ? 0 : E_DAMAGED;
}

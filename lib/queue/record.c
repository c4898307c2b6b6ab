/*
 * record - letter, text, NUL: see record.h
 */
#include "queue/record.h"

#include "base/err.h"
#include "queue/hash.h"

enum { HEX = 16, SEAL = HEX + 2 };

void
record_put(struct buf *b, char letter, struct span text)
{
	buf_putc(b, letter);
	buf_put(b, text);
	buf_putc(b, '\0');
}

void
record_putu(struct buf *b, char letter, uint64_t n)
{
	buf_putc(b, letter);
	buf_putu(b, n);
	buf_putc(b, '\0');
}

void
record_puthex(struct buf *b, char letter, uint64_t n)
{
	buf_putc(b, letter);
	buf_puthex(b, n, HEX);
	buf_putc(b, '\0');
}

void
record_seal(struct buf *b)
{
	if (buf_err(b) == 0)
		record_puthex(b, 'X', hash_of(buf_span(b)));
}

int
record_open(struct span file, struct span *records)
{
	struct buf seal = BUF_INIT(SEAL);
	bool fits;

	if (file.len < SEAL)
		return E_DAMAGED;
	*records = span_head(file, file.len - SEAL);
	record_puthex(&seal, 'X', hash_of(*records));
	if (buf_err(&seal) < 0)
		return buf_err(&seal);
	fits = span_eq(span_tail(file, records->len), buf_span(&seal));
	buf_free(&seal);
	return fits ? 0 : E_DAMAGED;
}

bool
record_next(struct span *records, char *letter, struct span *text)
{
	if (!span_field(records, text) || text->len == 0)
		return false;
	*letter = text->p[0];
	*text = span_tail(*text, 1);
	return true;
}

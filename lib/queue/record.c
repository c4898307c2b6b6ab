/*
 * record - letter, text, NUL: see record.h
 */
#include "queue/record.h"

#include "base/err.h"
#include "base/num.h"
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
	struct span seal;
	uint64_t sum;

	if (file.len < SEAL)
		return E_DAMAGED;
	*records = span_head(file, file.len - SEAL);
	seal = span_tail(file, file.len - SEAL);
	if (seal.p[0] != 'X' || seal.p[SEAL - 1] != '\0')
		return E_DAMAGED;
	if (num_hex(span_head(span_tail(seal, 1), HEX), &sum) < 0)
		return E_DAMAGED;
	return hash_of(*records) == sum ? 0 : E_DAMAGED;
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

/*
 * mboxrd_fuzz - what is quoted reads back, however it was divided
 *
 * The first byte is the size of the pieces.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"

/* a room has no library: its file is taken whole */
#include "mail/mboxrd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LIMIT = 4 * 1024 * 1024 };

static void
quote(struct buf *b, struct span in, size_t n)
{
	struct mboxrd m = MBOXRD_INIT;

	for (; in.len > 0; in = span_tail(in, n))
		mboxrd_put(&m, b, span_head(in, n));
	mboxrd_end(&m, b);
}

/* As a reader does it: one '>' less before each quoted "From ". */
static void
unquote(struct buf *b, struct span in)
{
	struct span s;

	while (span_line(&in, &s)) {
		size_t n = 0;

		while (n < s.len && s.p[n] == '>')
			n++;
		if (span_starts(span_tail(s, n), SPAN("From "))) {
			if (n == 0)
				abort(); /* a message would begin here */
			s = span_tail(s, 1);
		}
		buf_put(b, s);
		buf_putc(b, '\n');
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole = BUF_INIT(LIMIT), cut = BUF_INIT(LIMIT),
		   back = BUF_INIT(LIMIT), want = BUF_INIT(LIMIT);
	struct span in;

	if (size < 1)
		return 0;
	in = (struct span){ (const char *)data + 1, size - 1 };
	quote(&whole, in, in.len + 1);
	quote(&cut, in, (size_t)data[0] + 1);
	if (!span_eq(buf_span(&whole), buf_span(&cut)))
		abort();
	buf_put(&want, in);
	if (in.len > 0 && in.p[in.len - 1] != '\n')
		buf_putc(&want, '\n');
	buf_putc(&want, '\n');
	unquote(&back, buf_span(&whole));
	if (!span_eq(buf_span(&back), buf_span(&want)))
		abort();
	buf_free(&whole);
	buf_free(&cut);
	buf_free(&back);
	buf_free(&want);
	return 0;
}

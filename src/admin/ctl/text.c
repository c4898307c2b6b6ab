/*
 * text - pieces of lines for people: see text.h
 */
#include "text.h"

#include "base/ascii.h"

void
text_put(struct buf *b, struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];

		if (c == '\n' || c == '\r' || c == '\t')
			c = ' ';
		buf_putc(b, (char)(ascii_is_print((unsigned char)c) ? c : '_'));
	}
}

static void
pad(struct buf *b, size_t used, size_t width)
{
	for (; used < width; used++)
		buf_putc(b, ' ');
}

void
text_left(struct buf *b, struct span s, size_t width)
{
	text_put(b, s);
	pad(b, s.len, width);
	buf_putc(b, ' ');
}

void
text_right(struct buf *b, struct span s, size_t width)
{
	pad(b, s.len, width);
	text_put(b, s);
	buf_putc(b, ' ');
}

void
text_size(struct buf *b, uint64_t bytes)
{
	static const char units[] = "KMGTPE";
	uint64_t tenths = bytes;
	size_t i = 0;

	if (bytes < 1000) {
		buf_putu(b, bytes);
		return;
	}
	/* of 1024, as ls(1) has it */
	while (tenths >= UINT64_C(1024) * 1000 && i < sizeof(units) - 2) {
		tenths /= 1024;
		i++;
	}
	tenths = tenths * 10 / 1024;
	buf_putu(b, tenths / 10);
	if (tenths < 100) {
		buf_putc(b, '.');
		buf_putu(b, tenths % 10);
	}
	buf_putc(b, units[i]);
}

void
text_cut(struct buf *b, size_t width)
{
	if (buf_err(b) < 0 || b->len <= width)
		return;
	buf_cut(b, width - 3);
	buf_puts(b, "...");
}

/*
 * body - a message on its way to the wire: see body.h
 */
#include "mail/body.h"

#include "base/err.h"

/* End the line, begun or empty. */
static void
end_line(struct body *b, struct buf *out)
{
	buf_put(out, SPAN("\r\n"));
	b->in_line = false;
	b->pending_cr = false;
}

/* How many bytes of s need no change. */
static size_t
plain(struct span s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		char c = s.p[i];

		if (c == '\n' || c == '\r' || c == '\0')
			break;
	}
	return i;
}

/* Part of a line, not empty. */
static void
put_part(struct body *b, struct span part, struct buf *out)
{
	if (!b->in_line && part.p[0] == '.')
		buf_putc(out, '.');
	buf_put(out, part);
	b->in_line = true;
}

void
body_put(struct body *b, struct span piece, struct buf *out)
{
	while (piece.len > 0) {
		char c = piece.p[0];
		size_t n = 1;

		if (c == '\n') {
			end_line(b, out);
		} else {
			if (b->pending_cr)
				end_line(b, out);
			if (c == '\r') {
				b->pending_cr = true;
			} else if (c == '\0') {
				put_part(b, SPAN("?"), out);
			} else {
				n = plain(piece);
				put_part(b, span_head(piece, n), out);
			}
		}
		piece = span_tail(piece, n);
	}
}

int
body_end(struct body *b, struct buf *out)
{
	if (b->pending_cr)
		end_line(b, out);
	if (b->in_line)
		return E_SYNTAX;
	buf_put(out, SPAN(".\r\n"));
	return 0;
}

void
body_count(struct body_facts *f, struct span piece)
{
	size_t lines = 0;
	unsigned char all = 0;
	size_t i;

	for (i = 0; i < piece.len; i++) {
		lines += piece.p[i] == '\n';
		all |= (unsigned char)piece.p[i];
	}
	f->size += piece.len + lines;
	f->has_8bit = f->has_8bit || all > 127;
}

/*
 * gist - a message in a line or two: see gist.h
 */
#include "mail/gist.h"

#include "base/ascii.h"
#include "mail/header.h"

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

void
gist_text(struct buf *b, struct span text, size_t max)
{
	size_t n = 0;
	bool is_gap = false;

	for (size_t i = 0; i < text.len && n < max; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if (is_blank(text.p[i])) {
			is_gap = n > 0;
			continue;
		}
		if (is_gap && ++n == max)
			return;
		if (is_gap)
			buf_putc(b, ' ');
		is_gap = false;
		buf_putc(b, ascii_is_print(c) ? text.p[i] : '?');
		n++;
	}
}

/* The next field, removed from *message; false where the body begins. */
static bool
next_field(struct span *message, struct span *name, struct span *body)
{
	struct span part;

	for (;;)
		switch (header_next(message, true, &part)) {
		case HEADER_FIELD:
			header_split(part, name, body);
			return true;
		case HEADER_MBOX:
			continue;
		case HEADER_BLANK:
		case HEADER_BODY:
		case HEADER_END:
		case HEADER_MORE:
			return false;
		}
}

bool
gist_field(struct span message, struct span name, struct span *body)
{
	struct span found;

	while (next_field(&message, &found, body))
		if (span_eq_nocase(found, name))
			return true;
	*body = SPAN("");
	return false;
}

void
gist_put(struct buf *b, struct span message, size_t max)
{
	struct span name, body;
	size_t start = b->len, n;

	if (gist_field(message, SPAN("Subject"), &body))
		gist_text(b, body, max);
	while (next_field(&message, &name, &body))
		;
	n = b->len - start;
	if (n >= max || (n > 0 && n + 1 == max))
		return;
	if (n > 0) {
		buf_putc(b, ' ');
		n++;
	}
	gist_text(b, message, max - n);
}

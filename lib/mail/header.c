/*
 * header - the fields at the beginning of a message: see header.h
 */
#include "mail/header.h"

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Whether a line begins a field: a name, blanks perhaps, a colon. */
static bool
is_field(struct span line)
{
	size_t colon = span_find(line, ':');
	size_t n = colon;

	if (colon == line.len)
		return false;
	while (n > 0 && is_blank(line.p[n - 1]))
		n--;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)line.p[i];

		if (c <= ' ' || c >= 127)
			return false;
	}
	return n > 0;
}

/*
 * The bytes of the first line with its LF, and of the lines that continue
 * it. False: it may go on behind s.
 */
static bool
field_length(struct span s, bool is_all, size_t *len)
{
	size_t n = 0;

	do {
		size_t lf = span_find(span_tail(s, n), '\n');

		if (n + lf == s.len) {
			*len = s.len;
			return is_all;
		}
		n += lf + 1;
		if (n == s.len && !is_all)
			return false;
	} while (n < s.len && is_blank(s.p[n]));
	*len = n;
	return true;
}

/* What begins with this line, which is not empty. */
static enum header_part
part_of(struct span line)
{
	if (is_field(line))
		return HEADER_FIELD;
	return span_starts(line, SPAN("From ")) ? HEADER_MBOX : HEADER_BODY;
}

enum header_part
header_next(struct span *s, bool is_all, struct span *part)
{
	size_t lf = span_find(*s, '\n');
	enum header_part kind;
	size_t n;

	*part = span_head(*s, 0);
	if (s->len == 0)
		return is_all ? HEADER_END : HEADER_MORE;
	if (lf == s->len && !is_all)
		return HEADER_MORE;
	if (lf == 0) {
		*part = span_head(*s, 1);
		*s = span_tail(*s, 1);
		return HEADER_BLANK;
	}
	kind = part_of(span_head(*s, lf));
	if (kind == HEADER_BODY)
		return kind;
	if (!field_length(*s, is_all, &n))
		return HEADER_MORE;
	*part = span_head(*s, n);
	*s = span_tail(*s, n);
	return kind;
}

void
header_split(struct span field, struct span *name, struct span *body)
{
	size_t colon = span_find(field, ':');

	*name = span_head(field, colon);
	while (name->len > 0 && is_blank(name->p[name->len - 1]))
		name->len--;
	*body = span_tail(field, colon + 1);
	if (span_ends(*body, SPAN("\n")))
		body->len--;
}

/*
 * span - borrowed bytes: see span.h
 */
#include "base/span.h"

#include "base/ascii.h"

bool
span_eq(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

bool
span_eq_nocase(struct span a, struct span b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (ascii_lower((unsigned char)a.p[i]) !=
		    ascii_lower((unsigned char)b.p[i]))
			return false;
	return true;
}

bool
span_starts(struct span s, struct span head)
{
	return s.len >= head.len && span_eq(span_head(s, head.len), head);
}

bool
span_starts_nocase(struct span s, struct span head)
{
	return s.len >= head.len &&
	       span_eq_nocase(span_head(s, head.len), head);
}

bool
span_ends(struct span s, struct span tail)
{
	return s.len >= tail.len &&
	       span_eq(span_tail(s, s.len - tail.len), tail);
}

size_t
span_find(struct span s, char c)
{
	const char *at = s.len > 0 ? memchr(s.p, c, s.len) : NULL;

	return at != NULL ? (size_t)(at - s.p) : s.len;
}

size_t
span_rfind(struct span s, char c)
{
	const char *at = s.len > 0 ? memrchr(s.p, c, s.len) : NULL;

	return at != NULL ? (size_t)(at - s.p) : s.len;
}

bool
span_contains(struct span s, struct span part)
{
	for (size_t i = 0; i + part.len <= s.len; i++)
		if (span_starts(span_tail(s, i), part))
			return true;
	return false;
}

struct span
span_trim_end(struct span s)
{
	while (s.len > 0 && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t' ||
				s.p[s.len - 1] == '\n'))
		s.len--;
	return s;
}

bool
span_line(struct span *s, struct span *line)
{
	size_t at;

	if (s->len == 0)
		return false;
	at = span_find(*s, '\n');
	*line = span_head(*s, at);
	*s = span_tail(*s, at + 1);
	return true;
}

bool
span_field(struct span *s, struct span *field)
{
	size_t at = span_find(*s, '\0');

	if (at == s->len)
		return false;
	*field = span_head(*s, at);
	*s = span_tail(*s, at + 1);
	return true;
}

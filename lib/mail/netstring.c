/*
 * netstring - counted bytes: see netstring.h
 */
#include "mail/netstring.h"

#include "base/ascii.h"
#include "base/err.h"

enum { DIGITS_MAX = 99 }; /* leading zeros have an end */

int
netstring_length(struct span *in, size_t max, size_t *out)
{
	size_t n = 0;

	for (size_t i = 0; i < in->len; i++) {
		unsigned char c = (unsigned char)in->p[i];
		size_t digit = (size_t)(c - '0');

		if (c == ':') {
			*in = span_tail(*in, i + 1);
			*out = n;
			return 0;
		}
		if (!ascii_is_digit(c))
			return E_SYNTAX;
		if (i == DIGITS_MAX)
			return E_SYNTAX;
		if (n > max / 10 || digit > max - n * 10)
			return E_TOOBIG;
		n = n * 10 + digit;
	}
	return E_EOF;
}

int
netstring_get(struct span *in, size_t max, struct span *out)
{
	struct span rest = *in;
	size_t n;
	int r = netstring_length(&rest, max, &n);

	if (r < 0)
		return r;
	if (rest.len <= n)
		return E_EOF;
	if (rest.p[n] != ',')
		return E_SYNTAX;
	*out = span_head(rest, n);
	*in = span_tail(rest, n + 1);
	return 0;
}

void
netstring_put(struct buf *b, struct span s)
{
	buf_putu(b, s.len);
	buf_putc(b, ':');
	buf_put(b, s);
	buf_putc(b, ',');
}

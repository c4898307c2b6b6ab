/*
 * num - numbers from text: see num.h
 */
#include "base/num.h"

#include "base/ascii.h"
#include "base/err.h"

enum { HEX_DIGITS = 16 };

/* n * 10 + digit, or false when that is above max. */
static bool
push_digit(uint64_t *n, uint64_t digit, uint64_t max)
{
	if (digit > max || *n > (max - digit) / 10)
		return false;
	*n = *n * 10 + digit;
	return true;
}

int
num_parse(struct span s, uint64_t max, uint64_t *out)
{
	uint64_t n = 0;
	bool fits = true;

	if (s.len == 0)
		return E_SYNTAX;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (!ascii_is_digit(c))
			return E_SYNTAX;
		fits = fits && push_digit(&n, (uint64_t)(c - '0'), max);
	}
	if (!fits)
		return E_TOOBIG;
	*out = n;
	return 0;
}

int
num_prefix(struct span s, uint64_t max, uint64_t *out)
{
	size_t n = 0;
	int r;

	while (n < s.len && ascii_is_digit((unsigned char)s.p[n]))
		n++;
	r = num_parse(span_head(s, n), max, out);
	if (r != E_TOOBIG)
		return r;
	*out = max;
	return 0;
}

int
num_hex(struct span s, uint64_t *out)
{
	uint64_t n = 0;

	if (s.len == 0)
		return E_SYNTAX;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c =
		    (unsigned char)ascii_lower((unsigned char)s.p[i]);
		uint64_t digit;

		if (ascii_is_digit(c))
			digit = (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			digit = (uint64_t)(c - 'a') + 10;
		else
			return E_SYNTAX;
		n = n << 4 | digit;
	}
	if (s.len > HEX_DIGITS)
		return E_TOOBIG;
	*out = n;
	return 0;
}

int
num_add(size_t a, size_t b, size_t *out)
{
	return __builtin_add_overflow(a, b, out) ? E_TOOBIG : 0;
}

int
num_mul(size_t a, size_t b, size_t *out)
{
	return __builtin_mul_overflow(a, b, out) ? E_TOOBIG : 0;
}

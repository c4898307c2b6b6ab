/*
 * utf8 - which bytes are UTF-8: see utf8.h
 */
#include "utf8.h"

#include <stdbool.h>

/* RFC 3629 4: what the first byte says, and what it allows the second. */
static const struct {
	unsigned char first, last; /* of the first byte */
	unsigned char low, high;   /* of the second */
	size_t length;
} forms[] = {
	{ 0x00, 0x7f, 0x00, 0x00, 1 },
	{ 0xc2, 0xdf, 0x80, 0xbf, 2 },
	{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },
	{ 0xe1, 0xec, 0x80, 0xbf, 3 },
	{ 0xed, 0xed, 0x80, 0x9f, 3 },
	{ 0xee, 0xef, 0x80, 0xbf, 3 },
	{ 0xf0, 0xf0, 0x90, 0xbf, 4 },
	{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
	{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
};

static bool
is_within(char byte, unsigned char low, unsigned char high)
{
	return (unsigned char)byte >= low && (unsigned char)byte <= high;
}

size_t
utf8_length(struct span s)
{
	size_t i = 0, n;

	while (i < sizeof(forms) / sizeof(*forms) && s.len > 0 &&
	       !is_within(s.p[0], forms[i].first, forms[i].last))
		i++;
	if (s.len == 0 || i == sizeof(forms) / sizeof(*forms))
		return 0;
	n = forms[i].length;
	if (s.len < n ||
	    (n > 1 && !is_within(s.p[1], forms[i].low, forms[i].high)))
		return 0;
	for (size_t k = 2; k < n; k++)
		if (!is_within(s.p[k], 0x80, 0xbf))
			return 0;
	return n;
}

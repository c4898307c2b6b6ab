/*
 * glob - patterns for addresses: see glob.h
 */
#include "glob.h"

#include <stdint.h>

#include "base/ascii.h"

static bool
is_same(char pattern, char byte)
{
	return pattern == '?' || ascii_lower((unsigned char)pattern) ==
				     ascii_lower((unsigned char)byte);
}

bool
glob_match(struct span pattern, struct span text)
{
	size_t p = 0, t = 0;
	/* behind the last star, and where the text it stands for ends: only
	 * that star ever takes more, so the time is bounded by the product
	 * of both lengths */
	size_t star = SIZE_MAX, taken = 0;

	while (t < text.len) {
		if (p < pattern.len && pattern.p[p] == '*') {
			star = ++p;
			taken = t;
		} else if (p < pattern.len &&
			   is_same(pattern.p[p], text.p[t])) {
			p++;
			t++;
		} else if (star != SIZE_MAX) {
			p = star;
			t = ++taken;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.p[p] == '*')
		p++;
	return p == pattern.len;
}

/*
 * dots_fuzz - however the stream is cut, the outcome is the same
 *
 * The first byte of the input says how long pieces are.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mail/dots.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t
eat_in_pieces(struct dots *d, struct span in, size_t piece, char *out)
{
	size_t n = 0;

	while (in.len > 0 && !dots_is_over(d)) {
		struct span part = span_head(in, piece);
		size_t before = part.len;
		size_t made = dots_eat(d, &part, out + n);

		if (made > before - part.len)
			abort(); /* the caller's buffer was not that large */
		n += made;
		in = span_tail(in, before - part.len);
	}
	return n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dots whole = DOTS_INIT, cut = DOTS_INIT;
	struct span in;
	size_t n, m;
	char *a, *b;

	if (size < 2)
		return 0;
	in = (struct span){ (const char *)data + 1, size - 1 };
	a = malloc(size);
	b = malloc(size);
	if (a == NULL || b == NULL)
		abort();
	n = eat_in_pieces(&whole, in, in.len, a);
	m = eat_in_pieces(&cut, in, (size_t)data[0] + 1, b);
	if (whole.state != cut.state || whole.fault != cut.fault)
		abort();
	if (whole.fault == DOTS_CLEAN && (n != m || memcmp(a, b, n) != 0))
		abort();
	/* neither CR nor NUL is ever stored */
	if (memchr(a, '\r', n) != NULL || memchr(a, '\0', n) != NULL)
		abort();
	free(a);
	free(b);
	return 0;
}

/*
 * loop_fuzz - the search for our Delivered-To line, however divided
 *
 * The first byte is the size of the pieces; the line is short, so that
 * chance can find it.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* a room has no library: its file is taken whole */
#include "../../src/deliver/local/loop.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Line by line, as the contract says it. */
static enum loop_state
search(struct span in, struct span dtline)
{
	while (in.len > 0) {
		size_t at = span_find(in, '\n');

		if (at == in.len)
			return LOOP_UNKNOWN;
		if (at == 0)
			return LOOP_NONE;
		if (span_eq(span_head(in, at + 1), dtline))
			return LOOP_FOUND;
		in = span_tail(in, at + 1);
	}
	return LOOP_UNKNOWN;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct span dtline = SPAN("D: a\n");
	struct loop l = LOOP_INIT(dtline);
	enum loop_state got = LOOP_UNKNOWN;
	struct span in;
	size_t n;

	if (size < 1)
		return 0;
	in = (struct span){ (const char *)data + 1, size - 1 };
	n = (size_t)data[0] + 1;
	for (struct span rest = in; rest.len > 0 && got == LOOP_UNKNOWN;
	     rest = span_tail(rest, n))
		got = loop_feed(&l, span_head(rest, n));
	if (got != search(in, dtline))
		abort();
	return 0;
}

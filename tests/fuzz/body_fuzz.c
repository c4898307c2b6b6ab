/*
 * body_fuzz - whatever a message holds, it stays one message on the wire
 */
#include <stdint.h>
#include <stdlib.h>

#include "mail/body.h"
#include "mail/dots.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Our own server's reading of it: clean, and over where we ended it. */
static void
read_back(struct span wire)
{
	char *stored = malloc(wire.len);
	struct dots d = DOTS_INIT;

	if (stored == NULL)
		return;
	(void)dots_eat(&d, &wire, stored);
	if (!dots_is_over(&d) || d.fault != DOTS_CLEAN || wire.len > 0)
		abort();
	free(stored);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { (const char *)data, size };
	struct buf out = BUF_INIT(1 << 24);
	struct body b = BODY_INIT;
	size_t step = size > 0 ? data[0] % 9U + 1 : 1;

	while (in.len > 0) {
		body_put(&b, span_head(in, step), &out);
		in = span_tail(in, step);
	}
	if (body_end(&b, &out) == 0 && buf_err(&out) == 0)
		read_back(buf_span(&out));
	buf_free(&out);
	return 0;
}

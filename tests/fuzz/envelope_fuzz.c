/*
 * envelope_fuzz - envelopes as clients hand them in, and sealed ones
 *
 * What is taken can be sealed and opened again, and says the same. A file
 * of any bytes with a fitting seal, which only we write, harms nobody
 * either.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/err.h"
#include "queue/envelope.h"
#include "queue/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX = 1024 * 1024, ID = 17 };

static uint32_t
count(struct span rest)
{
	struct recipient r;
	uint32_t n = 0;

	while (envelope_next(&rest, &r))
		n++;
	return n;
}

static void
seal_again(const struct envelope *e)
{
	struct buf b = BUF_INIT(4 * MAX);
	struct envelope copy = *e, out;
	size_t used;

	copy.id = ID;
	copy.node = SPAN("h");
	envelope_seal(&b, &copy);
	if (envelope_open(buf_span(&b), ID, &out) != 0 ||
	    out.nrcpt != e->nrcpt || out.ret != e->ret ||
	    !span_eq(out.sender, e->sender) || !span_eq(out.envid, e->envid))
		abort();
	buf_reset(&b);
	envelope_plain(&b, e);
	if (envelope_read(buf_span(&b), false, &out, &used) != 0 ||
	    used != b.len || out.nrcpt != e->nrcpt)
		abort();
	buf_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { (const char *)data, size };
	struct buf b = BUF_INIT(2 * MAX);
	struct envelope e = { .id = 0 };
	size_t used;

	if (size > MAX)
		return 0;
	if (envelope_read(in, true, &e, &used) == 0) {
		if (used > size || count(e.rcpts) != e.nrcpt)
			abort();
		seal_again(&e);
	}
	buf_put(&b, in);
	record_seal(&b);
	if (envelope_open(buf_span(&b), ID, &e) == 0 &&
	    count(e.rcpts) != e.nrcpt)
		abort();
	buf_free(&b);
	return 0;
}

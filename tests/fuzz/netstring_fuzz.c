/*
 * netstring_fuzz - netstrings of any bytes; what is taken can be written
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/err.h"
#include "mail/netstring.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX = 100000 };

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { (const char *)data, size }, out, again;
	struct buf b = BUF_INIT(2 * MAX);
	int r;

	for (;;) {
		struct span before = in;

		r = netstring_get(&in, MAX, &out);
		if (r < 0)
			break;
		if (out.len > MAX || out.p < before.p ||
		    out.p + out.len >= in.p || in.len >= before.len)
			abort();
		buf_reset(&b);
		netstring_put(&b, out);
		again = buf_span(&b);
		if (netstring_get(&again, MAX, &out) != 0 || again.len != 0)
			abort();
	}
	if (r != E_EOF && r != E_SYNTAX && r != E_TOOBIG)
		abort();
	buf_free(&b);
	return 0;
}

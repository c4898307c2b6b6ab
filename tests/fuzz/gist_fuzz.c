/*
 * gist_fuzz - whatever the message, what a terminal gets is short and tame
 *
 * The first byte is the bound.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/ascii.h"
#include "mail/gist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf b = BUF_INIT(1000);
	struct span message = { (const char *)data + 1, size - 1 };

	if (size == 0)
		return 0;
	gist_put(&b, message, data[0]);
	if (buf_span(&b).len > data[0])
		abort();
	for (size_t i = 0; i < b.len; i++)
		if (!ascii_is_print((unsigned char)b.p[i]))
			abort();
	buf_free(&b);
	return 0;
}

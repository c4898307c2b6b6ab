/*
 * ask_fuzz - lines of any bytes on the control socket
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* the module lives in a room, which is no library */
#include "../../src/core/send/ask.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { (const char *)data, size };
	struct ask k;
	int r = ask_parse(in, &k);

	if (r != 0 && r != E_SYNTAX)
		abort();
	if (r == 0 &&
	    (k.verb >= ASK_VERBS || k.key.len > size ||
		(k.key.len > 0 &&
		    (k.key.p < in.p || k.key.p + k.key.len != in.p + in.len))))
		abort();
	return 0;
}

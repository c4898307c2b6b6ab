/*
 * worker_fuzz - what qmail-lspawn, which is root, is asked; and the answer
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "queue/worker.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct span message = { (const char *)data, size };
	struct worker_order o;
	struct worker_end e;
	bool is_order = worker_order_get(message, &o) == 0;

	/* what is taken names a slot there is */
	if (is_order && o.slot >= WORKERS_MAX)
		abort();
	if (worker_end_get(message, &e) == 0 &&
	    (is_order || e.slot >= WORKERS_MAX || e.how > WORKER_NOFORK))
		abort();
	return 0;
}

/*
 * smtproutes_fuzz - whatever stands in control/smtproutes
 */
#include <stdint.h>
#include <stdlib.h>

#include "conf/smtproutes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
is_inside(struct span part, struct span whole)
{
	return part.len == 0 ||
	       (part.p >= whole.p && part.p + part.len <= whole.p + whole.len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { (const char *)data, size };
	struct route r = route_parse(in);

	if (!is_inside(r.relay, in) || !is_inside(r.user, in) ||
	    !is_inside(r.password, in))
		abort();
	if (!r.is_relay && r.relay.len > 0)
		abort();
	return 0;
}

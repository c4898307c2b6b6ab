/*
 * quota_fuzz - a maildirsize, a control file and names, of any bytes
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* a room has no library: its file is taken whole */
#include "../../src/deliver/local/quota.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { (const char *)data, size }, line = SPAN("");
	struct quota_usage u = { .bytes = 0 };
	struct quota_rule rule;
	struct quota q;
	uint64_t n = 0;

	if (size > 5120)
		return 0;
	(void)span_line(&in, &line);
	if (quota_parse(line, &q) == 0 && quota_sum(in, &u) == 0 &&
	    quota_allows(&q, &u, size) && q.count > 0 &&
	    u.count >= (int64_t)q.count)
		abort();
	if (quota_rule(line, &rule) == 0 && rule.list.len > line.len)
		abort();
	if (quota_size_of(line, &n) && n > most)
		abort();
	(void)quota_is_trashed(line);
	return 0;
}

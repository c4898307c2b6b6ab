/*
 * quantity - how long and how much, as people write it: see quantity.h
 */
#include "conf/quantity.h"

#include "base/num.h"

struct unit {
	char letter; /* '\0' ends a list */
	uint64_t worth;
};

static const struct unit times[] = {
	{ 's', 1 },
	{ 'm', 60 },
	{ 'h', 3600 },
	{ 'd', 86400 },
	{ 'w', 604800 },
	{ '\0', 0 },
};

static const struct unit sizes[] = {
	{ 'K', UINT64_C(1) << 10 },
	{ 'M', UINT64_C(1) << 20 },
	{ 'G', UINT64_C(1) << 30 },
	{ 'T', UINT64_C(1) << 40 },
	{ '\0', 0 },
};

static int
parse(const struct unit *unit, struct span s, uint64_t max, uint64_t *out)
{
	uint64_t worth = 1, n;
	int r;

	for (; s.len > 0 && unit->letter != '\0'; unit++) {
		if (s.p[s.len - 1] != unit->letter)
			continue;
		worth = unit->worth;
		s = span_head(s, s.len - 1);
		break;
	}
	r = num_parse(s, max / worth, &n);
	if (r == 0)
		*out = n * worth;
	return r;
}

int
quantity_time(struct span s, uint64_t max, uint64_t *seconds)
{
	return parse(times, s, max, seconds);
}

int
quantity_size(struct span s, uint64_t max, uint64_t *bytes)
{
	return parse(sizes, s, max, bytes);
}

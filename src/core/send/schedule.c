/*
 * schedule - when to try again, and when to give up: see schedule.h
 */
#include "schedule.h"

static const int64_t skips[CHANNELS] = {
	[CHANNEL_LOCAL] = 10,
	[CHANNEL_REMOTE] = 20,
};

/* The integer square root, bit by bit. */
static int64_t
root(int64_t n)
{
	int64_t r = 0;

	for (int64_t bit = (int64_t)1 << 31; bit > 0; bit >>= 1)
		if ((r + bit) <= n / (r + bit))
			r += bit;
	return r;
}

int64_t
schedule_next(enum channel c, int64_t birth, int64_t now)
{
	int64_t age = now > birth ? now - birth : 0;
	int64_t n = root(age) + skips[c];

	return birth + n * n;
}

bool
schedule_is_last(int64_t birth, int64_t now, uint64_t lifetime)
{
	return now > birth && (uint64_t)(now - birth) > lifetime;
}

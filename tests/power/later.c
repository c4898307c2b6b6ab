/*
 * later - the clock people set is a day and a half ahead: preloaded into
 * the programs that find a queue after a power loss
 *
 * What the power loss left is then old enough to be swept at once, and what
 * was deferred is due. Not part of the product.
 */
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { AHEAD = 37 * 3600 }; /* qmail-clean(8) sweeps after 36 hours */

int
clock_gettime(clockid_t clock, struct timespec *t)
{
	int r = (int)syscall(SYS_clock_gettime, clock, t);

	if (clock == CLOCK_REALTIME)
		t->tv_sec += AHEAD;
	return r;
}

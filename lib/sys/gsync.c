/*
 * gsync - one sync for many writers: see gsync.h
 */
#include "sys/gsync.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "sys/clock.h"

enum { SLOW_MS = 100, APART_MS = 10 * 1000 };

/* In memory shared by all. */
struct gsync {
	pthread_mutex_t turn; /* held while syncing; robust */
	uint64_t tickets;     /* given out so far */
	uint64_t done;        /* all up to this one are on disk */
	int64_t apart_until;  /* clock_ms(): no group until then */
};

int
gsync_new(struct gsync **out)
{
	pthread_mutexattr_t how;
	struct gsync *g = mmap(NULL, sizeof(*g), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int e;

	if (g == MAP_FAILED)
		return err_sys();
	e = pthread_mutexattr_init(&how);
	if (e == 0)
		e = pthread_mutexattr_setpshared(&how, PTHREAD_PROCESS_SHARED);
	if (e == 0)
		e = pthread_mutexattr_setrobust(&how, PTHREAD_MUTEX_ROBUST);
	if (e == 0)
		e = pthread_mutex_init(&g->turn, &how);
	if (e != 0) {
		(void)munmap(g, sizeof(*g));
		return err_of(e);
	}
	*out = g;
	return 0;
}

/* Take the turn; one who died with it has synced nothing. */
static int
take_turn(struct gsync *g)
{
	int e = pthread_mutex_lock(&g->turn);

	if (e == EOWNERDEAD)
		e = pthread_mutex_consistent(&g->turn);
	return e == 0 ? 0 : err_of(e);
}

static int
sync_all(struct gsync *g, int fd)
{
	/* who has a ticket has written: this sync serves him too */
	uint64_t served = __atomic_load_n(&g->tickets, __ATOMIC_SEQ_CST);
	int64_t begun = clock_ms(), now;

	if (syncfs(fd) < 0)
		return err_sys();
	now = clock_ms();
	if (now - begun > SLOW_MS)
		__atomic_store_n(
		    &g->apart_until, now + APART_MS, __ATOMIC_RELAXED);
	g->done = served;
	return 0;
}

int
gsync_join(struct gsync *g, int fd)
{
	uint64_t ticket;
	int r;

	if (clock_ms() < __atomic_load_n(&g->apart_until, __ATOMIC_RELAXED))
		return E_BUSY;
	ticket = __atomic_add_fetch(&g->tickets, 1, __ATOMIC_SEQ_CST);
	r = take_turn(g);
	if (r < 0)
		return r;
	if (g->done < ticket)
		r = sync_all(g, fd);
	(void)pthread_mutex_unlock(&g->turn);
	return r;
}

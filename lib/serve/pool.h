/*
 * pool - the children of the resident form, counted
 *
 * Spare children wait in accept(); each serves one connection and ends.
 * The parent forks ahead of need, never while a peer waits for it if it
 * can be helped. Which children are busy is on a board in shared memory:
 * marking it costs a child nothing, and it writes a byte to the parent
 * only when spares run low.
 */
#ifndef SERVE_POOL_H
#define SERVE_POOL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"

enum {
	POOL_CHILDREN_MAX = 16384,
	POOL_RESTART_MS = 1000 /* between failed forks, or new images */
};

/* Shared by all. */
struct board {
	atomic_int spares; /* children that wait */
	atomic_int low;    /* fewer than this: call the parent */
	atomic_bool is_busy[POOL_CHILDREN_MAX];
};

struct pool {
	struct board *board;
	int calls[2]; /* a pipe: bytes from children to the parent */
	pid_t *kids;  /* by slot; 0: free */
	size_t slots;
	size_t n;           /* kids there are */
	size_t inherited;   /* those of the image before us */
	size_t limit;       /* for n + inherited */
	int target;         /* spares wanted */
	int64_t dry_at;     /* when there was none last */
	int64_t hold_until; /* no forks before: something is wrong */
	bool was_full;
};

/* What a child writes into calls[1]. */
enum { CALL_LOW = 'l', CALL_DRY = 'd', CALL_CHANGED = 'c' };

int pool_open(struct pool *p, size_t inherited) MUST_CHECK;
void pool_close(struct pool *p);

/* Change the limit; children above it are left to finish. */
int pool_set_limit(struct pool *p, size_t limit) MUST_CHECK;

/*
 * Fork the children that are missing. In a child *slot is set and 0
 * returned; in the parent 1, or why a fork failed.
 */
int pool_fill(struct pool *p, size_t *slot) MUST_CHECK;

/* In a child: it has a connection now; and: tell the parent something. */
void pool_mark_busy(struct pool *p, size_t slot);
void pool_call(struct pool *p, char what);

/* In the parent: read the calls. True if CALL_CHANGED was among them. */
bool pool_hear(struct pool *p);

/* Take note of the ends of children. True if one was killed by a signal. */
bool pool_reap(struct pool *p);

/* Send a signal to all children, or to those that wait only. */
void pool_signal(const struct pool *p, int signal, bool only_spares);

#endif

/*
 * messages - every message in the queue, small
 *
 * A message that is not being delivered is its ID, the times of its next
 * attempts and a few bits: some 70 bytes with all indexes, so that a
 * million of them are no burden. Recipients and texts stay on disk.
 *
 * A message is named by its place, a number that stays its own until
 * messages_drop().
 */
#ifndef MESSAGES_H
#define MESSAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "queue/note.h"

struct active;

enum {
	MESSAGE_HAS_NOTE = 1,
	MESSAGE_SEEN = 2,     /* "new msg" is in the log */
	MESSAGE_FINISHED = 4, /* qmail-clean is asked to remove it */
	MESSAGE_FRESH = 8,    /* waits to be looked at for the first time */
	MESSAGE_USED = 16
};

struct message {
	uint64_t id;
	int64_t due[CHANNELS];  /* seconds since 1970; only while in a heap */
	uint32_t pos[CHANNELS]; /* place in the heap + 1; 0: not in it */
	uint32_t flags;
	struct active *active; /* NULL while nothing is going on */
};

struct heap {
	uint32_t *v;
	uint32_t n, cap;
};

struct messages {
	struct message *v;
	uint32_t n, cap; /* places used so far, allocated */
	uint32_t count;  /* messages there are */
	uint32_t *free;  /* places to use again */
	uint32_t nfree, capfree;
	uint32_t *index; /* by id: place + 1, open addressing */
	uint32_t index_cap;
	struct heap heaps[CHANNELS];
	uint32_t *fresh; /* a ring of places */
	uint32_t fresh_cap, fresh_at, fresh_n;
};

enum { MESSAGE_NONE = UINT32_MAX };

/* Add a message; E_BUSY when it is known, E_NOMEM. */
int messages_add(struct messages *m, uint64_t id, uint32_t *place) MUST_CHECK;
uint32_t messages_find(const struct messages *m, uint64_t id);
void messages_drop(struct messages *m, uint32_t place);
void messages_free(struct messages *m);

/* Due at this time on this channel, whatever it was before. */
int messages_due(struct messages *m, uint32_t place, enum channel ch,
    int64_t when) MUST_CHECK;
void messages_undue(struct messages *m, uint32_t place, enum channel ch);

/* The message due first, MESSAGE_NONE if there is none. */
uint32_t messages_first(const struct messages *m, enum channel ch);

/* Everything with a time is due now (SIGALRM). */
void messages_all_due(struct messages *m, int64_t now);

/* The messages nobody has looked at yet, in order of arrival. */
int messages_put_fresh(struct messages *m, uint32_t place) MUST_CHECK;
uint32_t messages_take_fresh(struct messages *m);

#endif

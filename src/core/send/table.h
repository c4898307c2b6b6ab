/*
 * table - every message in the queue, in a few bytes each
 *
 * Entries are found by ID and named by their slot, a small number that
 * stays good until table_drop(); pointers from table_at() are good until
 * the next table_add(). Each entry may stand in one list, in one line for
 * each channel, and in each of three heaps, which yield the entry whose time
 * comes first and, of several, the oldest message.
 *
 * Room for lists and heaps is taken when an entry is added: only
 * table_add() can fail.
 */
#ifndef TABLE_H
#define TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

enum { TABLE_NONE = 0 }; /* no slot */

enum heap {
	HEAP_LOCAL = 0, /* as enum channel */
	HEAP_REMOTE = 1,
	HEAP_AGAIN = 2, /* after trouble */
	HEAPS = 3,
	LINES = 2 /* of the channels */
};

enum stage {
	STAGE_FRESH,   /* to be looked at */
	STAGE_WAITING, /* for its next attempts, or being delivered */
	STAGE_FINISH,  /* every recipient done; its bounce is not */
	STAGE_CLEAN,   /* over; to be removed */
	STAGE_ASIDE    /* damaged: never looked at again */
};

/* What the operator asked for and could not be done at once. */
enum want { WANT_NOTHING, WANT_DELETE, WANT_BOUNCE };

struct active;

struct entry {
	uint64_t id;
	struct active *active; /* while loaded */
	uint32_t due[HEAPS];   /* seconds since 1970 */
	uint32_t place[HEAPS]; /* in the heap, from 1; 0: not in it */
	uint32_t chain, link;  /* for the hash; for the list */
	uint32_t dest[LINES];  /* in whose line it stands, or 0 (dest.h) */
	uint32_t ahead[LINES], behind[LINES];
	unsigned char stage; /* enum stage */
	unsigned char want;  /* enum want */
	bool is_held;        /* by the operator */
	bool is_warned;      /* the sender, of the delay */
	bool has_note;       /* there is one on disk */
	bool is_verified;    /* the message is what was accepted */
	bool is_announced;   /* "new msg" was logged */
};

struct list {
	uint32_t first, last;
	size_t n;
};

/* Like a list, but one may leave from anywhere. */
struct line {
	uint32_t first, last;
	uint32_t n;
};

struct table;

int table_new(struct table **out) MUST_CHECK;
void table_destroy(struct table **t);

/* The slot of an ID, or TABLE_NONE. */
uint32_t table_find(const struct table *t, uint64_t id);

/* A new entry, in stage FRESH, for an ID that is not there. E_NOMEM. */
int table_add(struct table *t, uint64_t id, uint32_t *slot) MUST_CHECK;

/* Forget an entry, which is in no list and no line; it leaves its heaps. */
void table_drop(struct table *t, uint32_t slot);

struct entry *table_at(const struct table *t, uint32_t slot);
size_t table_size(const struct table *t);

/* Put an entry into a heap, or move it there to another time. */
void heap_put(struct table *t, enum heap h, uint32_t slot, int64_t due);
void heap_drop(struct table *t, enum heap h, uint32_t slot);

/* The first entry, TABLE_NONE when the heap is empty; how many there are. */
uint32_t heap_first(const struct table *t, enum heap h);
size_t heap_size(const struct table *t, enum heap h);

/* Nothing in the heap is due later than now. */
void heap_hurry(struct table *t, enum heap h, int64_t now);

/* Append an entry to a line of a channel; leave it. */
void line_push(struct table *t, struct line *l, enum heap c, uint32_t slot);
void line_drop(struct table *t, struct line *l, enum heap c, uint32_t slot);

/* Append an entry to a list; take the first one off, or TABLE_NONE. */
void list_push(struct table *t, struct list *l, uint32_t slot);
uint32_t list_pop(struct table *t, struct list *l);

#endif

/*
 * active - a message while it is loaded: envelope, note, routes
 *
 * Only messages that something is being done for are loaded; what the
 * queue remembers of the others is in its table.
 */
#ifndef ACTIVE_H
#define ACTIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "conf/routes.h"
#include "dest.h"
#include "queue/envelope.h"
#include "queue/note.h"
#include "queue/store.h"
#include "ways.h"

struct rcpt {
	uint32_t at, len; /* of the rewritten address, in addrs */
	unsigned char channel;
	unsigned char notify; /* NOTIFY_ bits, when its sender wants to hear */
	bool is_done;
};

/* One attempt at all recipients of a channel. */
struct pass {
	bool is_on;
	bool is_last;    /* what does not succeed now, fails */
	bool was_issued; /* there was any job */
	bool is_cut;     /* the spawner died: not all was tried */
	int64_t began;   /* seconds since 1970 */
	int64_t next;    /* when to try again if need be */
	/* recipients still to do, those of a destination together */
	uint32_t *order;
	uint32_t n, cap;
	struct group *groups;
	uint32_t ngroups, group_cap;
	uint32_t open; /* groups in line, not wholly issued */
	uint32_t jobs; /* running */
};

struct active {
	uint32_t slot; /* in the table */
	uint64_t id;
	struct buf file;
	struct envelope env; /* borrowed from file */
	struct note note;
	struct rcpt *rcpts; /* env.nrcpt of them */
	size_t cap;
	struct buf addrs;
	uint32_t pending[CHANNELS];
	struct pass pass[CHANNELS];
	bool is_held;    /* being verified or bounced: not to be unloaded */
	bool is_dirty;   /* recipients were done, and no note says so */
	int64_t note_at; /* of clock_ms(): no note is written before */
	struct active *prev, *next;
};

/*
 * Load a message; has_note says whether a note should be there, and then
 * whether one was. E_ABSENT: there is no envelope; E_DAMAGED: a damaged
 * one. *bad_note: the note was damaged, and is to be set aside; delivery
 * begins anew.
 */
struct active *active_new(void) MUST_CHECK;
int active_load(struct active *a, uint64_t id, struct store *store,
    const struct routes *routes, bool *has_note, bool *bad_note) MUST_CHECK;

/* Make it as new, keeping modest storage; release it. */
void active_reset(struct active *a);
void active_destroy(struct active **a);

struct span active_addr(const struct active *a, uint32_t index);

/* Whether no recipient of any channel is left to do. */
bool active_is_over(const struct active *a);
/* Whether a pass is on. */
bool active_is_busy(const struct active *a);

/* A recipient is done with, for better or worse. */
void active_done(struct active *a, uint32_t index);

/*
 * Line up what a pass of this channel has to do, in groups by destination,
 * each of which it uses until dest_release(). E_NOMEM: none is used.
 */
int active_order(struct active *a, enum channel c, const struct ways *ways,
    struct dests *dests) MUST_CHECK;

/* How many of the recipients of g that are left may share a job. */
uint32_t active_share(
    const struct active *a, enum channel c, const struct group *g);

#endif

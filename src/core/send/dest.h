/*
 * dest - the destinations of one channel: who waits for which, and which
 * may be tried
 *
 * A destination is what deliveries have in common that can go wrong: a
 * relay or a domain on the remote channel, a user on the local one. Each
 * has a window, the deliveries it may have under way at once: it begins
 * small, grows with what goes well up to a limit, and shrinks when the
 * destination cannot be reached. One that stays unreachable is suspended:
 * all its mail waits, and one delivery at a time finds out whether it is
 * back, ever more rarely.
 *
 * So that one cannot take the channel from the others, a quarter of its
 * slots is kept: from any single destination while there are others, and
 * from those that were not reached yet, taken together.
 *
 * Who waits, waits in the line of the destination: messages that are not
 * loaded (entries of the table) and groups of recipients of loaded ones,
 * by turns. Destinations take turns as well.
 */
#ifndef DEST_H
#define DEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/span.h"
#include "table.h"

enum { DEST_NONE = 0, DEST_WHY_MAX = 200, DEST_KEY_MAX = 4000 };

struct active;

/* Recipients of a loaded message who have their destination in common. */
struct group {
	struct active *a;
	uint32_t from, n; /* part of the order of the pass */
	uint32_t issued;
	uint32_t dest;
	struct group *next; /* in the destination's line */
	bool is_in_line;
};

struct dest {
	char *key; /* key_len bytes */
	size_t key_len;
	char *why; /* the last trouble, why_len bytes, or NULL */
	size_t why_len;
	struct line line;           /* entries */
	struct group *first, *last; /* groups */
	uint32_t ngroups;
	uint32_t running, window;
	uint32_t users;    /* who called dest_get() and not dest_release() */
	uint32_t failures; /* in a row */
	uint32_t pauses;   /* suspensions in a row */
	int64_t failed_at, until; /* clock_ms(); until 0: not suspended */
	uint32_t before, behind;  /* in its ring, or among the idle */
	uint32_t chain;           /* for the hash */
	unsigned char ring;       /* enum of dest.c */
	bool is_proven;           /* reached since it last was not */
	bool is_next_group;       /* whose turn it is */
	bool is_active;           /* somebody waits or is served */
};

struct dests;

/*
 * slots: of the channel; most: of them for one destination, 0: no
 * destination is treated by itself; can_suspend: failures count.
 */
int dests_new(struct dests **out, struct table *t, enum heap channel,
    uint32_t slots, uint32_t most, bool can_suspend) MUST_CHECK;
void dests_destroy(struct dests **ds);

/* The destination with this key, made if need be; DEST_NONE without memory
 * or for a key over DEST_KEY_MAX. It lasts until it is released, nothing
 * waits for it or is under way, and some time longer. */
uint32_t dest_get(struct dests *ds, struct span key) MUST_CHECK;
void dest_release(struct dests *ds, uint32_t d);
/* The same, DEST_NONE when it is not known. */
uint32_t dest_find(const struct dests *ds, struct span key) MUST_CHECK;
const struct dest *dest_at(const struct dests *ds, uint32_t d);
uint32_t dest_limit(const struct dests *ds, uint32_t d);

/* The next that is known, for lists: begin with DEST_NONE, which ends. */
uint32_t dest_after(const struct dests *ds, uint32_t d);

/* Whether a delivery may start now; one that was not first in line only if
 * nobody else is. Whether it is left alone. */
bool dest_may_start(const struct dests *ds, uint32_t d, bool was_first);
bool dest_is_suspended(const struct dests *ds, uint32_t d);

/* Get in line; get out of it. An entry stands in one line of a channel. */
void dest_stand(struct dests *ds, uint32_t d, uint32_t slot);
void dest_leave(struct dests *ds, uint32_t slot);
void dest_join(struct dests *ds, struct group *g);
void dest_quit(struct dests *ds, struct group *g);
/* Take any group out of line, NULL: none. */
struct group *dest_dismiss(struct dests *ds, uint32_t d);

/* The next destination with somebody in line that may start; DEST_NONE. */
uint32_t dest_next(struct dests *ds);
/* Who is first in its line: a group, or else *slot. */
struct group *dest_take(struct dests *ds, uint32_t d, uint32_t *slot);

/* A delivery begins; it ends. Returns true when d is suspended by that. */
void dest_begin(struct dests *ds, uint32_t d);
bool dest_end(struct dests *ds, uint32_t d, bool was_reached, int64_t began,
    int64_t now, struct span why);

/* Call fn for each suspension that ends, for whatever reason, while somebody
 * waits for it. */
typedef void dest_fn(void *ctx, uint32_t d);
void dests_tell(struct dests *ds, dest_fn *fn, void *ctx);

/* Let suspensions end whose time has come; when to call again. */
int64_t dests_wake(struct dests *ds, int64_t now);
/* Its suspension ends, if it is suspended. */
void dest_pardon(struct dests *ds, uint32_t d);
/* All suspensions end. */
void dests_pardon(struct dests *ds);

#endif

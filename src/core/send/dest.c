/*
 * dest - the destinations of one channel: see dest.h
 *
 * Each destination is in one ring, by what can be done with it; place()
 * finds the right one after every change.
 */
#include "dest.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "queue/hash.h"

enum ring {
	RING_NONE,      /* nobody in line, or as busy as it may be */
	RING_PROVEN,    /* somebody may start */
	RING_FRESH,     /* the same, never reached yet */
	RING_SUSPENDED, /* left alone for some time */
	RING_IDLE,      /* nothing to do; forgotten one day */
	RINGS
};

enum {
	DESTS_FIRST = 64,
	IDLE_MAX = 1024,
	WINDOW_FIRST = 5,
	PAUSE_FIRST = 60000, /* milliseconds of a first suspension */
	PAUSE_MAX = 1800000, /* and of the longest */
	PAUSE_DOUBLINGS = 5,
	PAUSE_STEP = 1000 /* ends are rounded, so that many end at once */
};

struct ring_list {
	uint32_t first, last, n;
};

struct dests {
	struct table *table;
	enum heap channel;
	uint32_t slots, most;
	bool can_suspend;
	struct dest *list; /* [0] is never used */
	uint32_t *buckets;
	uint32_t cap;  /* of both: a power of two */
	uint32_t used; /* [0] included */
	uint32_t free; /* chain of unused ones */
	struct ring_list ring[RINGS];
	uint32_t fresh_running; /* of all that are not proven */
	uint32_t nactive;
	bool is_fresh_next; /* whose turn it is */
	int64_t wake_at;    /* clock_ms(); INT64_MAX */
	dest_fn *resumed;   /* NULL: nobody wants to know */
	void *ctx;
};

static uint32_t *
key_bucket(const struct dests *ds, struct span key)
{
	return &ds->buckets[hash_of(key) & (ds->cap - 1)];
}

static struct span
key_of(const struct dest *d)
{
	return (struct span){ d->key, d->key_len };
}

static int
grow_dests(struct dests *ds)
{
	uint32_t cap = ds->cap == 0 ? DESTS_FIRST : ds->cap * 2;
	struct dest *list;
	uint32_t *buckets;

	if (cap < ds->cap)
		return E_NOMEM;
	list = mem_resize(ds->list, cap, sizeof(*list));
	if (list == NULL)
		return E_NOMEM;
	ds->list = list;
	buckets = mem_new(cap, sizeof(*buckets));
	if (buckets == NULL)
		return E_NOMEM;
	mem_free(ds->buckets);
	ds->buckets = buckets;
	ds->cap = cap;
	/* only a full list grows: all of it is in use */
	for (uint32_t d = 1; d < ds->used; d++) {
		uint32_t *b = key_bucket(ds, key_of(&ds->list[d]));

		ds->list[d].chain = *b;
		*b = d;
	}
	return 0;
}

int
dests_new(struct dests **out, struct table *t, enum heap channel,
    uint32_t slots, uint32_t most, bool can_suspend)
{
	struct dests *ds = mem_new(1, sizeof(*ds));

	if (ds == NULL)
		return E_NOMEM;
	ds->table = t;
	ds->channel = channel;
	ds->slots = slots;
	ds->most = most;
	ds->can_suspend = can_suspend && most > 0;
	ds->used = 1;
	ds->wake_at = INT64_MAX;
	if (grow_dests(ds) < 0) {
		dests_destroy(&ds);
		return E_NOMEM;
	}
	*out = ds;
	return 0;
}

void
dests_tell(struct dests *ds, dest_fn *fn, void *ctx)
{
	ds->resumed = fn;
	ds->ctx = ctx;
}

void
dests_destroy(struct dests **ds)
{
	if (*ds == NULL)
		return;
	for (uint32_t d = 1; d < (*ds)->used; d++) {
		mem_free((*ds)->list[d].key);
		mem_free((*ds)->list[d].why);
	}
	mem_free((*ds)->list);
	mem_free((*ds)->buckets);
	mem_free(*ds);
	*ds = NULL;
}

const struct dest *
dest_at(const struct dests *ds, uint32_t d)
{
	if (d == DEST_NONE || d >= ds->used || ds->list[d].key == NULL)
		abort();
	return &ds->list[d];
}

static struct dest *
at(struct dests *ds, uint32_t d)
{
	(void)dest_at(ds, d);
	return &ds->list[d];
}

/* --- rings --- */

static void
unlink_ring(struct dests *ds, uint32_t d)
{
	struct dest *p = &ds->list[d];
	struct ring_list *r = &ds->ring[p->ring];

	if (p->ring == RING_NONE)
		return;
	if (p->before != DEST_NONE)
		ds->list[p->before].behind = p->behind;
	else
		r->first = p->behind;
	if (p->behind != DEST_NONE)
		ds->list[p->behind].before = p->before;
	else
		r->last = p->before;
	r->n--;
	p->ring = RING_NONE;
}

static void
append_ring(struct dests *ds, uint32_t d, enum ring ring)
{
	struct dest *p = &ds->list[d];
	struct ring_list *r = &ds->ring[ring];

	p->ring = (unsigned char)ring;
	if (ring == RING_NONE)
		return;
	p->before = r->last;
	p->behind = DEST_NONE;
	if (r->last != DEST_NONE)
		ds->list[r->last].behind = d;
	else
		r->first = d;
	r->last = d;
	r->n++;
}

static void
forget(struct dests *ds, uint32_t d)
{
	struct dest *p = &ds->list[d];
	uint32_t *link = key_bucket(ds, key_of(p));

	unlink_ring(ds, d);
	while (*link != d)
		link = &ds->list[*link].chain;
	*link = p->chain;
	mem_free(p->key);
	mem_free(p->why);
	*p = (struct dest){ .chain = ds->free };
	ds->free = d;
}

static bool
has_line(const struct dest *p)
{
	return p->line.n > 0 || p->ngroups > 0;
}

static enum ring
ring_for(const struct dests *ds, uint32_t d)
{
	const struct dest *p = &ds->list[d];

	if (p->until != 0)
		return RING_SUSPENDED;
	if (!has_line(p))
		return p->running + p->users == 0 ? RING_IDLE : RING_NONE;
	if (p->running >= dest_limit(ds, d))
		return RING_NONE;
	return p->is_proven ? RING_PROVEN : RING_FRESH;
}

/* Slots one or many may take, the last quarter being for others. */
static uint32_t
share(const struct dests *ds)
{
	return ds->slots - ds->slots / 4;
}

static void
place(struct dests *ds, uint32_t d)
{
	struct dest *p = &ds->list[d];
	bool is_active = p->until == 0 && (has_line(p) || p->running > 0);
	enum ring ring;

	if (is_active != p->is_active)
		ds->nactive += is_active ? 1U : -1U;
	p->is_active = is_active;
	ring = ring_for(ds, d);
	if (p->ring == ring)
		return;
	unlink_ring(ds, d);
	append_ring(ds, d, ring);
	if (ds->ring[RING_IDLE].n > IDLE_MAX)
		forget(ds, ds->ring[RING_IDLE].first);
}

static void
set_proven(struct dests *ds, struct dest *p, bool is_proven)
{
	if (p->is_proven == is_proven)
		return;
	p->is_proven = is_proven;
	ds->fresh_running += is_proven ? -p->running : p->running;
}

/* --- which there are --- */

uint32_t
dest_find(const struct dests *ds, struct span key)
{
	uint32_t d = *key_bucket(ds, key);

	while (d != DEST_NONE && !span_eq(key_of(&ds->list[d]), key))
		d = ds->list[d].chain;
	return d;
}

uint32_t
dest_get(struct dests *ds, struct span key)
{
	uint32_t d = dest_find(ds, key);
	uint32_t *b;
	char *copy;

	if (d != DEST_NONE) {
		ds->list[d].users++;
		place(ds, d);
		return d;
	}
	if (key.len > DEST_KEY_MAX)
		return DEST_NONE;
	if (ds->free == DEST_NONE && ds->used == ds->cap && grow_dests(ds) < 0)
		return DEST_NONE;
	/* one byte more: an empty key is no NULL */
	copy = mem_new(key.len + 1, 1);
	if (copy == NULL)
		return DEST_NONE;
	if (key.len > 0)
		memcpy(copy, key.p, key.len);
	d = ds->free != DEST_NONE ? ds->free : ds->used++;
	if (d == ds->free)
		ds->free = ds->list[d].chain;
	b = key_bucket(ds, key);
	ds->list[d] = (struct dest){ .key = copy,
		.key_len = key.len,
		.window = WINDOW_FIRST,
		.users = 1,
		.is_proven = !ds->can_suspend,
		.chain = *b };
	*b = d;
	place(ds, d);
	return d;
}

void
dest_release(struct dests *ds, uint32_t d)
{
	at(ds, d)->users--;
	place(ds, d);
}

uint32_t
dest_after(const struct dests *ds, uint32_t d)
{
	for (d++; d < ds->used; d++)
		if (ds->list[d].key != NULL)
			return d;
	return DEST_NONE;
}

uint32_t
dest_limit(const struct dests *ds, uint32_t d)
{
	const struct dest *p = dest_at(ds, d);
	uint32_t limit = ds->slots;

	if (ds->most == 0)
		return limit;
	if (ds->nactive > (p->is_active ? 1U : 0U))
		limit = share(ds);
	if (limit > p->window)
		limit = p->window;
	return limit < ds->most ? limit : ds->most;
}

bool
dest_is_suspended(const struct dests *ds, uint32_t d)
{
	return dest_at(ds, d)->until != 0;
}

static bool
may_fresh(const struct dests *ds)
{
	return ds->most == 0 || ds->fresh_running < share(ds);
}

bool
dest_may_start(const struct dests *ds, uint32_t d, bool was_first)
{
	const struct dest *p = dest_at(ds, d);

	return p->until == 0 && (was_first || !has_line(p)) &&
	       p->running < dest_limit(ds, d) &&
	       (p->is_proven || may_fresh(ds));
}

/* --- lines --- */

void
dest_stand(struct dests *ds, uint32_t d, uint32_t slot)
{
	line_push(ds->table, &at(ds, d)->line, ds->channel, slot);
	table_at(ds->table, slot)->dest[ds->channel] = d;
	place(ds, d);
}

void
dest_leave(struct dests *ds, uint32_t slot)
{
	struct entry *e = table_at(ds->table, slot);
	uint32_t d = e->dest[ds->channel];

	if (d == DEST_NONE)
		return;
	line_drop(ds->table, &at(ds, d)->line, ds->channel, slot);
	e->dest[ds->channel] = DEST_NONE;
	place(ds, d);
}

void
dest_join(struct dests *ds, struct group *g)
{
	struct dest *p = at(ds, g->dest);

	g->next = NULL;
	g->is_in_line = true;
	if (p->ngroups++ == 0)
		p->first = g;
	else
		p->last->next = g;
	p->last = g;
	place(ds, g->dest);
}

struct group *
dest_dismiss(struct dests *ds, uint32_t d)
{
	struct dest *p = at(ds, d);
	struct group *g = p->first;

	if (p->ngroups == 0)
		return NULL;
	p->first = g->next;
	p->ngroups--;
	g->is_in_line = false;
	place(ds, d);
	return g;
}

void
dest_quit(struct dests *ds, struct group *g)
{
	struct dest *p = at(ds, g->dest);
	struct group *before = NULL, **link = &p->first;

	while (*link != g) {
		before = *link;
		link = &before->next;
	}
	*link = g->next;
	if (p->last == g)
		p->last = before;
	p->ngroups--;
	g->is_in_line = false;
	place(ds, g->dest);
}

/* The first of a ring that may start: it goes to the end of it. */
static uint32_t
rotate(struct dests *ds, enum ring ring)
{
	uint32_t d;

	while ((d = ds->ring[ring].first) != DEST_NONE) {
		unlink_ring(ds, d);
		/* its limit may have fallen since others came */
		place(ds, d);
		if (ds->list[d].ring == ring)
			return d;
	}
	return DEST_NONE;
}

uint32_t
dest_next(struct dests *ds)
{
	uint32_t d = DEST_NONE;

	for (int try = 0; d == DEST_NONE && try < 2; try++) {
		if (!ds->is_fresh_next)
			d = rotate(ds, RING_PROVEN);
		else if (may_fresh(ds))
			d = rotate(ds, RING_FRESH);
		ds->is_fresh_next = !ds->is_fresh_next;
	}
	return d;
}

struct group *
dest_take(struct dests *ds, uint32_t d, uint32_t *slot)
{
	struct dest *p = at(ds, d);

	if (p->ngroups > 0 && (p->line.n == 0 || p->is_next_group)) {
		p->is_next_group = false;
		return dest_dismiss(ds, d);
	}
	p->is_next_group = true;
	*slot = p->line.first;
	dest_leave(ds, *slot);
	return NULL;
}

/* --- deliveries --- */

void
dest_begin(struct dests *ds, uint32_t d)
{
	struct dest *p = at(ds, d);

	p->running++;
	if (!p->is_proven)
		ds->fresh_running++;
	place(ds, d);
}

static void
keep_why(struct dest *p, struct span why)
{
	char *copy;

	why = span_head(why, DEST_WHY_MAX);
	copy = why.len == 0 ? NULL : mem_new(why.len, 1);
	if (copy == NULL)
		return;
	memcpy(copy, why.p, why.len);
	mem_free(p->why);
	p->why = copy;
	p->why_len = why.len;
}

/* Until when to leave it alone, after so many pauses. */
static int64_t
pause_until(uint32_t pauses, int64_t now)
{
	int64_t pause = PAUSE_MAX;

	if (pauses < PAUSE_DOUBLINGS)
		pause = (int64_t)PAUSE_FIRST << pauses;
	if (pause > PAUSE_MAX)
		pause = PAUSE_MAX;
	return (now + pause) / PAUSE_STEP * PAUSE_STEP + PAUSE_STEP;
}

/* It could not be reached. Deliveries that began before the last failure
 * tell nothing new. */
static bool
count_failure(struct dests *ds, struct dest *p, int64_t began, int64_t now)
{
	bool was_proven = p->is_proven;

	if (p->until != 0 || (p->failures > 0 && began <= p->failed_at))
		return false;
	p->failures++;
	p->failed_at = now;
	p->window = p->window > 1 ? p->window / 2 : 1;
	set_proven(ds, p, false);
	/* once is no habit, of one that was there a moment ago */
	if (was_proven && p->failures == 1)
		return false;
	p->until = pause_until(p->pauses++, now);
	if (p->until < ds->wake_at)
		ds->wake_at = p->until;
	return true;
}

static void
end_suspension(struct dests *ds, uint32_t d)
{
	struct dest *p = at(ds, d);

	if (p->until != 0 && has_line(p) && ds->resumed != NULL)
		ds->resumed(ds->ctx, d);
	p->until = 0;
}

bool
dest_end(struct dests *ds, uint32_t d, bool was_reached, int64_t began,
    int64_t now, struct span why)
{
	struct dest *p = at(ds, d);
	bool is_new = false;

	p->running--;
	if (!p->is_proven)
		ds->fresh_running--;
	if (was_reached) {
		p->failures = p->pauses = 0;
		end_suspension(ds, d);
		set_proven(ds, p, true);
		if (p->window < ds->slots)
			p->window++;
	} else if (ds->can_suspend) {
		keep_why(p, why);
		is_new = count_failure(ds, p, began, now);
	}
	place(ds, d);
	return is_new;
}

static void
resume(struct dests *ds, uint32_t d)
{
	end_suspension(ds, d);
	ds->list[d].window = 1;
	place(ds, d);
}

int64_t
dests_wake(struct dests *ds, int64_t now)
{
	uint32_t next;

	if (now < ds->wake_at)
		return ds->wake_at;
	ds->wake_at = INT64_MAX;
	for (uint32_t d = ds->ring[RING_SUSPENDED].first; d != DEST_NONE;
	     d = next) {
		next = ds->list[d].behind;
		if (ds->list[d].until > now) {
			if (ds->list[d].until < ds->wake_at)
				ds->wake_at = ds->list[d].until;
			continue;
		}
		resume(ds, d);
	}
	return ds->wake_at;
}

void
dest_pardon(struct dests *ds, uint32_t d)
{
	if (!dest_is_suspended(ds, d))
		return;
	ds->list[d].failures = ds->list[d].pauses = 0;
	resume(ds, d);
}

void
dests_pardon(struct dests *ds)
{
	while (ds->ring[RING_SUSPENDED].n > 0)
		dest_pardon(ds, ds->ring[RING_SUSPENDED].first);
	ds->wake_at = INT64_MAX;
}

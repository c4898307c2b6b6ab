/*
 * active - a message while it is loaded: see active.h
 */
#include "active.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "queue/job.h"
#include "text.h"

_Static_assert((int)ROUTES_LOCAL == (int)CHANNEL_LOCAL &&
		   (int)ROUTES_REMOTE == (int)CHANNEL_REMOTE,
    "routes and channels are numbered alike");

enum {
	FILE_MAX = ENVELOPE_MAX + 8192,
	ADDRS_MAX = 1024 * 1024 * 1024, /* envelopes are bounded, lines of
	                                   virtualdomains too */
	KEEP = 64 * 1024,               /* storage worth keeping */
	KEEP_RCPTS = 1024,
	KEY_MAX = 128 * 1024 /* lines of smtproutes are bounded */
};

struct active *
active_new(void)
{
	struct active *a = mem_new(1, sizeof(*a));

	if (a != NULL) {
		a->file = BUF_INIT(FILE_MAX);
		a->addrs = BUF_INIT(ADDRS_MAX);
	}
	return a;
}

static void
trim(struct buf *b)
{
	if (b->cap > KEEP || buf_err(b) < 0)
		buf_free(b);
	buf_reset(b);
}

void
active_reset(struct active *a)
{
	struct active fresh = { .file = a->file, .addrs = a->addrs };

	note_free(&a->note);
	trim(&fresh.file);
	trim(&fresh.addrs);
	if (a->cap <= KEEP_RCPTS) {
		fresh.rcpts = a->rcpts;
		fresh.cap = a->cap;
	} else {
		mem_free(a->rcpts);
	}
	for (size_t c = 0; c < CHANNELS; c++) {
		struct pass *was = &a->pass[c], *is = &fresh.pass[c];

		if (was->cap <= KEEP_RCPTS && was->group_cap <= KEEP_RCPTS) {
			is->order = was->order;
			is->cap = was->cap;
			is->groups = was->groups;
			is->group_cap = was->group_cap;
		} else {
			mem_free(was->order);
			mem_free(was->groups);
		}
	}
	*a = fresh;
}

void
active_destroy(struct active **a)
{
	if (*a == NULL)
		return;
	note_free(&(*a)->note);
	buf_free(&(*a)->file);
	buf_free(&(*a)->addrs);
	mem_free((*a)->rcpts);
	for (size_t c = 0; c < CHANNELS; c++) {
		mem_free((*a)->pass[c].order);
		mem_free((*a)->pass[c].groups);
	}
	mem_free(*a);
	*a = NULL;
}

struct span
active_addr(const struct active *a, uint32_t index)
{
	return (struct span){ a->addrs.p + a->rcpts[index].at,
		a->rcpts[index].len };
}

bool
active_is_over(const struct active *a)
{
	return a->pending[CHANNEL_LOCAL] == 0 &&
	       a->pending[CHANNEL_REMOTE] == 0;
}

bool
active_is_busy(const struct active *a)
{
	return a->pass[CHANNEL_LOCAL].is_on || a->pass[CHANNEL_REMOTE].is_on;
}

void
active_done(struct active *a, uint32_t index)
{
	struct rcpt *r = &a->rcpts[index];

	if (r->is_done)
		return;
	r->is_done = true;
	a->pending[r->channel]--;
	note_set_done(&a->note, index);
	a->is_dirty = true;
}

/* The note, or an empty one. */
static int
read_note(struct active *a, struct store *store, bool *has_note, bool *bad)
{
	int r;

	note_init(&a->note, a->id, a->env.nrcpt);
	if (!*has_note)
		return buf_err(&a->note.done);
	r = store_note_read(store, &a->note);
	if (r == 0 && a->note.nrcpt != a->env.nrcpt)
		r = E_DAMAGED;
	if (r != E_ABSENT && r != E_DAMAGED)
		return r;
	*bad = r == E_DAMAGED;
	*has_note = false;
	note_free(&a->note);
	note_init(&a->note, a->id, a->env.nrcpt);
	return buf_err(&a->note.done);
}

/* Where each recipient still to do is to go. */
static int
route(struct active *a, const struct routes *routes)
{
	struct span rest = a->env.rcpts;

	if (a->env.nrcpt > a->cap) {
		struct rcpt *bigger =
		    mem_resize(a->rcpts, a->env.nrcpt, sizeof(*bigger));

		if (bigger == NULL)
			return E_NOMEM;
		a->rcpts = bigger;
		a->cap = a->env.nrcpt;
	}
	for (uint32_t i = 0; i < a->env.nrcpt; i++) {
		struct rcpt *r = &a->rcpts[i];
		struct recipient asked;

		if (!envelope_next(&rest, &asked))
			return E_DAMAGED;
		*r = (struct rcpt){ .at = (uint32_t)a->addrs.len };
		r->notify = (unsigned char)asked.notify;
		r->is_done = note_is_done(&a->note, i);
		if (r->is_done)
			continue;
		r->channel =
		    (unsigned char)routes_apply(routes, asked.addr, &a->addrs);
		r->len = (uint32_t)(a->addrs.len - r->at);
		a->pending[r->channel]++;
	}
	return buf_err(&a->addrs);
}

int
active_load(struct active *a, uint64_t id, struct store *store,
    const struct routes *routes, bool *has_note, bool *bad_note)
{
	int r;

	a->id = id;
	r = store_envelope(store, id, &a->file, &a->env);
	if (r == 0)
		r = read_note(a, store, has_note, bad_note);
	if (r == 0)
		r = route(a, routes);
	return r;
}

/* What active_order() sorts. */
struct item {
	uint32_t index;
	uint32_t dest;
	uint32_t group; /* the first recipient of the same destination */
};

static int
compare(uint32_t a, uint32_t b)
{
	return a < b ? -1 : a > b;
}

static int
by_dest(const void *p, const void *q)
{
	const struct item *a = p, *b = q;
	int r = compare(a->dest, b->dest);

	return r != 0 ? r : compare(a->index, b->index);
}

static int
by_group(const void *p, const void *q)
{
	const struct item *a = p, *b = q;
	int r = compare(a->group, b->group);

	return r != 0 ? r : compare(a->index, b->index);
}

/* Find the destination of each item; all or none is used. */
static int
find_dests(const struct active *a, enum channel c, const struct ways *ways,
    struct dests *dests, struct item *items, uint32_t n)
{
	struct buf key = BUF_INIT(KEY_MAX);
	uint32_t i;

	for (i = 0; i < n; i++) {
		buf_reset(&key);
		ways_key(ways, c, active_addr(a, items[i].index), a->env.sender,
		    &key);
		items[i].dest = buf_err(&key) == 0
				    ? dest_get(dests, buf_span(&key))
				    : DEST_NONE;
		if (items[i].dest == DEST_NONE)
			break;
	}
	buf_free(&key);
	if (i == n)
		return 0;
	while (i > 0)
		dest_release(dests, items[--i].dest);
	return E_NOMEM;
}

/* Bring items of one destination together, in the order in which each
 * destination comes first. How many destinations there are. */
static uint32_t
sort(struct item *items, uint32_t n)
{
	uint32_t groups = 0;

	if (n > 1)
		qsort(items, n, sizeof(*items), by_dest);
	for (uint32_t i = 0; i < n; i++) {
		bool is_same = i > 0 && items[i].dest == items[i - 1].dest;

		items[i].group = is_same ? items[i - 1].group : items[i].index;
		groups += !is_same;
	}
	if (groups > 1)
		qsort(items, n, sizeof(*items), by_group);
	return groups;
}

/* Make room for n of them in the pass. */
static int
make_room(void *array, uint32_t *cap, uint32_t n, size_t size)
{
	void **p = array;
	void *bigger;

	if (n <= *cap)
		return 0;
	bigger = mem_resize(*p, n, size);
	if (bigger == NULL)
		return E_NOMEM;
	*p = bigger;
	*cap = n;
	return 0;
}

/* What the pass keeps of the items. */
static void
form_groups(struct active *a, struct pass *p, const struct item *items,
    struct dests *dests)
{
	struct group *g = NULL;

	p->ngroups = 0;
	for (uint32_t i = 0; i < p->n; i++) {
		p->order[i] = items[i].index;
		if (g != NULL && g->dest == items[i].dest) {
			g->n++;
			dest_release(dests, items[i].dest);
			continue;
		}
		g = &p->groups[p->ngroups++];
		*g = (struct group){
			.a = a, .from = i, .n = 1, .dest = items[i].dest
		};
	}
}

int
active_order(struct active *a, enum channel c, const struct ways *ways,
    struct dests *dests)
{
	struct pass *p = &a->pass[c];
	struct item one, *items = &one;
	uint32_t groups;
	int r;

	if (a->pending[c] > 1)
		items = mem_new(a->pending[c], sizeof(*items));
	if (items == NULL)
		return E_NOMEM;
	p->n = 0;
	for (uint32_t i = 0; p->n < a->pending[c]; i++)
		if (!a->rcpts[i].is_done && a->rcpts[i].channel == c)
			items[p->n++] = (struct item){ .index = i };
	r = make_room(&p->order, &p->cap, p->n, sizeof(*p->order));
	if (r == 0)
		r = find_dests(a, c, ways, dests, items, p->n);
	if (r < 0)
		goto out;
	groups = sort(items, p->n);
	r = make_room(&p->groups, &p->group_cap, groups, sizeof(*p->groups));
	if (r == 0)
		form_groups(a, p, items, dests);
	for (uint32_t i = 0; r < 0 && i < p->n; i++)
		dest_release(dests, items[i].dest);
out:
	if (items != &one)
		mem_free(items);
	return r;
}

uint32_t
active_share(const struct active *a, enum channel c, const struct group *g)
{
	uint32_t left = g->n - g->issued;

	if (c == CHANNEL_LOCAL || text_is_verp(a->env.sender))
		return 1;
	return left < JOB_RCPTS_MAX ? left : JOB_RCPTS_MAX;
}

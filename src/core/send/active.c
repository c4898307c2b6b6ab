/*
 * active - a message while it is loaded: see active.h
 */
#include "active.h"

#include <stdlib.h>

#include "base/ascii.h"
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
	KEEP_RCPTS = 1024
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
		if (a->pass[c].cap <= KEEP_RCPTS) {
			fresh.pass[c].order = a->pass[c].order;
			fresh.pass[c].cap = a->pass[c].cap;
		} else {
			mem_free(a->pass[c].order);
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
	for (size_t c = 0; c < CHANNELS; c++)
		mem_free((*a)->pass[c].order);
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
	struct span rest = a->env.rcpts, addr;

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

		if (!envelope_rcpt(&rest, &addr))
			return E_DAMAGED;
		*r = (struct rcpt){ .at = (uint32_t)a->addrs.len };
		r->is_done = note_is_done(&a->note, i);
		if (r->is_done)
			continue;
		r->channel =
		    (unsigned char)routes_apply(routes, addr, &a->addrs);
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
	struct span domain;
	uint32_t index;
	uint32_t group; /* the first recipient of the same domain */
};

static int
compare_indexes(uint32_t a, uint32_t b)
{
	return a < b ? -1 : a > b;
}

static int
by_domain(const void *p, const void *q)
{
	const struct item *a = p, *b = q;

	if (a->domain.len != b->domain.len)
		return a->domain.len < b->domain.len ? -1 : 1;
	for (size_t i = 0; i < a->domain.len; i++) {
		char x = ascii_lower((unsigned char)a->domain.p[i]);
		char y = ascii_lower((unsigned char)b->domain.p[i]);

		if (x != y)
			return x < y ? -1 : 1;
	}
	return compare_indexes(a->index, b->index);
}

static int
by_group(const void *p, const void *q)
{
	const struct item *a = p, *b = q;

	if (a->group != b->group)
		return compare_indexes(a->group, b->group);
	return compare_indexes(a->index, b->index);
}

static struct span
domain_of(const struct active *a, uint32_t index)
{
	struct span addr = active_addr(a, index);

	return span_tail(addr, span_rfind(addr, '@') + 1);
}

/*
 * Bring recipients of one domain together, the domains in the order in
 * which they come first.
 */
static int
group(const struct active *a, struct pass *p)
{
	struct item *items = mem_new(p->n, sizeof(*items));

	if (items == NULL)
		return E_NOMEM;
	for (uint32_t i = 0; i < p->n; i++)
		items[i] = (struct item){ .domain = domain_of(a, p->order[i]),
			.index = p->order[i] };
	qsort(items, p->n, sizeof(*items), by_domain);
	for (uint32_t i = 0; i < p->n; i++) {
		bool is_same = i > 0 && span_eq_nocase(items[i].domain,
					    items[i - 1].domain);

		items[i].group = is_same ? items[i - 1].group : items[i].index;
	}
	qsort(items, p->n, sizeof(*items), by_group);
	for (uint32_t i = 0; i < p->n; i++)
		p->order[i] = items[i].index;
	mem_free(items);
	return 0;
}

int
active_order(struct active *a, enum channel c)
{
	struct pass *p = &a->pass[c];

	if (a->pending[c] > p->cap) {
		uint32_t *bigger =
		    mem_resize(p->order, a->pending[c], sizeof(*bigger));

		if (bigger == NULL)
			return E_NOMEM;
		p->order = bigger;
		p->cap = a->pending[c];
	}
	p->n = 0;
	for (uint32_t i = 0; p->n < a->pending[c]; i++)
		if (!a->rcpts[i].is_done && a->rcpts[i].channel == c)
			p->order[p->n++] = i;
	if (c == CHANNEL_LOCAL || p->n < 3 || text_is_verp(a->env.sender))
		return 0;
	return group(a, p);
}

uint32_t
active_share(const struct active *a, enum channel c, uint32_t from)
{
	const struct pass *p = &a->pass[c];
	struct span domain;
	uint32_t n = 1;

	if (c == CHANNEL_LOCAL || text_is_verp(a->env.sender))
		return 1;
	domain = domain_of(a, p->order[from]);
	while (n < JOB_RCPTS_MAX && from + n < p->n &&
	       span_eq_nocase(domain, domain_of(a, p->order[from + n])))
		n++;
	return n;
}

/*
 * messages - every message in the queue, small: see messages.h
 */
#include "messages.h"

#include "base/err.h"
#include "base/mem.h"

enum { CAP_FIRST = 64 };

/* Room for one more thing in an array of n; 0 or E_NOMEM. */
static int
make_room(void **v, uint32_t n, uint32_t *cap, size_t size)
{
	uint32_t bigger = *cap == 0 ? CAP_FIRST : *cap + *cap / 2;
	void *p;

	if (n < *cap)
		return 0;
	if (bigger < *cap)
		return E_NOMEM;
	p = mem_resize(*v, bigger, size);
	if (p == NULL)
		return E_NOMEM;
	*v = p;
	*cap = bigger;
	return 0;
}

/* IDs are clock readings: the low bits are spread, but not evenly. */
static uint32_t
slot_of(uint64_t id, uint32_t cap)
{
	return (uint32_t)((id * 0x9e3779b97f4a7c15U) >> 32) & (cap - 1);
}

static void
index_put(uint32_t *index, uint32_t cap, uint64_t id, uint32_t place)
{
	uint32_t i = slot_of(id, cap);

	while (index[i] != 0)
		i = (i + 1) & (cap - 1);
	index[i] = place + 1;
}

static int
index_grow(struct messages *m)
{
	uint32_t cap = m->index_cap == 0 ? CAP_FIRST : m->index_cap * 2;
	uint32_t *index = mem_new(cap, sizeof(*index));

	if (index == NULL)
		return E_NOMEM;
	for (uint32_t i = 0; i < m->index_cap; i++)
		if (m->index[i] != 0)
			index_put(index, cap, m->v[m->index[i] - 1].id,
			    m->index[i] - 1);
	mem_free(m->index);
	m->index = index;
	m->index_cap = cap;
	return 0;
}

/* The slot of an ID, or UINT32_MAX. */
static uint32_t
index_find(const struct messages *m, uint64_t id)
{
	if (m->index_cap == 0)
		return UINT32_MAX;
	for (uint32_t i = slot_of(id, m->index_cap); m->index[i] != 0;
	     i = (i + 1) & (m->index_cap - 1))
		if (m->v[m->index[i] - 1].id == id)
			return i;
	return UINT32_MAX;
}

/* Empty a slot, and move up what was pushed behind it. */
static void
index_drop(struct messages *m, uint32_t hole)
{
	uint32_t mask = m->index_cap - 1;
	uint32_t i = hole;

	for (;;) {
		uint32_t home;

		i = (i + 1) & mask;
		if (m->index[i] == 0)
			break;
		home = slot_of(m->v[m->index[i] - 1].id, m->index_cap);
		if (((i - home) & mask) >= ((i - hole) & mask)) {
			m->index[hole] = m->index[i];
			hole = i;
		}
	}
	m->index[hole] = 0;
}

uint32_t
messages_find(const struct messages *m, uint64_t id)
{
	uint32_t i = index_find(m, id);

	return i == UINT32_MAX ? MESSAGE_NONE : m->index[i] - 1;
}

int
messages_add(struct messages *m, uint64_t id, uint32_t *place)
{
	uint32_t p;

	if (index_find(m, id) != UINT32_MAX)
		return E_BUSY;
	/* a quarter stays free: searches are short */
	if ((uint64_t)m->count * 4 + 4 > (uint64_t)m->index_cap * 3 &&
	    index_grow(m) < 0)
		return E_NOMEM;
	if (m->nfree > 0) {
		p = m->free[--m->nfree];
	} else {
		if (make_room((void **)&m->v, m->n, &m->cap, sizeof(*m->v)) < 0)
			return E_NOMEM;
		p = m->n++;
	}
	m->v[p] = (struct message){ .id = id, .flags = MESSAGE_USED };
	index_put(m->index, m->index_cap, id, p);
	m->count++;
	*place = p;
	return 0;
}

void
messages_drop(struct messages *m, uint32_t place)
{
	for (int ch = 0; ch < CHANNELS; ch++)
		messages_undue(m, place, (enum channel)ch);
	index_drop(m, index_find(m, m->v[place].id));
	m->v[place] = (struct message){ 0 };
	m->count--;
	/* without memory for the list the place is lost: 40 bytes */
	if (make_room((void **)&m->free, m->nfree, &m->capfree,
		sizeof(*m->free)) == 0)
		m->free[m->nfree++] = place;
}

void
messages_free(struct messages *m)
{
	mem_free(m->v);
	mem_free(m->free);
	mem_free(m->index);
	mem_free(m->fresh);
	for (int ch = 0; ch < CHANNELS; ch++)
		mem_free(m->heaps[ch].v);
	*m = (struct messages){ 0 };
}

/* Whether a comes before b: by time, then by age. */
static bool
before(const struct messages *m, enum channel ch, uint32_t a, uint32_t b)
{
	const struct message *x = &m->v[a], *y = &m->v[b];

	if (x->due[ch] != y->due[ch])
		return x->due[ch] < y->due[ch];
	return x->id < y->id;
}

static void
put_at(struct messages *m, enum channel ch, uint32_t i, uint32_t place)
{
	m->heaps[ch].v[i] = place;
	m->v[place].pos[ch] = i + 1;
}

static void
sift_up(struct messages *m, enum channel ch, uint32_t i)
{
	uint32_t place = m->heaps[ch].v[i];

	while (i > 0) {
		uint32_t parent = m->heaps[ch].v[(i - 1) / 2];

		if (!before(m, ch, place, parent))
			break;
		put_at(m, ch, i, parent);
		i = (i - 1) / 2;
	}
	put_at(m, ch, i, place);
}

static void
sift_down(struct messages *m, enum channel ch, uint32_t i)
{
	const struct heap *h = &m->heaps[ch];
	uint32_t place = h->v[i];

	for (;;) {
		uint32_t child = 2 * i + 1;

		if (child >= h->n)
			break;
		if (child + 1 < h->n &&
		    before(m, ch, h->v[child + 1], h->v[child]))
			child++;
		if (!before(m, ch, h->v[child], place))
			break;
		put_at(m, ch, i, h->v[child]);
		i = child;
	}
	put_at(m, ch, i, place);
}

int
messages_due(struct messages *m, uint32_t place, enum channel ch, int64_t when)
{
	struct heap *h = &m->heaps[ch];

	messages_undue(m, place, ch);
	if (make_room((void **)&h->v, h->n, &h->cap, sizeof(*h->v)) < 0)
		return E_NOMEM;
	m->v[place].due[ch] = when;
	h->v[h->n++] = place;
	sift_up(m, ch, h->n - 1);
	return 0;
}

void
messages_undue(struct messages *m, uint32_t place, enum channel ch)
{
	struct heap *h = &m->heaps[ch];
	uint32_t pos = m->v[place].pos[ch];
	uint32_t last;

	if (pos == 0)
		return;
	m->v[place].pos[ch] = 0;
	last = h->v[--h->n];
	if (last == place)
		return;
	put_at(m, ch, pos - 1, last);
	sift_up(m, ch, pos - 1);
	sift_down(m, ch, m->v[last].pos[ch] - 1);
}

uint32_t
messages_first(const struct messages *m, enum channel ch)
{
	return m->heaps[ch].n > 0 ? m->heaps[ch].v[0] : MESSAGE_NONE;
}

void
messages_all_due(struct messages *m, int64_t now)
{
	for (int c = 0; c < CHANNELS; c++) {
		enum channel ch = (enum channel)c;
		struct heap *h = &m->heaps[ch];

		for (uint32_t i = 0; i < h->n; i++)
			if (m->v[h->v[i]].due[ch] > now)
				m->v[h->v[i]].due[ch] = now;
		for (uint32_t i = h->n / 2; i-- > 0;)
			sift_down(m, ch, i);
	}
}

int
messages_put_fresh(struct messages *m, uint32_t place)
{
	if (m->fresh_n == m->fresh_cap) {
		uint32_t cap = m->fresh_cap == 0 ? CAP_FIRST : m->fresh_cap * 2;
		uint32_t *v = mem_new(cap, sizeof(*v));

		if (v == NULL)
			return E_NOMEM;
		for (uint32_t i = 0; i < m->fresh_n; i++)
			v[i] = m->fresh[(m->fresh_at + i) % m->fresh_cap];
		mem_free(m->fresh);
		m->fresh = v;
		m->fresh_cap = cap;
		m->fresh_at = 0;
	}
	m->fresh[(m->fresh_at + m->fresh_n++) % m->fresh_cap] = place;
	m->v[place].flags |= MESSAGE_FRESH;
	return 0;
}

uint32_t
messages_take_fresh(struct messages *m)
{
	uint32_t place;

	if (m->fresh_n == 0)
		return MESSAGE_NONE;
	place = m->fresh[m->fresh_at];
	m->fresh_at = (m->fresh_at + 1) % m->fresh_cap;
	if (--m->fresh_n == 0 && m->fresh_cap > 4096) {
		/* a start-up backlog's worth: not needed again */
		mem_free(m->fresh);
		m->fresh = NULL;
		m->fresh_cap = m->fresh_at = 0;
	}
	m->v[place].flags &= ~(uint32_t)MESSAGE_FRESH;
	return place;
}

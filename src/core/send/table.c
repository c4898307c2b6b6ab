/*
 * table - every message in the queue: see table.h
 *
 * One array of entries with a free list, one array of hash buckets, one
 * array of slots for each heap; all grow together.
 */
#include "table.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"

enum { FIRST_CAP = 1024 };

struct table {
	struct entry *entries; /* slot 0 is never used */
	uint32_t *buckets;
	uint32_t *heap[HEAPS]; /* from 1 */
	uint32_t heap_n[HEAPS];
	uint32_t cap;  /* slots, and buckets: a power of two */
	uint32_t used; /* slots ever used, slot 0 included */
	uint32_t free; /* chain of dropped slots */
	uint32_t n;
};

static uint32_t
bucket_of(uint64_t id, uint32_t cap)
{
	/* IDs are times: the low digits vary, but in steps */
	return (uint32_t)((id * 0x9E3779B97F4A7C15U) >> 32) & (cap - 1);
}

static void
chain_all(struct table *t)
{
	for (uint32_t slot = 1; slot < t->used; slot++) {
		struct entry *e = &t->entries[slot];
		uint32_t *b = &t->buckets[bucket_of(e->id, t->cap)];

		e->chain = *b;
		*b = slot;
	}
}

/* Resize one array; false without memory, and it is as it was. */
static bool
resize(void *array, uint32_t cap, size_t size)
{
	void **p = array;
	void *bigger = mem_resize(*p, cap, size);

	if (bigger != NULL)
		*p = bigger;
	return bigger != NULL;
}

static int
grow(struct table *t)
{
	uint32_t cap = t->cap == 0 ? FIRST_CAP : t->cap * 2;
	uint32_t *buckets;

	if (cap < t->cap)
		return E_NOMEM;
	for (size_t h = 0; h < HEAPS; h++)
		if (!resize(&t->heap[h], cap, sizeof(*t->heap[h])))
			return E_NOMEM;
	if (!resize(&t->entries, cap, sizeof(*t->entries)))
		return E_NOMEM;
	buckets = mem_new(cap, sizeof(*buckets));
	if (buckets == NULL)
		return E_NOMEM;
	mem_free(t->buckets);
	t->buckets = buckets;
	t->cap = cap;
	/* only a full table grows: every slot used is an entry */
	chain_all(t);
	return 0;
}

int
table_new(struct table **out)
{
	struct table *t = mem_new(1, sizeof(*t));

	if (t == NULL)
		return E_NOMEM;
	t->used = 1;
	if (grow(t) < 0) {
		table_destroy(&t);
		return E_NOMEM;
	}
	*out = t;
	return 0;
}

void
table_destroy(struct table **t)
{
	if (*t == NULL)
		return;
	for (size_t h = 0; h < HEAPS; h++)
		mem_free((*t)->heap[h]);
	mem_free((*t)->entries);
	mem_free((*t)->buckets);
	mem_free(*t);
	*t = NULL;
}

struct entry *
table_at(const struct table *t, uint32_t slot)
{
	if (slot == TABLE_NONE || slot >= t->used)
		abort();
	return &t->entries[slot];
}

size_t
table_size(const struct table *t)
{
	return t->n;
}

uint32_t
table_find(const struct table *t, uint64_t id)
{
	uint32_t slot = t->buckets[bucket_of(id, t->cap)];

	while (slot != TABLE_NONE && t->entries[slot].id != id)
		slot = t->entries[slot].chain;
	return slot;
}

int
table_add(struct table *t, uint64_t id, uint32_t *slot)
{
	uint32_t *b;

	if (t->free == TABLE_NONE && t->used == t->cap && grow(t) < 0)
		return E_NOMEM;
	if (t->free != TABLE_NONE) {
		*slot = t->free;
		t->free = t->entries[*slot].link;
	} else {
		*slot = t->used++;
	}
	b = &t->buckets[bucket_of(id, t->cap)];
	t->entries[*slot] = (struct entry){ .id = id, .chain = *b };
	*b = *slot;
	t->n++;
	return 0;
}

void
table_drop(struct table *t, uint32_t slot)
{
	struct entry *e = table_at(t, slot);
	uint32_t *at = &t->buckets[bucket_of(e->id, t->cap)];

	for (enum heap h = HEAP_LOCAL; h < HEAPS; h++)
		heap_drop(t, h, slot);
	while (*at != slot)
		at = &t->entries[*at].chain;
	*at = e->chain;
	e->link = t->free;
	t->free = slot;
	t->n--;
}

/* Whether the entry in slot a comes before that in slot b. */
static bool
is_before(const struct table *t, enum heap h, uint32_t a, uint32_t b)
{
	const struct entry *x = &t->entries[a], *y = &t->entries[b];

	if (x->due[h] != y->due[h])
		return x->due[h] < y->due[h];
	return x->id < y->id;
}

static void
set(struct table *t, enum heap h, uint32_t place, uint32_t slot)
{
	t->heap[h][place] = slot;
	t->entries[slot].place[h] = place;
}

/* Let the slot find its place from a hole, towards the first. */
static void
rise(struct table *t, enum heap h, uint32_t hole, uint32_t slot)
{
	while (hole > 1 && is_before(t, h, slot, t->heap[h][hole / 2])) {
		set(t, h, hole, t->heap[h][hole / 2]);
		hole /= 2;
	}
	set(t, h, hole, slot);
}

/* The same towards the last. */
static void
sink(struct table *t, enum heap h, uint32_t hole, uint32_t slot)
{
	uint32_t n = t->heap_n[h];

	while (hole <= n / 2) {
		uint32_t child = hole * 2;

		if (child < n &&
		    is_before(t, h, t->heap[h][child + 1], t->heap[h][child]))
			child++;
		if (!is_before(t, h, t->heap[h][child], slot))
			break;
		set(t, h, hole, t->heap[h][child]);
		hole = child;
	}
	set(t, h, hole, slot);
}

void
heap_put(struct table *t, enum heap h, uint32_t slot, int64_t due)
{
	struct entry *e = table_at(t, slot);

	heap_drop(t, h, slot);
	if (due < 0)
		due = 0;
	e->due[h] = due > UINT32_MAX ? UINT32_MAX : (uint32_t)due;
	rise(t, h, ++t->heap_n[h], slot);
}

void
heap_drop(struct table *t, enum heap h, uint32_t slot)
{
	struct entry *e = table_at(t, slot);
	uint32_t hole = e->place[h];
	uint32_t last;

	if (hole == 0)
		return;
	e->place[h] = 0;
	last = t->heap[h][t->heap_n[h]--];
	if (last == slot)
		return;
	/* the last one fills the hole; it may belong either way from there */
	if (hole > 1 && is_before(t, h, last, t->heap[h][hole / 2]))
		rise(t, h, hole, last);
	else
		sink(t, h, hole, last);
}

uint32_t
heap_first(const struct table *t, enum heap h)
{
	return t->heap_n[h] == 0 ? TABLE_NONE : t->heap[h][1];
}

size_t
heap_size(const struct table *t, enum heap h)
{
	return t->heap_n[h];
}

void
heap_hurry(struct table *t, enum heap h, int64_t now)
{
	uint32_t n = t->heap_n[h];

	for (uint32_t i = 1; i <= n; i++) {
		struct entry *e = &t->entries[t->heap[h][i]];

		if (e->due[h] > now)
			e->due[h] = (uint32_t)now;
	}
	for (uint32_t i = n / 2; i > 0; i--)
		sink(t, h, i, t->heap[h][i]);
}

void
list_push(struct table *t, struct list *l, uint32_t slot)
{
	table_at(t, slot)->link = TABLE_NONE;
	if (l->n == 0)
		l->first = slot;
	else
		table_at(t, l->last)->link = slot;
	l->last = slot;
	l->n++;
}

uint32_t
list_pop(struct table *t, struct list *l)
{
	uint32_t slot = l->first;

	if (l->n == 0)
		return TABLE_NONE;
	l->first = table_at(t, slot)->link;
	l->n--;
	return slot;
}

void
line_push(struct table *t, struct line *l, enum heap c, uint32_t slot)
{
	struct entry *e = table_at(t, slot);

	e->ahead[c] = l->n == 0 ? TABLE_NONE : l->last;
	e->behind[c] = TABLE_NONE;
	if (l->n == 0)
		l->first = slot;
	else
		table_at(t, l->last)->behind[c] = slot;
	l->last = slot;
	l->n++;
}

void
line_drop(struct table *t, struct line *l, enum heap c, uint32_t slot)
{
	const struct entry *e = table_at(t, slot);

	if (e->ahead[c] != TABLE_NONE)
		table_at(t, e->ahead[c])->behind[c] = e->behind[c];
	else
		l->first = e->behind[c];
	if (e->behind[c] != TABLE_NONE)
		table_at(t, e->behind[c])->ahead[c] = e->ahead[c];
	else
		l->last = e->ahead[c];
	l->n--;
}

/*
 * map - text keys to text values: see map.h
 *
 * Open hashing over an array of entries that own their bytes.
 */
#include "base/map.h"

#include <stdint.h>

#include "base/ascii.h"
#include "base/err.h"
#include "base/mem.h"

enum { FIRST_SLOTS = 16 };

struct entry {
	char *bytes; /* key, then value; NULL: a free slot */
	size_t key, value;
	uint64_t hash;
};

struct map {
	struct entry *slots;
	size_t cap; /* a power of two */
	size_t n;
};

/* FNV-1a over the lower-cased key. */
static uint64_t
hash_key(struct span key)
{
	uint64_t h = 14695981039346656037U;

	for (size_t i = 0; i < key.len; i++) {
		h ^= (unsigned char)ascii_lower((unsigned char)key.p[i]);
		h *= 1099511628211U;
	}
	return h ^ h >> 32;
}

static struct span
entry_key(const struct entry *e)
{
	return (struct span){ e->bytes, e->key };
}

struct map *
map_new(void)
{
	struct map *m = mem_new(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->slots = mem_new(FIRST_SLOTS, sizeof(*m->slots));
	m->cap = FIRST_SLOTS;
	if (m->slots == NULL) {
		mem_free(m);
		return NULL;
	}
	return m;
}

void
map_destroy(struct map **m)
{
	if (*m == NULL)
		return;
	for (size_t i = 0; i < (*m)->cap; i++)
		mem_free((*m)->slots[i].bytes);
	mem_free((*m)->slots);
	mem_free(*m);
	*m = NULL;
}

/* The slot of a key, or the free one where it belongs. */
static struct entry *
find(const struct map *m, struct span key, uint64_t hash)
{
	size_t i = (size_t)hash & (m->cap - 1);

	for (;; i = (i + 1) & (m->cap - 1)) {
		struct entry *e = &m->slots[i];

		if (e->bytes == NULL ||
		    (e->hash == hash && span_eq_nocase(entry_key(e), key)))
			return e;
	}
}

static int
grow(struct map *m)
{
	struct map bigger = { .cap = m->cap * 2, .n = m->n };

	bigger.slots = mem_new(bigger.cap, sizeof(*bigger.slots));
	if (bigger.slots == NULL)
		return E_NOMEM;
	for (size_t i = 0; i < m->cap; i++) {
		const struct entry *e = &m->slots[i];

		if (e->bytes != NULL)
			*find(&bigger, entry_key(e), e->hash) = *e;
	}
	mem_free(m->slots);
	*m = bigger;
	return 0;
}

int
map_put(struct map *m, struct span key, struct span value)
{
	uint64_t hash = hash_key(key);
	struct entry *e;
	char *bytes;

	if ((m->n + 1) * 4 > m->cap * 3 && grow(m) < 0)
		return E_NOMEM;
	/* one more byte, so that an empty entry is no free slot */
	bytes = mem_new(key.len + value.len + 1, 1);
	if (bytes == NULL)
		return E_NOMEM;
	if (key.len > 0)
		memcpy(bytes, key.p, key.len);
	if (value.len > 0)
		memcpy(bytes + key.len, value.p, value.len);
	e = find(m, key, hash);
	if (e->bytes == NULL)
		m->n++;
	mem_free(e->bytes);
	*e = (struct entry){
		.bytes = bytes, .key = key.len, .value = value.len, .hash = hash
	};
	return 0;
}

bool
map_get(const struct map *m, struct span key, struct span *value)
{
	const struct entry *e = find(m, key, hash_key(key));

	if (e->bytes == NULL)
		return false;
	if (value != NULL)
		*value = (struct span){ e->bytes + e->key, e->value };
	return true;
}

size_t
map_size(const struct map *m)
{
	return m->n;
}

/*
 * hash - tells what was written from what is there now: see hash.h
 */
#include "queue/hash.h"

#include <stdlib.h>

#include <xxhash.h>

#include "base/mem.h"

struct hash {
	XXH3_state_t *state;
};

struct hash *
hash_new(void)
{
	struct hash *h = mem_new(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	h->state = XXH3_createState();
	if (h->state == NULL) {
		mem_free(h);
		return NULL;
	}
	(void)XXH3_64bits_reset(h->state);
	return h;
}

void
hash_destroy(struct hash **h)
{
	if (*h == NULL)
		return;
	(void)XXH3_freeState((*h)->state);
	mem_free(*h);
	*h = NULL;
}

void
hash_put(struct hash *h, struct span s)
{
	if (XXH3_64bits_update(h->state, s.p, s.len) != XXH_OK)
		abort();
}

uint64_t
hash_end(struct hash *h)
{
	uint64_t sum = XXH3_64bits_digest(h->state);

	(void)XXH3_64bits_reset(h->state);
	return sum;
}

uint64_t
hash_of(struct span s)
{
	return XXH3_64bits(s.p, s.len);
}

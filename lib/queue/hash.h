/*
 * hash - tells what was written from what is there now
 *
 * XXH3, 64 bits: finds damage, not malice. Whoever may write the queue may
 * write a fitting hash as well.
 */
#ifndef QUEUE_HASH_H
#define QUEUE_HASH_H

#include <stdint.h>

#include "base/attr.h"
#include "base/span.h"

/* A hash in pieces; NULL without memory. */
struct hash;
struct hash *hash_new(void) MUST_CHECK;
void hash_destroy(struct hash **h);

void hash_put(struct hash *h, struct span s);

/* The hash of all that was put, and begin anew. */
uint64_t hash_end(struct hash *h);

/* The hash of bytes at hand. */
uint64_t hash_of(struct span s);

#endif

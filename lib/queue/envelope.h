/*
 * envelope - the sealed record of one accepted message (todo/N/ID)
 *
 * Written once by qmail-queue, read by everybody in the core. A sequence of
 * records, each a letter, a text and a NUL: V version, I id, u uid, p pid,
 * n node, s size and h hash of mess/N/ID, F sender, then T recipients; the
 * last record is X, the hash of all bytes before it. See doc/queue.md.
 * Unknown letters are skipped, so later versions may add records.
 */
#ifndef QUEUE_ENVELOPE_H
#define QUEUE_ENVELOPE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

enum {
	ENVELOPE_MAX = 32 * 1024 * 1024, /* bytes, sender and recipients */
	ADDRESS_MAX = 1002               /* contract queue.md 3.3 */
};

struct envelope {
	uint64_t id;
	uint64_t uid, pid; /* who handed it in */
	struct span node;  /* on which host */
	uint64_t size;     /* of mess/N/ID, our Received line included */
	uint64_t hash;     /* XXH3 of mess/N/ID */
	struct span sender;
	struct span rcpts; /* the T records, one after the other */
	uint32_t nrcpt;
};

/* The acceptance time: seconds since 1970. */
static inline int64_t
envelope_birth(uint64_t id)
{
	return (int64_t)(id / 1000000);
}

/* Append the sealed file. e->rcpts must be T records. */
void envelope_seal(struct buf *b, const struct envelope *e);

/*
 * Read a sealed file; spans are borrowed from it. E_DAMAGED when the seal
 * does not fit or the content makes no sense, or is not for this id.
 */
int envelope_open(
    struct span file, uint64_t id, struct envelope *out) MUST_CHECK;

/* The next recipient of *rcpts (a copy of e->rcpts), removed from it. */
bool envelope_rcpt(struct span *rcpts, struct span *addr);

/*
 * Check an envelope as clients hand it in: F sender NUL, then T recipient
 * NUL each, then NUL (contract queue.md 3.1). Spans are borrowed. *used is
 * what it took of s. E_EOF incomplete, E_SYNTAX wrong letter, E_TOOBIG an
 * address over ADDRESS_MAX.
 */
int envelope_classic(struct span s, struct span *sender, struct span *rcpts,
    uint32_t *nrcpt, size_t *used) MUST_CHECK;

#endif

/*
 * envelope - the sealed record of one accepted message (todo/N/ID)
 *
 * Written once by qmail-queue, read by everybody in the core. A sequence of
 * records, each a letter, a text and a NUL: V version, I id, u uid, p pid,
 * n node, s size and h hash of mess/N/ID, F sender, then T recipients; the
 * last record is X, the hash of all bytes before it. See doc/queue.md.
 * Unknown letters are skipped, so later versions may add records.
 *
 * What the sender asked for with RFC 3461 comes along, behind F: R (F or H)
 * and E (envelope ID) once, N (of n s f d) and O (original recipient) in
 * front of the T they belong to. Texts of E and O are xtext, as given.
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

/* When the sender wants to hear of a recipient; none of it: not said. */
enum {
	NOTIFY_NEVER = 1,
	NOTIFY_SUCCESS = 2,
	NOTIFY_FAILURE = 4,
	NOTIFY_DELAY = 8
};

struct recipient {
	struct span addr;
	unsigned int notify; /* NOTIFY_ bits */
	struct span orcpt;   /* "rfc822;xtext", or empty */
};

struct envelope {
	uint64_t id;
	uint64_t uid, pid; /* who handed it in */
	struct span node;  /* on which host */
	uint64_t size;     /* of mess/N/ID, our Received line included */
	uint64_t hash;     /* XXH3 of mess/N/ID */
	struct span sender;
	char ret;          /* 'F' all of the message back, 'H' its header; 0 */
	struct span envid; /* xtext, or empty */
	struct span rcpts; /* the records behind F, as handed in */
	uint32_t nrcpt;    /* T records in it */
};

/* The acceptance time: seconds since 1970. */
static inline int64_t
envelope_birth(uint64_t id)
{
	return (int64_t)(id / 1000000);
}

/* Append the sealed file. e->rcpts must be records as envelope_read() takes. */
void envelope_seal(struct buf *b, const struct envelope *e);

/*
 * Read a sealed file; spans are borrowed from it. E_DAMAGED when the seal
 * does not fit or the content makes no sense, or is not for this id.
 */
int envelope_open(
    struct span file, uint64_t id, struct envelope *out) MUST_CHECK;

/* The next recipient of *rcpts (a copy of e->rcpts), removed from it. */
bool envelope_next(struct span *rcpts, struct recipient *out);

/* The same, its address only. */
bool envelope_rcpt(struct span *rcpts, struct span *addr);

/*
 * Read an envelope as clients hand it in: F sender NUL, then T recipient
 * NUL each, then NUL (contract queue.md 3.1); of the records of RFC 3461
 * as well if has_dsn. Sets sender, ret, envid, rcpts and nrcpt, borrowed.
 * *used is what it took of s. E_EOF incomplete, E_SYNTAX wrong letter or
 * text, E_TOOBIG a text over ADDRESS_MAX.
 */
int envelope_read(
    struct span s, bool has_dsn, struct envelope *out, size_t *used) MUST_CHECK;

/*
 * Compose one: first the sender, then each recipient, then the end.
 * envelope_plain() appends one that was read without what is not classic.
 */
void envelope_put_sender(
    struct buf *b, struct span sender, char ret, struct span envid);
void envelope_put_rcpt(struct buf *b, const struct recipient *r);
void envelope_put_end(struct buf *b);
void envelope_plain(struct buf *b, const struct envelope *e);

#endif

/*
 * note - how far the delivery of a message has come (info/N/ID)
 *
 * Only qmail-send writes notes, whole, by rename. There is none while
 * nothing has failed. A damaged note is no reason to lose a message: it is
 * set aside and the delivery begins anew. Format: doc/queue.md.
 */
#ifndef QUEUE_NOTE_H
#define QUEUE_NOTE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

enum channel { CHANNEL_LOCAL = 0, CHANNEL_REMOTE = 1, CHANNELS = 2 };

/* Bytes of the last trouble of one recipient that are kept, and of all. */
enum { NOTE_WHY_MAX = 400, NOTE_WHY_ALL = 32 * 1024 };

struct note {
	uint64_t id;
	uint32_t nrcpt;
	uint32_t attempts;      /* passes so far */
	bool is_held;           /* by the operator: no attempts */
	bool is_warned;         /* the sender was told of the delay */
	int64_t next[CHANNELS]; /* seconds since 1970; 0: nothing pending */
	struct buf done;        /* a bit per recipient, index 0 is bit 0 of
	                           byte 0; (nrcpt + 7) / 8 bytes */
	struct buf bounce;      /* paragraphs for the bounce, contract queue.md
	                           4.7; empty while nothing failed for good */
	struct buf why;         /* records z: index, blank, last trouble */
};

/* An empty note for a message; its bufs are bounded. */
void note_init(struct note *n, uint64_t id, uint32_t nrcpt);
void note_free(struct note *n);

bool note_is_done(const struct note *n, uint32_t index);
void note_set_done(struct note *n, uint32_t index);

/*
 * The last trouble of a recipient, kept for people to look at: made short,
 * and left out when there is too much of it. An empty text drops it.
 */
void note_set_why(struct note *n, uint32_t index, struct span text);
bool note_why(const struct note *n, uint32_t index, struct span *text);

/* Append the file. */
void note_seal(struct buf *b, const struct note *n);

/* Read a file into *n (initialised). E_DAMAGED. */
int note_open(struct span file, struct note *n) MUST_CHECK;

#endif

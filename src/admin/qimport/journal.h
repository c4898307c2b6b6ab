/*
 * journal - what was taken from classic queues: queue/import/journal
 *
 * It knows messages that were delivered and removed long ago, so that none
 * is taken a second time. Each has two lines (doc/queue.md): one that is on
 * disk before qmail-send can see the message, and one behind. A message
 * with the first only was being taken when we were killed; whether it was,
 * our queue may still tell.
 *
 * A message is known by its number, its size and the hash of its first
 * bytes, among them the time and the process of the qmail-queue that took
 * it: wherever its queue is moved to, and whatever its times become.
 */
#ifndef JOURNAL_H
#define JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/span.h"
#include "queue/store.h"

enum event { EVENT_BEGUN, EVENT_TAKEN, EVENTS };

struct journal {
	int folder;                /* locked: nobody else writes; or -1 */
	int fd;                    /* -1: it is only read */
	struct map *known[EVENTS]; /* by key: what follows it in the line */
	struct buf line;
};

/* What is known of a message. */
struct entry {
	uint64_t id;      /* in our queue */
	struct span left; /* recipients that were not taken (rcpts.h) */
};

/*
 * Read it. If it is to be written as well it is made, and its folder locked
 * until it is closed: E_BUSY when somebody else has it for long. The lock
 * also keeps a qmail-send that starts from our notes (store_note_sweep()).
 */
int journal_open(
    struct journal *j, struct store *s, bool is_written) MUST_CHECK;
void journal_close(struct journal *j);

/* Append the key of message n, whose open file is fd. */
int journal_put_key(struct buf *b, uint64_t n, int fd) MUST_CHECK;

/*
 * What its last line of this kind says of a message: BEGUN only if no
 * TAKEN came later. out is borrowed until the next put.
 */
bool journal_find(
    const struct journal *j, enum event e, struct span key, struct entry *out);

/* Write a line. BEGUN is on disk when it returns, with all before it. */
int journal_put(struct journal *j, enum event e, struct span key,
    const struct entry *what) MUST_CHECK;
int journal_sync(struct journal *j) MUST_CHECK;

#endif

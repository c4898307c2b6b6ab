/*
 * store - the messages on disk: what, not which file
 *
 * The only code that knows the layout of queue/ (doc/queue.md). A process
 * opens the store once, in the home directory, and keeps it.
 *
 * Who may do what is decided by the uid and the modes of queue/: qmailq
 * accepts and removes, qmails notes progress, group qmail reads.
 */
#ifndef QUEUE_STORE_H
#define QUEUE_STORE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "queue/envelope.h"
#include "queue/hash.h"
#include "queue/note.h"
#include "sys/gsync.h"

enum {
	STORE_SPLIT = 23,
	/* contract queue.md 2.4: what a crash left is garbage after so long */
	STORE_SWEEP_AGE = 36 * 3600
};

struct store;

/*
 * Open queue/ below the current directory. E_ABSENT; E_BUSY when it is
 * that of a classic qmail; system errors.
 */
int store_open(struct store **out) MUST_CHECK;
void store_close(struct store **s);

/*
 * Make what is missing of queue/ below the current directory: folders,
 * FIFO, mutex and tcpto, with owners (as root) and modes. What is there
 * with another type is E_SYNTAX, a classic queue E_BUSY.
 */
int store_make(void) MUST_CHECK;

/* What is free for us where the queue is; files: UINT64_MAX where the file
 * system makes them as it needs them. */
int store_free(struct store *s, uint64_t *bytes, uint64_t *files) MUST_CHECK;

/*
 * The folder import/, for what must be remembered of messages that came
 * from another queue; whoever brings them in holds its lock. E_ABSENT; made
 * if must_make. The caller closes *at.
 */
int store_import(struct store *s, bool must_make, int *at) MUST_CHECK;

/* --- accepting: qmail-queue --- */

/*
 * One message on its way in. begin, put the bytes, then commit; abort at
 * any time. After commit returned 0 the message survives a power loss and
 * qmail-send has been told; after a failure nothing of it remains.
 */
struct accept;
/* g: those who sync together, or NULL. It must outlive the accept. */
int accept_new(
    struct store *s, struct gsync *g, struct accept **out) MUST_CHECK;
int accept_begin(struct accept *a) MUST_CHECK; /* mess: code 63 */
int accept_put(struct accept *a, struct span bytes) MUST_CHECK;
/* e: uid, pid, node, sender, rcpts, nrcpt; id, size, hash are filled in. */
int accept_commit(struct accept *a, struct envelope *e) MUST_CHECK;
/*
 * Between put and commit: give a message that another queue accepted long
 * ago the first free ID from wanted on. It is then on disk, and nobody
 * looks at it: the time to write down where it came from, and its note. A
 * note qmail-send sees only when it lists the queue, so the commit tells
 * it nothing: call store_tell_all() after one or many. Aborted, or left by
 * a crash, the message is garbage.
 */
int accept_claim(struct accept *a, uint64_t wanted, uint64_t *id) MUST_CHECK;
void accept_abort(struct accept *a);
void accept_destroy(struct accept **a);

/* --- reading: qmail-send, spawners, tools --- */

/* Call fn for every message with an envelope; false from fn stops. has_note
 * is true as well when it cannot be told. */
typedef bool store_each_fn(void *ctx, uint64_t id, bool has_note);
int store_each(struct store *s, store_each_fn *fn, void *ctx) MUST_CHECK;
/* The same for a part of them, of STORE_SPLIT parts: for who must not be
 * busy for long. */
int store_each_part(struct store *s, unsigned int part, store_each_fn *fn,
    void *ctx) MUST_CHECK;

/* Append the file of the envelope to file and open it. E_ABSENT, E_DAMAGED. */
int store_envelope(struct store *s, uint64_t id, struct buf *file,
    struct envelope *out) MUST_CHECK;

/* The message, to read. E_ABSENT when there is none; E_DAMAGED when it is
 * not a regular file of the queue's owner. The caller closes *fd. */
int store_message(
    struct store *s, uint64_t id, int *fd, uint64_t *size) MUST_CHECK;

/*
 * Check that the message is what was accepted, reading at most about
 * budget bytes; E_BUSY: call again with the same fd and *at to go on.
 * Leaves the descriptor's offset alone.
 */
int store_verify(struct store *s, const struct envelope *e, int fd,
    uint64_t *at, struct hash *h, uint64_t budget) MUST_CHECK;

/* --- progress: qmail-send --- */

int store_note_read(struct store *s, struct note *n) MUST_CHECK; /* E_ABSENT,
                                                    E_DAMAGED */
int store_note_write(struct store *s, const struct note *n) MUST_CHECK;
int store_note_drop(struct store *s, uint64_t id) MUST_CHECK;
/*
 * Drop the notes of messages that are no more, and those never finished:
 * once, at start. While qmail-qimport is at work, whose notes come before
 * their envelopes, all stay.
 */
int store_note_sweep(struct store *s) MUST_CHECK;
/* Set a damaged note aside in quarantine/. */
int store_note_quarantine(struct store *s, uint64_t id) MUST_CHECK;

/* --- removing: qmail-clean --- */

enum store_part { STORE_TODO = 1, STORE_MESS = 2 };

/* Unlink parts, todo first; what is gone already is fine. */
int store_remove(struct store *s, uint64_t id, unsigned int parts) MUST_CHECK;
/* Move todo and mess (whichever exist) into quarantine/ with a reason. */
int store_quarantine(
    struct store *s, uint64_t id, struct span reason) MUST_CHECK;
/*
 * The envelope is gone, the message follows when that is on disk, with
 * store_clear(). The other way round a power loss may leave an envelope
 * without message, which is damage. Forgotten in a crash it is swept.
 */
int store_leave(struct store *s, uint64_t id) MUST_CHECK;
/* How many messages are to follow. */
size_t store_leaving(const struct store *s);
/* fsync the folders of envelopes that were removed. */
int store_sync(struct store *s) MUST_CHECK;
/* The same, and then remove the messages. */
int store_clear(struct store *s) MUST_CHECK;
/* Another process does store_clear(): nothing of that is left to do here. */
void store_cleared(struct store *s);
/* It failed: whatever there is has to be synced with the next. */
void store_not_cleared(struct store *s);
/* fsync a note. */
int store_note_sync(struct store *s, uint64_t id) MUST_CHECK;
/*
 * Remove what no envelope names and was left by a crash longer ago than
 * age seconds: messages without envelope, temporary files. By the time of
 * the last change as well: an ID may be older than the file.
 */
int store_sweep(struct store *s, int64_t age) MUST_CHECK;

/*
 * One qmail-clean at a time: take the lock before the first removal, and
 * keep it until exit. qmail-send waits for it (and lets it go again) before
 * it looks at the queue: then nothing that an earlier one finished is still
 * on its way out. E_TIMEOUT.
 */
int store_clean_lock(struct store *s, int64_t deadline) MUST_CHECK;
void store_clean_unlock(struct store *s);

/* --- the trigger --- */

/* Open the reading end, which never sees end of file. */
int store_trigger(struct store *s, int *fd) MUST_CHECK;
/* Make qmail-send, if it runs, list the queue. */
void store_tell_all(struct store *s);
/* Take the mutex that makes qmail-send unique; E_BUSY. Held until exit. */
int store_mutex(struct store *s) MUST_CHECK;

#endif

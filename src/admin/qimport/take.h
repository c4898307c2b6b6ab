/*
 * take - one message of the classic queue comes into ours
 *
 * The order that loses nothing, and takes nothing twice (doc/queue.md): the
 * message is copied and named; the journal says so; its note is written;
 * its envelope makes it one of our queue; the journal says that, too.
 */
#ifndef TAKE_H
#define TAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"
#include "journal.h"
#include "notes.h"
#include "queue/store.h"
#include "rcpts.h"
#include "report.h"
#include "source.h"

struct take {
	struct source *source;
	struct store *store;
	struct accept *accept; /* NULL: only say what would be done */
	struct notes *notes;
	struct journal *journal;
	struct rcpts *rcpts;
	struct report *report;
	uint64_t uid;     /* who does all this, */
	struct span node; /* and on which host */

	struct buf head, channel; /* files of the message at hand */
	struct buf key, ours;
	int64_t tell_at; /* of clock_ms(): qmail-send */
};

void take_init(struct take *t);
void take_free(struct take *t);

/* Take message n, of which there is a todo/N, or else an info/S/N. */
void take_message(struct take *t, uint64_t n, bool is_todo);

/* What is to be done when all are through. */
void take_end(struct take *t);

#endif

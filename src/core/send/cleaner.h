/*
 * cleaner - the conversation with qmail-clean
 *
 * Requests gather during a turn of the loop and are written together;
 * answers come later, in order.
 */
#ifndef CLEANER_H
#define CLEANER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "sys/wait.h"

enum clean_verb { CLEAN_FOOP, CLEAN_TODO, CLEAN_MESS, CLEAN_SYNC, CLEAN_QUAR };

struct request {
	uint64_t id;
	enum clean_verb verb;
	const char *reason; /* for QUAR; static */
};

struct cleaner {
	int wfd, rfd;
	bool is_alive;
	struct buf out;
	struct request *asked; /* a ring of cap, a power of two */
	size_t cap, first, n;
	size_t removals; /* of those asked: of envelopes */
	size_t in_handle, out_handle;
};

/* The descriptors stay the caller's; wfd becomes non-blocking. */
int cleaner_open(struct cleaner *c, int wfd, int rfd) MUST_CHECK;
void cleaner_free(struct cleaner *c);

/* The verb as it is written: "foop". */
const char *cleaner_word(enum clean_verb verb);

/* Ask; what fails here is answered by nobody. */
int cleaner_ask(struct cleaner *c, enum clean_verb verb, uint64_t id,
    const char *reason) MUST_CHECK;

/*
 * Whether so many envelopes wait to be removed that nothing more should be
 * delivered: what was delivered and not removed would be delivered again if
 * both partners died.
 */
bool cleaner_is_behind(const struct cleaner *c);

void cleaner_prepare(struct cleaner *c, struct wait *w);
/* Write what can be written now. A failure: it has gone. */
int cleaner_flush(struct cleaner *c) MUST_CHECK;

/*
 * Read answers if there are any, and call fn for each. A failure: it has
 * gone.
 */
typedef void cleaner_answer_fn(void *ctx, const struct request *q, char answer);
int cleaner_ready(struct cleaner *c, const struct wait *w,
    cleaner_answer_fn *fn, void *ctx) MUST_CHECK;

#endif

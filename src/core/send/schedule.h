/*
 * schedule - when to try again, and when to give up (contract queue.md 4.4)
 */
#ifndef SCHEDULE_H
#define SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/span.h"
#include "queue/note.h"

/* seconds, milliseconds until trouble is tried again */
enum { SCHEDULE_TROUBLE = 123, SCHEDULE_TROUBLE_MS = 123 * 1000 };

enum { SCHEDULE_STEPS = 64 };

/*
 * What control/retryschedule says: seconds between attempts, one after the
 * other; the last is repeated. n 0: the classic schedule.
 */
struct schedule {
	uint32_t step[CHANNELS][SCHEDULE_STEPS];
	size_t n[CHANNELS];
};

/*
 * Read one line: "local" or "remote", then times, each a number with s, m,
 * h, d or nothing (seconds) behind it, separated by blanks. A second line
 * for a channel replaces the first. E_SYNTAX, E_TOOBIG.
 */
int schedule_line(struct schedule *s, struct span line) MUST_CHECK;

/*
 * The attempt after one that begins now, for a message accepted at birth:
 * ever later, and the same for all messages of one age.
 */
int64_t schedule_next(
    const struct schedule *s, enum channel c, int64_t birth, int64_t now);

/* Whether an attempt that begins now is the last one. */
bool schedule_is_last(int64_t birth, int64_t now, uint64_t lifetime);

#endif

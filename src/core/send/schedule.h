/*
 * schedule - when to try again, and when to give up (contract queue.md 4.4)
 */
#ifndef SCHEDULE_H
#define SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "queue/note.h"

/* seconds, milliseconds until trouble is tried again */
enum { SCHEDULE_TROUBLE = 123, SCHEDULE_TROUBLE_MS = 123 * 1000 };

/*
 * The attempt after one that begins now, for a message accepted at birth:
 * ever later, and the same for all messages of one age.
 */
int64_t schedule_next(enum channel c, int64_t birth, int64_t now);

/* Whether an attempt that begins now is the last one. */
bool schedule_is_last(int64_t birth, int64_t now, uint64_t lifetime);

#endif

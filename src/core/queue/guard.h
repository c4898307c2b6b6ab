/*
 * guard - takes no message when the disk is nearly full
 *
 * control/queuemin says how much has to be free after a message was taken:
 * bytes (with K, M, G or T), and behind a blank files. Without it nothing
 * has to be; a full disk is then noticed when it is full.
 */
#ifndef QUEUE_GUARD_H
#define QUEUE_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "queue/store.h"

struct guard {
	uint64_t bytes, files;
};

/* Read control/queuemin. E_SYNTAX, and what cannot be read. */
int guard_read(struct guard *g) MUST_CHECK;

/* Whether a message of so many bytes may come in. What cannot be found out
 * is no reason to refuse it. */
bool guard_allows(const struct guard *g, struct store *s, uint64_t size);

#endif

/*
 * controls - what qmail-send reads at start (contract queue.md 4.1)
 */
#ifndef CONTROLS_H
#define CONTROLS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "conf/routes.h"
#include "queue/note.h"

struct controls {
	struct routes *routes;
	uint32_t concurrency[CHANNELS];
	uint64_t lifetime; /* seconds */
	struct buf bouncefrom, bouncehost;
	struct buf doubleto, doublehost;
	bool is_dsn; /* bounces as RFC 3464 has them, not as QSBMF */
};

/* Read them all, from the home directory. */
int controls_read(struct controls *c) MUST_CHECK;
void controls_free(struct controls *c);

#endif

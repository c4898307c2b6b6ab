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
#include "schedule.h"

struct controls {
	struct routes *routes;
	uint32_t concurrency[CHANNELS];
	uint32_t concurrency_dest; /* 0: destinations do not matter */
	uint64_t lifetime;         /* seconds */
	uint64_t delay_warn;       /* seconds; 0: never */
	struct schedule schedule;
	struct buf bouncefrom, bouncehost;
	struct buf doubleto, doublehost;
	uint64_t bounce_bytes; /* of the message; UINT64_MAX: all of it */
	bool is_dsn;           /* bounces as RFC 3464 has them, not as QSBMF */
};

/*
 * Read them all, from the home directory. E_SYNTAX for a line that makes no
 * sense, which *wrong then names; any other failure leaves it empty.
 */
int controls_read(struct controls *c, struct buf *wrong) MUST_CHECK;
void controls_free(struct controls *c);

#endif

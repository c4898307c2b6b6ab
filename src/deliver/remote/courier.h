/*
 * courier - carries messages to hosts, one after the other
 *
 * After a success it keeps the connection for the next message that goes
 * the same way: bounded in messages, age and idle time (limits.h).
 */
#ifndef REMOTE_COURIER_H
#define REMOTE_COURIER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"
#include "conn.h"
#include "report.h"
#include "settings.h"
#include "smtp.h"
#include "tcpto.h"

struct courier {
	struct settings settings;
	struct tcpto tcpto;
	struct conn conn;  /* open between messages: it may be used again */
	struct buf key;    /* what the connection is good for */
	int64_t last_used; /* clock_ms() */
	struct smtp smtp;
	struct report trial; /* of one host among several */
};

/* given: see tcpto_open(). */
void courier_init(struct courier *c, int given);

/* Say good-bye and release everything. */
void courier_free(struct courier *c);

/*
 * Carry e's message to host by route, a value of smtproutes; NULL: look it
 * up there. report was begun for e->n recipients; it always ends with a
 * verdict for the message.
 */
void courier_send(struct courier *c, struct span host, const struct span *given,
    const struct errand *e, struct report *report);

/* When the connection is too old to be kept; INT64_MAX without one. */
int64_t courier_deadline(const struct courier *c);

/* Close the connection, if there is one. */
void courier_hang_up(struct courier *c);

#endif

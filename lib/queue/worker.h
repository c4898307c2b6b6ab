/*
 * worker - what qmail-lsched asks of qmail-lspawn: processes for accounts
 *
 * qmail-lspawn is root and does nothing but this. A worker has a slot from
 * START, with which its socket is passed, until GONE; KILL may come at any
 * time. Each message of the socket between the two is one frame. See
 * doc/protocols.md.
 */
#ifndef QUEUE_WORKER_H
#define QUEUE_WORKER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

enum {
	WORKERS_MAX = 200,     /* slots: processes at once */
	WORKER_FD = 3,         /* of qmail-lsched: its socket */
	WORKER_FRAME_MAX = 64, /* bytes of a frame */
	WORKER_MS = 60 * 1000  /* the other one takes a frame in that time */
};

enum worker_how {
	WORKER_EXITED, /* value: exit code */
	WORKER_KILLED, /* value: signal */
	WORKER_NOFORK  /* there never was one */
};

struct worker_order {
	bool is_start; /* else: kill it */
	uint32_t slot;
	uid_t uid; /* with START */
	gid_t gid;
};

struct worker_end {
	uint32_t slot;
	enum worker_how how;
	uint32_t value;
};

/* Append a frame. */
void worker_order_put(struct buf *b, const struct worker_order *o);
void worker_end_put(struct buf *b, const struct worker_end *e);

/* Read a message, which is one frame: E_SYNTAX if it is another, or names
 * a slot that cannot be. */
int worker_order_get(struct span message, struct worker_order *out) MUST_CHECK;
int worker_end_get(struct span message, struct worker_end *out) MUST_CHECK;

#endif

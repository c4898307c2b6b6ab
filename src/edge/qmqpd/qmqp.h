/*
 * qmqp - the conversation: one message, one answer (contract edges.md 3.2)
 */
#ifndef QMQPD_QMQP_H
#define QMQPD_QMQP_H

#include "base/attr.h"
#include "serve/netin.h"
#include "serve/peer.h"

struct qmqp {
	const struct peer *peer;
	struct netin net; /* last: large */
};

/* Hold the conversation that net has begun; net is closed. The exit
 * status. */
int qmqp_run(struct qmqp *q) MUST_CHECK;

#endif

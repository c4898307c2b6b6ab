/*
 * qmtp - the conversation: message after message, each answered for every
 * recipient (contract edges.md 3.1)
 */
#ifndef QMTPD_QMTP_H
#define QMTPD_QMTP_H

#include "base/attr.h"
#include "serve/admit.h"
#include "serve/netin.h"
#include "serve/peer.h"

struct qmtp {
	const struct admit *admit;
	const struct peer *peer;
	const char *relayclient; /* RELAYCLIENT, or NULL */
	struct netin net;        /* last: large */
};

/* Hold the conversation that net has begun; net is closed. The exit
 * status. */
int qmtp_run(struct qmtp *q) MUST_CHECK;

#endif

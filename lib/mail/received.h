/*
 * received - the Received line of a message that came over the network
 *
 * Contract edges.md 1.6. Every text comes from strangers: bytes that are
 * not known to be harmless become '?'.
 */
#ifndef MAIL_RECEIVED_H
#define MAIL_RECEIVED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"

struct received {
	struct span host;  /* the peer's name, "unknown" for want of one */
	struct span helo;  /* what it calls itself; shown if it differs */
	struct span info;  /* what its IDENT server says */
	bool has_info;     /* whether that was asked and answered */
	struct span ip;    /* its address */
	struct span local; /* our name */
	struct span with;  /* the protocol: "SMTP" */
	int64_t when;      /* seconds since 1970 */
};

/* Append the field, which takes two lines, with its final LF. */
void received_put(struct buf *b, const struct received *r);

#endif

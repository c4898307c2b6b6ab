/*
 * peer - who is at the other end, as far as anybody told us
 *
 * From the environment a UCSPI server makes (contract edges.md 2.1), or
 * from a socket. Nothing in it is to be believed but the address.
 */
#ifndef SERVE_PEER_H
#define SERVE_PEER_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/span.h"

struct peer {
	struct span ip, host;
	struct span info; /* with has_info */
	bool has_info;
	struct span local; /* our name towards this peer */
};

/* What the environment says; borrowed until the next env_put(). */
void peer_from_env(struct peer *p);

/*
 * Append the Received field for a message that comes now, over this
 * protocol. helo is what the peer calls itself; its host, if it says
 * nothing.
 */
void peer_received(const struct peer *p, struct span protocol, struct span helo,
    struct buf *b);

#endif

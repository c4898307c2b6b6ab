/*
 * handin - a message from a peer goes into the queue
 *
 * Under a Received field that says where it came from.
 */
#ifndef SERVE_HANDIN_H
#define SERVE_HANDIN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/span.h"
#include "queue/submit.h"
#include "serve/peer.h"
#include "sys/spool.h"

/* An address is shorter, in QMTP and QMQP (contract edges.md 3). */
enum { HANDIN_ADDRESS_BYTES = 1000 };

/* Whether addr can be an address when so many bytes are added to it. */
bool handin_is_address(struct span addr, size_t more);

/*
 * Hand in a message. helo is what the peer calls itself, or its host; the
 * envelope may have failed. Always fills *out, as submit() does.
 */
void handin(const struct peer *p, struct span protocol, struct span helo,
    struct spool *msg, const struct buf *envelope, struct submitted *out);

/* Append how it ended in the words of QMTP and QMQP: "Kok TIME qp N"; D or
 * Z and the reason. */
void handin_answer(struct submitted *done, struct buf *answer);

#endif

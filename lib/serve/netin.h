/*
 * netin - a conversation in netstrings: what a peer sends, piece by piece
 *
 * For QMTP and QMQP (contract edges.md 3). Replies that wait in out are
 * written before we wait for the peer. Bounds: one netstring has at most
 * NETIN_MAX bytes, a wait NETIN_IDLE_MS, all of it NETIN_ALL_MS.
 *
 * Whoever reads gets 0; E_EOF when the peer has gone; E_TIMEOUT; E_SYNTAX,
 * which is final as well; E_TOOBIG for a length over NETIN_MAX; E_NOMEM;
 * EINTR when told to stop.
 */
#ifndef SERVE_NETIN_H
#define SERVE_NETIN_H

#include <signal.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "sys/io.h"

enum {
	NETIN_MAX = 200000000,
	NETIN_IDLE_MS = 1200 * 1000,
	NETIN_ALL_MS = 3600 * 1000,
	NETIN_REPLIES_MAX = 128 * 1024 /* gathered before they are written */
};

struct netin {
	uint64_t taken; /* bytes of the peer's that were read by our callers */
	int64_t until;  /* of clock_ms(): when all must be over */
	/* NULL, or set when waiting is to end with EINTR; only looked at
	 * while may_stop */
	const volatile sig_atomic_t *must_stop;
	bool may_stop;
	struct out out;
	struct in in; /* last: large, and only what is used is touched */
};

/* Begin in n, which need not be initialised. The descriptors stay the
 * caller's. */
void netin_begin(struct netin *n, int infd, int outfd);
void netin_end(struct netin *n);

/* Bytes that have come, at least one; borrowed until the next call. Then
 * take so many of them. */
int netin_peek(struct netin *n, struct span *bytes) MUST_CHECK;
void netin_take(struct netin *n, size_t count);

/* The length of a netstring, with its ':'; the ',' behind one. */
int netin_length(struct netin *n, size_t *length) MUST_CHECK;
int netin_comma(struct netin *n) MUST_CHECK;

/* Read so many bytes: append them to b, which has room for them; or drop
 * them. */
int netin_put(struct netin *n, size_t count, struct buf *b) MUST_CHECK;
int netin_drop(struct netin *n, size_t count) MUST_CHECK;

/*
 * The end: write what waits in out, unless writing is what failed. The exit
 * status for how reading ended: 0 all is said, or the peer has gone; 100 it
 * does not speak our protocol; 111 we could not go on.
 */
int netin_close(struct netin *n, int r) MUST_CHECK;

#endif

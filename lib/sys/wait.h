/*
 * wait - one place to wait in: descriptors and the next deadline
 *
 * A long-running program is a loop over its parts: each says what it waits
 * for with wait_in(), wait_out() and wait_until(); wait_run() sleeps; each
 * part then asks wait_ready() about its descriptors. Nothing is kept from
 * one turn to the next.
 */
#ifndef SYS_WAIT_H
#define SYS_WAIT_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct wait {
	struct pollfd *fds;
	size_t n, cap;
	int64_t deadline;
	int err;
};

#define WAIT_INIT ((struct wait){ .deadline = INT64_MAX })

/* Forget last turn's wishes. */
void wait_reset(struct wait *w);
void wait_free(struct wait *w);

/*
 * Wait for fd to be readable (writable). The handle is for wait_ready();
 * it is good until the next wait_reset(). fd -1 is never ready.
 */
size_t wait_in(struct wait *w, int fd);
size_t wait_out(struct wait *w, int fd);

/* Wake at this time of clock_ms() at the latest. */
void wait_until(struct wait *w, int64_t when);

/* Sleep. 0 when something is ready or the deadline came or a signal. */
int wait_run(struct wait *w) MUST_CHECK;

/* Whether the descriptor behind the handle is ready (or hung up). */
bool wait_ready(const struct wait *w, size_t handle);

#endif

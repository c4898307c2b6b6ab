/*
 * up - wait until a system that is being started answers
 */
#ifndef CTL_UP_H
#define CTL_UP_H

#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/buf.h"
#include "listeners.h"
#include "supervise.h"

enum {
	UP_MS = 30 * 1000,
	DEATHS_MAX = 2, /* a start is given up when services died so often */
	HEARD_MAX = 4096
};

/* Of one log: what of it is older than the start. */
struct mark {
	char path[4 + LISTENER_NAME_MAX]; /* "log/NAME" */
	uint64_t size;
};

struct up {
	struct mark marks[1 + SERVICES_MAX]; /* the supervisor's first */
	size_t n;
	int report; /* what the supervisor tells, a line per death */
	struct buf heard;
	size_t deaths;
	int64_t until;
};

/* Before anything is started: remember how long the logs are. */
void up_begin(struct up *u, const struct crew *c);

/*
 * Wait for the supervisor pid and its services; say so, and 0. Otherwise
 * stop them, say why with the end of the log, and EX_SOFT.
 */
int up_wait(
    struct up *u, pid_t pid, const struct listeners *l, int report) MUST_CHECK;

#endif

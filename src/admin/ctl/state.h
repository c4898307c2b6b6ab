/*
 * state - supervise/ctl.state: which processes the supervisor keeps running
 *
 * Written by the supervisor whenever a service starts or ends, read by
 * everybody. A pid alone proves nothing: it comes with the time its process
 * began and the boot that time belongs to, so that a file left behind by a
 * crash never names a stranger.
 *
 *   boot ID
 *   NAME PID BEGAN SINCE RESTARTS
 *
 * The first service is "ctl", the supervisor. BEGAN is in the kernel's
 * ticks, SINCE in seconds since 1970; a PID of 0 is a service that is down.
 */
#ifndef CTL_STATE_H
#define CTL_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "listeners.h"

enum { SERVICES_MAX = LISTENERS_MAX + 2 };

struct state_entry {
	char name[LISTENER_NAME_MAX];
	pid_t pid;
	uint64_t began;
	uint64_t since;
	uint64_t restarts;
};

struct state {
	struct state_entry list[1 + SERVICES_MAX];
	size_t n;
};

/* When pid began, in ticks since boot; 0 if it is no more. */
uint64_t state_began(pid_t pid);

/*
 * Read supervise/ctl.state. An absent file, one of an earlier boot, or one that
 * makes no sense is an empty state; system errors are returned.
 */
int state_read(struct state *out) MUST_CHECK;

/* Replace supervise/ctl.state. */
int state_write(const struct state *s) MUST_CHECK;

/* The entry with this name, or NULL. */
const struct state_entry *state_find(const struct state *s, const char *name);

/*
 * A descriptor of the process of this entry, readable when it ends. -1 if
 * that process is no more.
 */
int state_open_process(const struct state_entry *e);

/* Send a signal to a process so opened. */
int state_signal(int process, int signal) MUST_CHECK;

#endif

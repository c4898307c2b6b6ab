/*
 * supervise - keep the services of one home running
 *
 * The services, in the order in which they are started: the queue, the tree
 * of qmail-start, the listeners. They are stopped in the opposite order, so
 * that whoever is still at work can hand its mail on.
 */
#ifndef CTL_SUPERVISE_H
#define CTL_SUPERVISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "listeners.h"
#include "state.h"

enum {
	STOP_MS = 60 * 1000, /* to end in peace, for all together; */
	GRACE_MS = 3000,     /* but for each at least this */
	BACKOFF_MS = 500,    /* first pause of one that keeps dying */
	BACKOFF_MAX_MS = 10000,
	SHORT_LIFE_MS = 1000 /* one that lived longer is not "dying" */
};

/* Stopped one after the other. */
enum stage { STAGE_LISTENERS, STAGE_SEND, STAGE_QUEUE, STAGES };

struct service {
	char name[LISTENER_NAME_MAX];
	enum stage stage;
	const char *argv[3];
	int fd;            /* its descriptor 0; -1: /dev/null */
	pid_t pid;         /* 0: down */
	uint64_t began;    /* see state.h */
	uint64_t since;    /* seconds since 1970 */
	int64_t started;   /* clock_ms() */
	int64_t due;       /* when to start it again, while down */
	unsigned int fast; /* how often in a row it died young */
	uint64_t restarts;
};

struct crew {
	struct service list[SERVICES_MAX];
	size_t n;
	int null;
	int signals;
	int report; /* -1, or where deaths during the start are told */
	bool is_stopping;
	enum stage stage; /* the one that is being stopped */
	int64_t kill_at;
	uint64_t since; /* seconds since 1970 */
};

/*
 * Start everything and stay until TERM or INT; then stop everything. Exits
 * of services go to report, a line each, while somebody reads it; the
 * supervisor's own log to descriptor 2. The exit status.
 */
int supervise(struct crew *c, int report);

#endif

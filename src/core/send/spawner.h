/*
 * spawner - one spawner: jobs there, results back
 *
 * A job runs in a seat; its number is that of the seat. What a job is
 * about is the caller's: a seat keeps it.
 */
#ifndef SPAWNER_H
#define SPAWNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "queue/job.h"
#include "sys/wait.h"

struct active;

struct seat {
	struct active *a; /* NULL: free */
	uint32_t from, n; /* recipients: part of the order of its pass */
	uint64_t first;   /* number of the first delivery */
	uint32_t dest;    /* where it goes */
	int64_t began;    /* clock_ms() */
	uint32_t next;    /* free seats */
};

struct spawner {
	int wfd, rfd;
	bool is_alive;
	uint32_t limit;   /* jobs at once */
	uint32_t running; /* jobs now */
	struct seat *seats;
	uint32_t free; /* the first free seat, or limit */
	struct buf in, out;
	size_t in_handle, out_handle;
};

/*
 * Wait for the spawner to say how much it can do at once; the limit is
 * that or wanted, whichever is less. wfd becomes non-blocking; both
 * descriptors stay the caller's.
 */
int spawner_open(struct spawner *c, int wfd, int rfd, uint32_t wanted,
    int64_t deadline) MUST_CHECK;
void spawner_free(struct spawner *c);

/* Whether another job may start now. */
bool spawner_has_room(const struct spawner *c);

/* Take a seat, which there must be; its index. Leave it. */
uint32_t spawner_sit(struct spawner *c);
void spawner_leave(struct spawner *c, uint32_t seat);

/* The seat of a job number, or NULL when none is running there. */
struct seat *spawner_seat(struct spawner *c, uint32_t number);

void spawner_prepare(struct spawner *c, struct wait *w);
/* Write what can be written now. A failure: the spawner has gone. */
int spawner_flush(struct spawner *c) MUST_CHECK;

/*
 * Read if there is something, and call fn for each result; the frame may
 * be broken: then r is below 0 and only the number counts. A failure: the
 * spawner has gone, or talks nonsense.
 */
typedef void spawner_result_fn(
    void *ctx, struct spawner *c, const struct result *result, int r);
int spawner_ready(struct spawner *c, const struct wait *w,
    spawner_result_fn *fn, void *ctx) MUST_CHECK;

#endif

/*
 * pool - the resident qmail-remotes, and which of them gets a job
 *
 * Best one that is connected to where the job goes; else one without a
 * connection; else a new one; at the limit the one idle longest. A worker
 * does one job at a time.
 */
#ifndef RSPAWN_POOL_H
#define RSPAWN_POOL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/buf.h"
#include "limits.h"
#include "sys/wait.h"
#include "task.h"

struct worker {
	int fd;            /* its socket; -1: closed */
	pid_t pid;         /* 0: reaped, or never there */
	int status;        /* of waitpid, once reaped */
	struct task *task; /* at work on this; NULL: idle, or leaving */
	bool connected;
	struct buf key; /* of its connection or its job */
	int64_t idle_since;
	int64_t deadline; /* then it is sent away, or killed */
	size_t handle;    /* in the struct wait */
};

struct pool {
	struct worker worker[LIMIT_WORKERS];
	size_t n;           /* slots ever used */
	struct buf in, out; /* frames */
	unsigned long soft; /* see child_start() */
};

void pool_init(struct pool *p, unsigned long soft);

/* Tell all workers to go. Releases everything; reaps nobody. */
void pool_free(struct pool *p);

/*
 * Give t to a worker. fd is the message, still the caller's. E_BUSY: all
 * are at work, ask again when one is done; else why no worker can be had.
 */
int pool_give(
    struct pool *p, struct task *t, const struct buf *key, int fd) MUST_CHECK;

/* Say what is waited for. */
void pool_prepare(struct pool *p, struct wait *w);

/* See who spoke and whose time is over; done is called with each task that
 * has all its verdicts; texts die when it returns. */
typedef void pool_done_fn(void *ctx, struct task *t);
void pool_ready(
    struct pool *p, const struct wait *w, pool_done_fn *done, void *ctx);

/* A child ended. False: it is none of the pool's. */
bool pool_reaped(
    struct pool *p, pid_t pid, int status, pool_done_fn *done, void *ctx);

#endif

/*
 * task - one job of qmail-send on its way through qmail-rspawn
 */
#ifndef RSPAWN_TASK_H
#define RSPAWN_TASK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "queue/job.h"

struct task {
	struct task *next; /* of those waiting */
	struct buf frame;  /* the job's spans point into it */
	struct job job;
	uint32_t left;    /* recipients without a verdict */
	uint32_t started; /* classic: recipients begun, in order */
	struct verdict verdict[JOB_RCPTS_MAX]; /* letter 0: none yet */
	struct buf *texts; /* classic: one per recipient; or NULL */
};

/*
 * Copy the JOB frame at the start of in. E_SYNTAX when it is none;
 * E_NOMEM. Recipients without a host have their verdict at once.
 */
int task_new(struct span frame, struct task **out) MUST_CHECK;
void task_destroy(struct task **t);

/* The host of its recipients: what follows the last '@'. */
struct span task_host(const struct task *t);

/* A verdict for recipient i. text must live until the task is over. */
void task_settle(struct task *t, uint32_t i, char letter, struct span text);

/* The same verdict for all that have none. */
void task_settle_all(struct task *t, char letter, struct span text);

/* Append the RESULT frame: all recipients have their verdict. */
void task_result(const struct task *t, struct buf *out);

#endif

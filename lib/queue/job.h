/*
 * job - what qmail-send asks of a spawner, and what it hears back
 *
 * A job is one message for one or more recipients of one route. Every
 * recipient gets exactly one verdict; a job is over when its RESULT frame
 * came. See doc/protocols.md.
 */
#ifndef QUEUE_JOB_H
#define QUEUE_JOB_H

#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "queue/wire.h"

enum {
	JOBS_MAX = 1000,               /* a spawner runs at once, and says so */
	JOB_RCPTS_MAX = 50,            /* recipients in one job */
	JOB_FRAME_MAX = 128 * 1024,    /* bytes of a JOB frame */
	RESULT_FRAME_MAX = 640 * 1024, /* bytes of a RESULT frame */
	VERDICT_TEXT_MAX = 9998        /* contract queue.md 4.5 */
};

struct job_rcpt {
	uint32_t index;   /* in the envelope */
	struct span addr; /* after rewriting */
};

struct job {
	uint32_t number; /* chosen by send, unique among those in flight */
	uint64_t id;     /* of the message */
	struct span sender;
	struct span route; /* remote: a value of smtproutes; empty: the MX */
	uint32_t nrcpt;
	struct job_rcpt rcpt[JOB_RCPTS_MAX];
};

/* letter: 'K' delivered, 'Z' try again later, 'D' never. */
struct verdict {
	uint32_t index;
	char letter;
	struct span text;
};

struct result {
	uint32_t number;
	uint32_t n;
	struct verdict verdict[JOB_RCPTS_MAX];
};

/* Append a frame. */
void job_put(struct buf *b, const struct job *j);
void result_put(struct buf *b, const struct result *r);

/* Read a frame of the right type; spans are borrowed. E_SYNTAX. */
int job_get(struct frame *f, struct job *out) MUST_CHECK;
int result_get(struct frame *f, struct result *out) MUST_CHECK;

/* All recipients of j get this verdict: for failures of the spawner. */
void result_all(
    struct result *r, const struct job *j, char letter, struct span text);

#endif

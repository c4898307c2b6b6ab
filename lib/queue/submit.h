/*
 * submit - how a message gets into the queue: one way for every program
 *
 * The message is complete in a spool. It goes, with its envelope, over the
 * socket run/queue of the queue service; or, when $QMAILQUEUE names a
 * program, through that program's classic interface (contract queue.md 3).
 * Call from the home directory.
 */
#ifndef QUEUE_SUBMIT_H
#define QUEUE_SUBMIT_H

#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "sys/spool.h"

enum { SUBMIT_TEXT_MAX = 255 };

/* qmail-queue's exit codes (contract queue.md 3.4, 3.5). */
enum submit_code {
	SUBMIT_OK = 0,
	SUBMIT_TOOLONG = 11,
	SUBMIT_REFUSED = 31,
	SUBMIT_NOMEM = 51,
	SUBMIT_TIMEOUT = 52,
	SUBMIT_WRITE = 53,
	SUBMIT_READ = 54,
	SUBMIT_CONFIG = 55,
	SUBMIT_HOME = 61,
	SUBMIT_QUEUE = 62, /* no queue service answers */
	SUBMIT_FILES = 63, /* it cannot make a file for the message */
	SUBMIT_TODO = 66,  /* nor for its envelope */
	SUBMIT_LATER = 71,
	SUBMIT_BUG = 81,
	SUBMIT_CUSTOM = 82, /* text says why, first letter D or Z */
	SUBMIT_SYNTAX = 91,
	SUBMIT_NOEXEC = 120,
	SUBMIT_CRASHED = 256, /* never an exit code: killed by a signal */
	SUBMIT_WAIT = 257     /* never an exit code: wait failed */
};

struct submitted {
	int code;    /* enum submit_code, or any other exit code */
	uint64_t id; /* the message's ID; 0 through $QMAILQUEUE */
	uint64_t qp; /* the number for "qp N" in replies and logs */
	char text[SUBMIT_TEXT_MAX + 1]; /* for SUBMIT_CUSTOM */
};

/*
 * Hand in a message: prefix (a Received or Delivered-To line, or empty),
 * then the spool. envelope is what envelope_put_sender(), _rcpt() and _end()
 * compose, or the classic form; a program gets it without what is not
 * classic. Always fills *out; how it ended is out->code.
 */
void submit(struct span prefix, struct spool *msg, struct span envelope,
    struct submitted *out);

/*
 * What to tell people: "Kok", or the text of contract queue.md 3.5 with its
 * letter D or Z. A custom text is given as the program wrote it, but for one
 * LF at its end, which goes, and control bytes, which become '?'.
 * Borrowed from out or static.
 */
const char *submit_text(struct submitted *out);

#endif

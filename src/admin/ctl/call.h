/*
 * call - a conversation with qmail-send, over run/send
 *
 * A request is a line, an answer is lines and an empty one. Requests go out
 * in bundles small enough for the socket's buffer, so that neither side can
 * wait for the other to read.
 */
#ifndef CTL_CALL_H
#define CTL_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

enum { ANSWER_MAX = 256 * 1024 * 1024 };

struct call {
	int fd;        /* -1: closed */
	struct buf in; /* what has been heard, */
	size_t at;     /* and how much of it was answers taken before */
};

/*
 * Call qmail-send. False when it does not run; exits when it cannot be
 * called for any other reason. call_must() exits then, too.
 */
bool call_open(struct call *c);
void call_must(struct call *c);
void call_close(struct call *c);

/* Ask one thing; append the lines of the answer, each with its LF. */
int call_ask(
    struct call *c, const char *const parts[], struct buf *answer) MUST_CHECK;

/*
 * Ask the same of many messages. Appends the first line of each answer and
 * a NUL, in the order of the IDs; after a failure those that came.
 */
int call_all(struct call *c, const char *verb, const uint64_t *ids, size_t n,
    struct buf *answers) MUST_CHECK;

/* What qmail-send says of a message. Borrowed from the answer to "info". */
struct live {
	bool is_known; /* false: it says nothing, and nothing else counts */
	struct span stage;
	bool is_held;
	int64_t next[2]; /* as in struct note */
	uint64_t running;
	bool is_waiting; /* for its turn at a destination: */
	struct span channel, key;
};

struct live live_read(struct span answer);

/* The word before the first blank of *rest, which is removed with it. */
struct span call_word(struct span *rest);

#endif

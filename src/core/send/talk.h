/*
 * talk - the control socket run/send: see doc/protocols.md
 *
 * A line is a command; the answer is lines of text, the last one empty.
 */
#ifndef TALK_H
#define TALK_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "sys/sock.h"

enum { TALK_MAX = 16 };

struct send;

struct talker {
	int fd;
	struct sock_peer peer;
	struct buf in, out;
	int64_t until; /* of clock_ms() */
	size_t handle;
};

struct talk {
	int fd;
	size_t handle;
	struct talker talkers[TALK_MAX];
};

/* Without the socket everything works but this. */
int talk_open(struct talk *t) MUST_CHECK;
void talk_close(struct talk *t);

void talk_prepare(struct send *s);
void talk_ready(struct send *s);

#endif

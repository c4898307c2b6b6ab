/*
 * lmtp - hand a message to an LMTP server (RFC 2033): the conversation
 *
 * One connection, one recipient, one message. Whatever the server says,
 * each of its replies is bounded in bytes and in time, and the message is
 * delivered only when the reply behind its end says so.
 */
#ifndef LOCAL_LMTP_H
#define LOCAL_LMTP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "mail/reply.h"
#include "sys/io.h"

#include "message.h"

/* What a line says behind "lmtp:"; borrowed from it. */
struct lmtp_address {
	struct span server;     /* as the line has it, for reports */
	struct span path;       /* of a Unix socket; empty: host and port */
	struct span host, port; /* brackets removed */
	struct span recipient;  /* empty: that of the message */
};

/* "/path [recipient]" or "host:port [recipient]". E_SYNTAX. */
int lmtp_parse(struct span text, struct lmtp_address *out) MUST_CHECK;

/* What is to be sent, from whom, to whom. */
struct errand {
	struct span name; /* ours */
	struct span sender, recipient;
	struct span dtline;
	struct message *msg;
};

struct lmtp {
	int fd; /* does not block */
	struct in in;
	struct reply reply;
	struct buf out;
	bool is_sent;   /* all of the message has been */
	bool is_unread; /* the message could not be read */
};

enum { LMTP_OUT = 1024 * 1024 };

#define LMTP_INIT(f) \
	((struct lmtp){ .fd = (f), \
	    .in = IN_INIT(f, 0), \
	    .reply = REPLY_INIT, \
	    .out = BUF_INIT(LMTP_OUT) })

/*
 * The whole conversation. 0: *code is 0 when the server has taken the
 * message, EX_HARD or EX_SOFT when it has not, and l->reply says why.
 * Otherwise what happened to the connection: E_EOF, E_TIMEOUT, E_TOOBIG, or
 * a system error.
 */
int lmtp_talk(struct lmtp *l, const struct errand *e, int *code) MUST_CHECK;

/* Release what it worked with; the descriptor stays the caller's. */
void lmtp_free(struct lmtp *l);

#endif

/*
 * smtp - the conversation with one mail server
 *
 * Contract edges.md 4.6 with EHLO and PIPELINING (DECISIONS "Sending").
 */
#ifndef REMOTE_SMTP_H
#define REMOTE_SMTP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "conn.h"
#include "mail/reply.h"
#include "message.h"
#include "report.h"

/* What is to be sent, to whom. */
struct errand {
	struct span sender;
	size_t n;
	const struct span *rcpt;
	struct message *message;
	bool bounces_8bit; /* rather than send as is */
};

enum smtp_end {
	SMTP_KEPT,      /* accepted; the connection may be used again */
	SMTP_OVER,      /* the report is final */
	SMTP_ELSEWHERE, /* the report stands unless another host does better */
	SMTP_STALE      /* the same, and MAIL was not answered well */
};

/* Room to work in; kept from one conversation to the next. */
struct smtp {
	struct conn *conn;
	struct reply reply;
	struct buf out;
	struct report *report;
};

/* Greeting and EHLO or HELO. SMTP_KEPT: go on; SMTP_ELSEWHERE. */
enum smtp_end smtp_greet(struct smtp *s, struct span helohost) MUST_CHECK;

/*
 * Send the message. Fills the report, which was begun for e->n recipients,
 * and never closes the connection: but only SMTP_KEPT leaves it usable.
 */
enum smtp_end smtp_send(struct smtp *s, const struct errand *e) MUST_CHECK;

#endif

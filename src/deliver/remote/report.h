/*
 * report - how a delivery went, in the words of contract edges.md 4.1
 *
 * Per recipient 'r' accepted, 's' not now, 'h' never, with the text; then
 * one verdict for the message: 'K', 'Z' or 'D'. A recipient nothing is
 * known about has no report of its own.
 */
#ifndef REMOTE_REPORT_H
#define REMOTE_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "mail/reply.h"

struct rcpt_report {
	char letter;   /* 'r', 's', 'h'; 0: none */
	bool too_many; /* 's', but only because of those before it */
	size_t at, len;
};

struct report {
	size_t n;
	struct rcpt_report *rcpt;
	struct buf texts;   /* of recipients, one after the other */
	char letter;        /* of the message; 0: not known yet */
	struct buf message; /* its text */
};

#define REPORT_INIT ((struct report){ .n = 0 })

/* Begin a report on n recipients. E_NOMEM. */
int report_begin(struct report *r, size_t n) MUST_CHECK;
void report_free(struct report *r);

/*
 * Say how recipient i fared; the later report replaces the earlier.
 * remote, if not NULL, adds what the server said.
 */
void report_rcpt(struct report *r, size_t i, char letter, const char *ip,
    const char *words, const struct reply *remote);

/*
 * Say how the message fared: before, ip, after (each may be NULL), a line
 * end, and what the server said, if remote is not NULL.
 */
void report_message(struct report *r, char letter, const char *before,
    const char *ip, const char *after, const struct reply *remote);

/* The same with a text that is complete already. */
void report_text(struct report *r, char letter, struct span text);

/* Recipient i fared as recipient j did in another transaction. */
void report_merge(
    struct report *r, size_t i, const struct report *other, size_t j);

/* Append the classic form: every report with its letter and a NUL. */
void report_classic(const struct report *r, struct buf *out);

/*
 * What qmail-rspawn would make of it for recipient i alone (contract
 * queue.md 5.6): the letter, and the text, appended.
 */
char report_fold(const struct report *r, size_t i, struct buf *text);

#endif

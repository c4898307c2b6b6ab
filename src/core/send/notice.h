/*
 * notice - the text of a bounce, or of a warning that mail is delayed
 *
 * As QSBMF has it (contract queue.md 4.8), or as a report in three parts
 * (RFC 3464). The message itself, or some of it, goes between head and
 * tail. Pure functions.
 */
#ifndef NOTICE_H
#define NOTICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"

enum notice_kind {
	NOTICE_FAILURE,
	NOTICE_DOUBLE, /* of a bounce that bounced */
	NOTICE_DELAY
};

/* The original recipient, "rfc822;xtext", of an address; or empty. */
typedef struct span notice_orcpt_fn(const void *ctx, struct span addr);

struct notice {
	enum notice_kind kind;
	bool is_report;
	bool is_header;   /* only the header of the message will follow */
	uint64_t copied;  /* or so many bytes of it */
	uint64_t size;    /* which has so many */
	struct span from; /* local part */
	struct span host;
	struct span to;
	struct span sender; /* of the message */
	struct span text;   /* paragraphs, as text_paragraph() makes them */
	struct span envid;  /* xtext, or empty */
	int64_t arrival, now;
	int64_t until; /* DELAY: when we give up */
	uint64_t id;   /* of the message */
	notice_orcpt_fn *orcpt;
	const void *ctx;
};

/* Append what comes before (after) the message. */
void notice_head(struct buf *b, const struct notice *n);
void notice_tail(struct buf *b, const struct notice *n);

#endif

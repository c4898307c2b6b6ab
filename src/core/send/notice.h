/*
 * notice - the text of a bounce
 *
 * As QSBMF has it (contract queue.md 4.8), or as a report in three parts
 * (RFC 3464). The message itself goes between head and tail. Pure
 * functions.
 */
#ifndef NOTICE_H
#define NOTICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"

enum {
	NOTICE_COPY_MAX = 64 * 1024
}; /* larger messages: their header only,
                                         in a report */

struct notice {
	bool is_report;
	bool is_double;   /* of a bounce that bounced */
	bool is_header;   /* only the header of the message will follow */
	struct span from; /* local part */
	struct span host;
	struct span to;
	struct span sender; /* of the message */
	struct span text;   /* paragraphs, as text_paragraph() makes them */
	int64_t arrival, now;
	uint64_t id; /* of the message */
};

/* Append what comes before (after) the message. */
void notice_head(struct buf *b, const struct notice *n);
void notice_tail(struct buf *b, const struct notice *n);

#endif

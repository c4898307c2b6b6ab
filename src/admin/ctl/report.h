/*
 * report - what is known of a message, as a line or as a document
 */
#ifndef CTL_REPORT_H
#define CTL_REPORT_H

#include <jansson.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"
#include "call.h"
#include "reader.h"

/* Append one line, with its LF: of names, or of a message. */
void report_names(struct buf *line);
void report_row(struct buf *line, const struct reader *r,
    const struct message *m, const struct live *l);

/* How it is with a message: qmail-send's word for it, or our guess. */
struct span report_state(const struct message *m, const struct live *l);

/* When a channel is tried next; 0: not, or nobody knows. */
int64_t report_next(
    const struct message *m, const struct live *l, enum channel c);

/* Append "now", or "in 12m". */
void report_until(struct buf *b, const struct reader *r, int64_t t);

/* Everything. */
json_t *report_doc(
    struct reader *r, const struct message *m, const struct live *l);

#endif

/*
 * report - a line for each message, and the sum of them, on descriptor 1
 */
#ifndef REPORT_H
#define REPORT_H

#include <stdint.h>

#include "base/buf.h"
#include "sys/io.h"

struct report {
	struct out out;
	struct buf line; /* being composed */

	uint64_t taken;   /* messages, some but for recipients */
	uint64_t before;  /* taken by an earlier run */
	uint64_t nothing; /* with nothing pending */
	uint64_t left;    /* could not be taken */
	uint64_t rcpts;   /* recipients that could not be taken */
	uint64_t files;   /* that belong to no message */
	uint64_t refused; /* messages that were never accepted */
};

void report_init(struct report *r);
void report_free(struct report *r);

/* Compose a line in the buf this returns; one about a message. */
struct buf *report_begin(struct report *r);
struct buf *report_message(struct report *r, uint64_t n);

/* End it: it is written. */
void report_end(struct report *r);

/* Append "1 thing" or "2 things". */
void report_put_count(struct buf *b, uint64_t n, const char *thing);

/* The last line. */
void report_total(struct report *r);

/* Whether all that was there could be taken, and said so. */
bool report_is_all(const struct report *r);

#endif

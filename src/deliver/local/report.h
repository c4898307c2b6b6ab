/*
 * report - what a delivery says: at once, or kept for the answer
 *
 * One-shot, lines go to descriptors 1 and 2. Resident, they and the output
 * of programs are kept in order, up to a bound: qmail-lspawn cuts a report
 * at 3000 bytes anyway.
 */
#ifndef LOCAL_REPORT_H
#define LOCAL_REPORT_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/span.h"

enum { REPORT_MAX = 3100 };

struct report {
	bool is_kept;
	struct buf kept;
};

#define REPORT_INIT(keep) \
	((struct report){ .is_kept = (keep), .kept = BUF_INIT(REPORT_MAX) })

/* Parts of a line, for report_say() and report_fail(). */
#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* A line on descriptor 1: the words and an LF. */
void report_say(struct report *r, const char *const words[]);

/* A line on descriptor 2. */
void report_warn(struct report *r, const char *const words[]);

/* The same; returns code, so that a step can end with it. */
int report_fail(struct report *r, int code, const char *const words[]);

/* Any bytes for descriptor 1. */
void report_put(struct report *r, struct span s);

#endif

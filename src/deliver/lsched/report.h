/*
 * report - what the end of a delivery means, in the words people know
 *
 * Contract queue.md 5.4.
 */
#ifndef LSCHED_REPORT_H
#define LSCHED_REPORT_H

#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"

/* Exit codes with a fixed meaning, and how a death by signal is written. */
enum {
	LOCAL_BUG = 112,
	LOCAL_ROOT = 113,
	LOCAL_CDB = 117,
	LOCAL_LATER = 118,
	LOCAL_NOMEM = 119,
	LOCAL_NOGETPW = 121,
	LOCAL_CRASHED = 256 /* plus the signal */
};

enum { REPORT_MAX = 3000 }; /* bytes of a text */

/* The letter K, Z or D for an exit code; its text replaces *text: the
 * output up to the first NUL, or fixed words. */
char report(uint32_t code, struct span output, struct buf *text);

#endif

/*
 * log - one event, one line, one write, on descriptor 2
 */
#ifndef SYS_LOG_H
#define SYS_LOG_H

#include "base/buf.h"
#include "base/span.h"

/*
 * Append text from outside to a line of the log: LF becomes '/', '%' and
 * bytes below 33 or above 126 become '_' (contract queue.md 7, SAFE).
 */
void log_safe(struct buf *line, struct span text);

/*
 * Write "NAME: WORDS" with an LF, as one write; NAME is prog_name(). Words
 * are cut at 32 KiB.
 */
void log_line(const char *words);

/* Write "NAME: WHAT: err_text(r)". */
void log_err(const char *what, int r);

#endif

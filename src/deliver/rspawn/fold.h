/*
 * fold - from what a classic qmail-remote did to one verdict
 *
 * Contract queue.md 5.6. The output comes from a program of the
 * administrator's; it may be anything. No I/O here.
 */
#ifndef RSPAWN_FOLD_H
#define RSPAWN_FOLD_H

#include "base/buf.h"
#include "base/span.h"
#include "sys/proc.h"

/* The letter K, Z or D; the text is appended. */
char fold_report(
    const struct proc_end *end, struct span output, struct buf *text);

#endif

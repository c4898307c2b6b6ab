/*
 * loop - whether a message was here before
 *
 * It was when a line of its header is our Delivered-To line, byte for byte
 * (contract local.md 1.5). The header ends at the first empty line. Bytes
 * may come in pieces of any size. Pure.
 */
#ifndef LOCAL_LOOP_H
#define LOCAL_LOOP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

enum loop_state { LOOP_UNKNOWN, LOOP_NONE, LOOP_FOUND };

struct loop {
	struct span dtline; /* borrowed, with its LF */
	size_t column;      /* bytes of the line so far */
	bool differs;       /* from dtline, in that line */
};

#define LOOP_INIT(line) ((struct loop){ .dtline = (line) })

/* Look at a piece. LOOP_UNKNOWN: the header goes on. */
enum loop_state loop_feed(struct loop *l, struct span piece);

#endif

/*
 * rows - what there is to say about each control file
 */
#ifndef ROWS_H
#define ROWS_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/span.h"
#include "sys/io.h"

struct rows {
	struct out *out;
	struct buf me; /* the first line of control/me */
	bool has_me;
	struct buf value; /* of the file at hand */
};

/* Append text whose bytes outside 32 to 126 become '?'. */
void rows_put_safe(struct out *out, struct span text);

/* Say what each file that this system knows does, or its absence. */
void rows_show(struct rows *s);

/* Whether a file in control/ is one of those. */
bool rows_know(const char *name);

#endif

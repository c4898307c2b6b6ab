/*
 * loop - whether a message was here before: see loop.h
 */
#include "loop.h"

/* A part of a line: does it go on as dtline does? */
static void
compare(struct loop *l, struct span part)
{
	struct span expected = span_tail(l->dtline, l->column);

	if (!span_starts(expected, part))
		l->differs = true;
	l->column += part.len;
}

enum loop_state
loop_feed(struct loop *l, struct span piece)
{
	while (piece.len > 0) {
		size_t at = span_find(piece, '\n');
		struct span part = span_head(piece, at + 1);

		compare(l, part);
		if (at == piece.len)
			return LOOP_UNKNOWN;
		if (l->column == 1)
			return LOOP_NONE;
		if (!l->differs && l->column == l->dtline.len)
			return LOOP_FOUND;
		l->column = 0;
		l->differs = false;
		piece = span_tail(piece, part.len);
	}
	return LOOP_UNKNOWN;
}

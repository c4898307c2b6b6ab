/*
 * text - pieces of lines for people
 */
#ifndef CTL_TEXT_H
#define CTL_TEXT_H

#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"

/*
 * Append what strangers wrote, so that no terminal obeys it: line ends and
 * tabs become blanks, all that is not printable ASCII becomes '_'.
 */
void text_put(struct buf *b, struct span s);

/* The same at the left, or right, of a column so wide, and a blank. */
void text_left(struct buf *b, struct span s, size_t width);
void text_right(struct buf *b, struct span s, size_t width);

/* Append "345", "12.3K", "4.5M", ... */
void text_size(struct buf *b, uint64_t bytes);

/* Cut a line that is too long for most, and end it with "...". */
void text_cut(struct buf *b, size_t width);

#endif

/*
 * gist - a message in a line or two, for a terminal
 *
 * Blanks, tabs and line ends in a row become one blank; of other bytes only
 * printable ASCII is kept, the rest becomes '?', for a terminal obeys what a
 * stranger may have written. The message may be cut anywhere. Pure.
 */
#ifndef MAIL_GIST_H
#define MAIL_GIST_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/span.h"

/* Append at most max bytes of text, without blanks at either end. */
void gist_text(struct buf *b, struct span text, size_t max);

/* Append at most max bytes: the subject, a blank, the body. */
void gist_put(struct buf *b, struct span message, size_t max);

/* The first field of that name; its body is borrowed from the message. */
bool gist_field(struct span message, struct span name, struct span *body);

#endif

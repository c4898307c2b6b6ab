/*
 * text - words about recipients: bounce paragraphs, sender addresses
 *
 * Pure functions.
 */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/span.h"

/*
 * Append what a bounce says about one recipient (contract queue.md 4.7).
 * No empty line is left inside, and no NUL.
 */
void text_paragraph(struct buf *b, struct span addr, struct span report);

/* Whether a sender asks to have each recipient in it: "X@H-@[]". */
bool text_is_verp(struct span sender);

/* sender without the "-@[]" at its end, if that is there. */
struct span text_plain_sender(struct span sender);

/*
 * Whether the text of a deferral says that there was nobody to talk to:
 * what the other host said of a recipient or a message does not count.
 */
bool text_is_unreached(struct span text);

/*
 * Append the sender for one recipient (contract queue.md 4.3):
 * "X@H-@[]" for R@D is "XR=D@H"; any other sender is itself.
 */
void text_sender(struct buf *b, struct span sender, struct span rcpt);

#endif

/*
 * mboxrd - a message as it stands in an mbox
 *
 * A line of any number of '>' and "From " gets one '>' more; the last line
 * gets the LF it may lack (contract local.md 1.8, 7.1). Bytes may come in
 * pieces of any size. Pure.
 */
#ifndef MAIL_MBOXRD_H
#define MAIL_MBOXRD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"

struct mboxrd {
	bool in_line;  /* bytes of an unfinished line have been seen */
	bool is_plain; /* that line is known not to need a '>' any more */
	size_t held;   /* bytes of "From " that are not in the buf yet */
};

#define MBOXRD_INIT ((struct mboxrd){ .held = 0 })

/*
 * Append the line in front of a message, with its LF: blanks and line ends of
 * the sender become '-', none at all is MAILER-DAEMON; the date is UTC.
 */
void mboxrd_from(struct buf *b, struct span sender, int64_t when);

/* Append a piece as it is quoted: at most 7/6 of it, and 5 bytes. */
void mboxrd_put(struct mboxrd *m, struct buf *b, struct span piece);

/* The message is over: end its last line, append the empty one. */
void mboxrd_end(struct mboxrd *m, struct buf *b);

#endif

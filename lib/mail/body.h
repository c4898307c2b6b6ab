/*
 * body - a message on its way to the wire
 *
 * Whatever the message holds, only CR LF pairs reach the wire, a dot after
 * any of them is doubled, and no NUL is sent: so no line of a message can
 * end the data or be taken for a command (contract edges.md 4.7). Fed in
 * pieces of any size. No I/O here.
 */
#ifndef MAIL_BODY_H
#define MAIL_BODY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

struct body {
	bool in_line;    /* the last line sent has no end yet */
	bool pending_cr; /* a CR whose meaning the next byte tells */
};

#define BODY_INIT ((struct body){ .in_line = false })

/* Append the wire form of the next piece to out. */
void body_put(struct body *b, struct span piece, struct buf *out);

/*
 * The message is over: append what ends the data. E_SYNTAX when the last
 * line has no end; nothing is appended then.
 */
int body_end(struct body *b, struct buf *out) MUST_CHECK;

/* What one must know beforehand; filled by body_count(). */
struct body_facts {
	uint64_t size; /* with every LF as CR LF: what SIZE= announces */
	bool has_8bit; /* any byte above 127 */
};

void body_count(struct body_facts *f, struct span piece);

#endif

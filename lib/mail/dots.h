/*
 * dots - the message as it follows 354: from the wire to what is stored
 *
 * Only CR LF ends a line, only CR LF "." CR LF ends the message (the start
 * of the message counts as a line's start). CR LF is stored as LF, one dot
 * at the start of a line is taken away. A bare LF, a bare CR or a NUL is a
 * fault: the end is still found where it truly is, but what was stored is
 * worthless: the message must be refused. RFC 5321 2.3.8, 4.5.2.
 *
 * The result does not depend on where the wire's bytes were divided. Pure.
 */
#ifndef MAIL_DOTS_H
#define MAIL_DOTS_H

#include <stdbool.h>

#include "base/span.h"

enum dots_state {
	DOTS_BOL,    /* at the start of a line */
	DOTS_MID,    /* inside a line */
	DOTS_CR,     /* behind a CR inside a line */
	DOTS_DOT,    /* behind the dot that began a line */
	DOTS_DOT_CR, /* behind that dot and a CR */
	DOTS_END     /* the message is over */
};

enum dots_fault { DOTS_CLEAN, DOTS_BARE_LF, DOTS_BARE_CR, DOTS_NUL };

struct dots {
	enum dots_state state;
	enum dots_fault fault; /* the first one */
};

#define DOTS_INIT ((struct dots){ .state = DOTS_BOL })

/*
 * Eat from *in, up to the end of the message or of *in; what was eaten is
 * removed from *in. The stored form goes to out, which must have room for
 * in->len bytes and not overlap; returned is how much that was. Afterwards
 * dots_is_over() tells whether the end was found; *in is then what follows.
 */
size_t dots_eat(struct dots *d, struct span *in, char *out);

static inline bool
dots_is_over(const struct dots *d)
{
	return d->state == DOTS_END;
}

#endif

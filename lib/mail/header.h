/*
 * header - the fields at the beginning of a message
 *
 * Contract edges.md 5.3. A field is a line "name:" and the lines behind it
 * that begin with a blank; lines end with LF. The header ends with an empty
 * line, with the end of the message, or before a line that is no field.
 * Pure functions; all spans are borrowed from the message.
 */
#ifndef MAIL_HEADER_H
#define MAIL_HEADER_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/span.h"

enum header_part {
	HEADER_FIELD, /* a field, whole, with its LFs */
	HEADER_MBOX,  /* "From " and more, as in an mbox, in place of a field */
	HEADER_BLANK, /* the empty line that ends the header */
	HEADER_BODY,  /* the rest is body although there was no empty line */
	HEADER_END,   /* the message ends here */
	HEADER_MORE   /* undecided: more bytes are needed */
};

/*
 * The next part of the header, which is removed from *s; *part is its
 * bytes, empty for the last three. is_all says that nothing follows s:
 * then the last line may lack its LF, and HEADER_MORE is not returned.
 */
enum header_part header_next(
    struct span *s, bool is_all, struct span *part) MUST_CHECK;

/* Divide a field: the name, without blanks behind it, and what is behind
 * the colon, without the last LF. */
void header_split(struct span field, struct span *name, struct span *body);

#endif

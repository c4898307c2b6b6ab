/*
 * fields - the header fields that mean something to qmail-inject
 */
#ifndef FIELDS_H
#define FIELDS_H

#include <stdint.h>

#include "base/span.h"

enum field {
	F_DATE,
	F_MESSAGE_ID,
	F_FROM,
	F_TO,
	F_CC,
	F_BCC,
	F_APPARENTLY_TO,
	F_SENDER,
	F_REPLY_TO,
	F_RETURN_RECEIPT_TO,
	F_ERRORS_TO,
	F_RETURN_PATH,
	F_CONTENT_LENGTH,
	F_FOLLOWUP,
	F_RESENT_DATE,
	F_RESENT_MESSAGE_ID,
	F_RESENT_FROM,
	F_RESENT_TO,
	F_RESENT_CC,
	F_RESENT_BCC,
	F_RESENT_SENDER,
	F_RESENT_REPLY_TO,
	FIELDS /* none of these */
};

/* What is done with a field; without a bit it is copied. */
enum {
	DO_REWRITE = 1,
	DO_HIDE = 2, /* it does not go out */
	DO_TO = 4,   /* its addresses are recipients */
	DO_RESENT = 8,
	DO_FOLLOW = 16,  /* and take part in Mail-Followup-To */
	DO_TOLERATE = 32 /* a syntax error leaves it as it is */
};

enum field field_find(struct span name);

/* DO_ bits. */
unsigned int field_deeds(enum field f);

static inline uint32_t
field_bit(enum field f)
{
	return UINT32_C(1) << f;
}

#endif

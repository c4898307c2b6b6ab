/*
 * draft - a message while it is being completed
 */
#ifndef DRAFT_H
#define DRAFT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"
#include "mail/token.h"
#include "queue/envelope.h"
#include "settings.h"

enum {
	/* of a header: as much as the recipients of one message may take */
	HEADER_LIMIT = 32 * 1024 * 1024,
	/* of what becomes of it: every name gets a domain */
	WRITTEN_LIMIT = 4 * HEADER_LIMIT
};

struct draft {
	const struct settings *set;
	bool wants_sender; /* Return-Path decides, if there is one */

	struct buf kept;   /* fields as they go out */
	struct buf header; /* recipients, T records, of To, Cc and so on */
	struct buf resent; /* of Resent-To and so on */
	struct buf tocc;   /* addresses of To and Cc, a NUL behind each */
	bool follows_list; /* one of them is a list of QMAILMFTFILE */
	struct buf sender; /* of Return-Path */
	bool has_sender;
	uint32_t seen; /* bits of enum field */

	struct tokens in, out; /* of the field at hand */
};

#define DRAFT_INIT(s) \
	((struct draft){ .set = (s), \
	    .kept = BUF_INIT(WRITTEN_LIMIT), \
	    .header = BUF_INIT(ENVELOPE_MAX), \
	    .resent = BUF_INIT(ENVELOPE_MAX), \
	    .tocc = BUF_INIT(ENVELOPE_MAX), \
	    .sender = BUF_INIT(LINE_LIMIT), \
	    .in = TOKENS_INIT, \
	    .out = TOKENS_INIT })

void draft_free(struct draft *d);

/* Take one field of the header; exits when it cannot be read. */
void draft_field(struct draft *d, struct span field);

/* Take a line that begins with "From ". */
void draft_mbox(struct draft *d, struct span line);

/* Whether the message is being resent. */
bool draft_is_resent(const struct draft *d);

/* Append the fields that must go before the kept ones. */
void draft_added(struct draft *d, struct buf *out);

/* Append an address, quoted, to a line of the header. */
void draft_put_address(struct buf *out, struct span addr);

/* The sender when nobody named one, appended. */
void draft_default_sender(struct draft *d, struct buf *sender);

/* Append the internal form of an address somebody gave as an argument. */
void draft_argument(struct draft *d, const char *arg, struct buf *out);

#endif

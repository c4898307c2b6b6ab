/*
 * fields - the header fields that mean something: see fields.h
 *
 * Contract edges.md 5.4.
 */
#include "fields.h"

#define LIST (DO_TOLERATE | DO_REWRITE)

static const struct {
	const char *name;
	unsigned int deeds;
} fields[] = {
	[F_DATE] = { "Date", 0 },
	[F_MESSAGE_ID] = { "Message-ID", 0 },
	[F_FROM] = { "From", DO_REWRITE },
	[F_TO] = { "To", LIST | DO_TO | DO_FOLLOW },
	[F_CC] = { "Cc", LIST | DO_TO | DO_FOLLOW },
	[F_BCC] = { "Bcc", LIST | DO_TO | DO_HIDE },
	[F_APPARENTLY_TO] = { "Apparently-To", LIST | DO_TO },
	[F_SENDER] = { "Sender", DO_REWRITE },
	[F_REPLY_TO] = { "Reply-To", DO_REWRITE },
	[F_RETURN_RECEIPT_TO] = { "Return-Receipt-To", DO_REWRITE },
	[F_ERRORS_TO] = { "Errors-To", DO_REWRITE },
	[F_RETURN_PATH] = { "Return-Path", DO_HIDE },
	[F_CONTENT_LENGTH] = { "Content-Length", DO_HIDE },
	[F_FOLLOWUP] = { "Mail-Followup-To", 0 },
	[F_RESENT_DATE] = { "Resent-Date", 0 },
	[F_RESENT_MESSAGE_ID] = { "Resent-Message-ID", 0 },
	[F_RESENT_FROM] = { "Resent-From", DO_REWRITE },
	[F_RESENT_TO] = { "Resent-To", LIST | DO_RESENT },
	[F_RESENT_CC] = { "Resent-Cc", LIST | DO_RESENT },
	[F_RESENT_BCC] = { "Resent-Bcc", LIST | DO_RESENT | DO_HIDE },
	[F_RESENT_SENDER] = { "Resent-Sender", DO_REWRITE },
	[F_RESENT_REPLY_TO] = { "Resent-Reply-To", DO_REWRITE },
};

enum field
field_find(struct span name)
{
	int f = 0;

	while (f < FIELDS && !span_eq_nocase(name, span_cstr(fields[f].name)))
		f++;
	return (enum field)f;
}

unsigned int
field_deeds(enum field f)
{
	return f < FIELDS ? fields[f].deeds : 0;
}

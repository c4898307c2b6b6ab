/*
 * netstring - counted bytes: decimal length, ':', the bytes, ','
 *
 * What QMTP and QMQP are made of; contract edges.md 2 and 3. Pure.
 */
#ifndef MAIL_NETSTRING_H
#define MAIL_NETSTRING_H

#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

/*
 * The length at the start of *in, with its ':', which are removed. 0;
 * E_EOF while it is not complete (nothing is removed); E_SYNTAX for any
 * other byte; E_TOOBIG above max. As qmail always did, no digits at all
 * and leading zeros are taken, but no more than 99 digits.
 */
int netstring_length(struct span *in, size_t max, size_t *out) MUST_CHECK;

/*
 * The netstring at the start of *in, which is removed; *out is borrowed
 * from *in. E_EOF while it is not complete; E_SYNTAX, E_TOOBIG.
 */
int netstring_get(struct span *in, size_t max, struct span *out) MUST_CHECK;

/* Append s as a netstring. */
void netstring_put(struct buf *b, struct span s);

#endif

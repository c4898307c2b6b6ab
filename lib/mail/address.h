/*
 * address - addresses as they travel inside the system, and quoting them
 *
 * Inside, an address is the unquoted bytes: local part, '@', domain; the
 * last '@' divides. Contract edges.md 0.5, local.md 1.7.
 */
#ifndef MAIL_ADDRESS_H
#define MAIL_ADDRESS_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/span.h"

/* Divide at the last '@'. False, and all in *local, when there is none. */
bool address_split(struct span a, struct span *local, struct span *domain);

/* Append the address with its local part quoted if it needs to be. An
 * address without '@' is quoted as a whole; the empty address stays empty. */
void address_quote(struct buf *b, struct span a);

/* Append one local part, quoted if it needs to be. */
void address_quote_local(struct buf *b, struct span local);

/* Whether an address can be said to an SMTP server at all: it might hold
 * what ends a command. */
bool address_is_sendable(struct span a);

/* Append the address as it stands between angle brackets: quoted if it
 * has a domain, otherwise as it is (contract edges.md 0.5). */
void address_put_path(struct buf *b, struct span a);

#endif

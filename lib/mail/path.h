/*
 * path - the arguments of MAIL and RCPT
 *
 * "FROM:" or "TO:", an address in angle brackets, parameters. The grammar
 * is that of RFC 5321 4.1.2, and what is tolerated beyond it: blanks behind
 * the colon, a plain dot-atom address without brackets, an address without
 * domain, one dot at the end of a domain (which is taken away). A source
 * route is taken away too. Quotes are undone: the result is the address as
 * it travels inside the system (mail/address.h), case preserved. Pure.
 */
#ifndef MAIL_PATH_H
#define MAIL_PATH_H

#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

enum {
	PATH_MAX_BYTES = 254, /* RFC 5321 4.5.3.1.3, without the brackets */
	PATH_DOMAIN_MAX = 255,
	PATH_LABEL_MAX = 63
};

enum path_kind {
	PATH_MAIL, /* FROM: "<>" is a sender */
	PATH_RCPT  /* TO: never empty, neither is its local part */
};

enum path_verdict {
	PATH_OK,
	PATH_NO_WORD,  /* does not begin with FROM: or TO: */
	PATH_SYNTAX,   /* no address of that grammar */
	PATH_EIGHTBIT, /* an address beyond ASCII */
	PATH_TOO_LONG
};

/*
 * Read the argument arg. With PATH_OK the address has been appended to
 * addr (whose sticky failure is the caller's to ask for), and *params is
 * what follows it, for path_param(). Otherwise nothing was appended.
 */
enum path_verdict path_parse(enum path_kind kind, struct span arg,
    struct buf *addr, struct span *params) MUST_CHECK;

struct path_param {
	struct span name;  /* ASCII, case as sent */
	struct span value; /* empty when has_value is false */
	bool has_value;
};

/*
 * The next of *params, removed from it. 0; E_EOF when there is none left;
 * E_SYNTAX when it is no parameter.
 */
int path_param(struct span *params, struct path_param *out) MUST_CHECK;

/*
 * The address inside a literal domain, "[192.0.2.1]" or "[IPv6:...]":
 * 4 or 16 bytes in ip, and their number returned; 0 if it is none, or
 * malformed.
 */
size_t path_literal(struct span domain, uint8_t ip[16]);

#endif

/*
 * addrlist - lists of addresses in header fields: read and made complete
 *
 * Contract edges.md 5.5 and 5.6. People write "joe, mary@sales"; what goes
 * out is "joe@host.domain, mary@sales.domain". Pure functions.
 */
#ifndef MAIL_ADDRLIST_H
#define MAIL_ADDRLIST_H

#include "base/attr.h"
#include "base/span.h"
#include "mail/token.h"

/* What completes an address; the tokens must outlive what they complete. */
struct addrlist_rules {
	struct tokens host;   /* behind a local part without domain */
	struct tokens domain; /* behind a host without a dot */
	struct tokens plus;   /* behind a host that ends in '+' */
};

#define ADDRLIST_RULES_INIT \
	((struct addrlist_rules){ TOKENS_INIT, TOKENS_INIT, TOKENS_INIT })

void addrlist_rules_free(struct addrlist_rules *rules);

/*
 * Complete one address, in place. It borrows from rules; NULL adds nothing.
 * E_NOMEM.
 */
int addrlist_complete(
    const struct addrlist_rules *rules, struct tokens *addr) MUST_CHECK;

/* Called for each address, in its internal form, which may be empty. What
 * it returns below 0 ends the parsing. */
typedef int addrlist_fn(void *ctx, struct span addr);

/*
 * Read the list in (the body of a field), from its right end to its left:
 * each address is completed and fn is called; out, which must be empty,
 * becomes the list as it should be written, borrowing from in and rules.
 *
 * E_SYNTAX when it is no list; fn has then been called for the addresses
 * right of the fault, and out is of no use. E_NOMEM, E_TOOBIG.
 */
int addrlist_parse(const struct tokens *in, const struct addrlist_rules *rules,
    addrlist_fn *fn, void *ctx, struct tokens *out) MUST_CHECK;

#endif

/*
 * routes - where a recipient's mail goes: to us or to another host
 *
 * What control/locals, virtualdomains, percenthack and envnoathost say
 * about an address (contract queue.md 4.1, 4.2). Read once; locals and
 * virtualdomains again on request. Call from the home directory.
 */
#ifndef CONF_ROUTES_H
#define CONF_ROUTES_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

enum routes_to { ROUTES_LOCAL = 0, ROUTES_REMOTE = 1 };

struct routes;

/* Read everything. E_ABSENT when there is neither locals nor me. */
int routes_new(struct routes **out) MUST_CHECK;
void routes_destroy(struct routes **r);

/*
 * Read locals and virtualdomains again. On failure both stay as they were
 * and *file is the name of the one that could not be read.
 */
int routes_reread(struct routes *r, const char **file) MUST_CHECK;

/*
 * Rewrite a recipient: append the address mail is delivered to and say to
 * where. A failure to append stays in addr.
 */
enum routes_to routes_apply(
    const struct routes *r, struct span rcpt, struct buf *addr);

/* What was found out on the way, in the order it was. */
enum routes_step {
	ROUTES_NOHOST,          /* there was no '@': envnoathost */
	ROUTES_PERCENT,         /* key is in percenthack: the '%' is an '@' */
	ROUTES_LOCALS,          /* key is in locals: local */
	ROUTES_ME,              /* it is in me, as there are no locals: local */
	ROUTES_VIRTUAL_ADDRESS, /* key is in virtualdomains: the address, */
	ROUTES_VIRTUAL_DOMAIN,  /* its domain, */
	ROUTES_VIRTUAL_ENDING,  /* an ending of that, from a dot on, */
	ROUTES_VIRTUAL_ALL,     /* the empty key: local, or remote when there is
	                           nothing to put in front */
	ROUTES_NOWHERE          /* none of these: remote */
};

/* All is borrowed for the call; prepend is what a virtual domain puts in
 * front of the address, with a '-' behind it. */
struct routes_found {
	enum routes_step step;
	struct span key, prepend;
	struct span address; /* after the step */
};
typedef void routes_found_fn(void *ctx, const struct routes_found *f);

/* routes_apply(), telling fn each step. */
enum routes_to routes_explain(const struct routes *r, struct span rcpt,
    struct buf *addr, routes_found_fn *fn, void *ctx);

/*
 * An address as its sender knows it: without what virtualdomains put in
 * front. Virtual users keep it (contract queue.md 4.7). Borrowed from addr.
 */
struct span routes_strip(const struct routes *r, struct span addr);

#endif

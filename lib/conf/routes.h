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

/*
 * An address as its sender knows it: without what virtualdomains put in
 * front. Virtual users keep it (contract queue.md 4.7). Borrowed from addr.
 */
struct span routes_strip(const struct routes *r, struct span addr);

#endif

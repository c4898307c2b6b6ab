/*
 * rcpthosts - the domains we receive mail for
 *
 * control/rcpthosts, and control/morercpthosts.cdb beside it (contract
 * edges.md 1.5): "example.org" names that domain, ".example.org" all below
 * it. Case is ignored, a dot at the end is not.
 */
#ifndef CONF_RCPTHOSTS_H
#define CONF_RCPTHOSTS_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/span.h"

struct rcpthosts;

/*
 * Read the list. E_ABSENT when control/rcpthosts does not exist, which
 * means every domain; an empty one means none. Paths are below the current
 * directory. On failure *out is NULL.
 */
int rcpthosts_open(struct rcpthosts **out) MUST_CHECK;

/* Release; sets *h to NULL and accepts NULL. */
void rcpthosts_close(struct rcpthosts **h);

/*
 * Whether mail to this address is ours to take: *yes. The domain is what
 * follows the last '@'; an address without one is ours. Fails when the cdb
 * makes no sense.
 */
int rcpthosts_has(
    struct rcpthosts *h, struct span address, bool *yes) MUST_CHECK;

#endif

/*
 * targets - the addresses to try for a host, best first
 *
 * Contract edges.md 4.3, 4.4: a route, an address literal, or the MX
 * records, or the host itself; never ourselves, nor anything behind us.
 */
#ifndef REMOTE_TARGETS_H
#define REMOTE_TARGETS_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/span.h"
#include "conf/smtproutes.h"
#include "ip.h"
#include "limits.h"
#include "report.h"

struct target {
	struct ip ip;
	uint16_t preference;
};

struct targets {
	uint16_t port;
	size_t n;
	struct target at[LIMIT_TARGETS];
};

/*
 * Fill *out for host; route counts if it is a relay. When there is nobody
 * to talk to, the report's message says why and E_ABSENT is returned.
 */
int targets_find(struct span host, const struct route *route,
    struct targets *out, struct report *report) MUST_CHECK;

/*
 * Keep the targets preferred to the best of ours, and say whether any was
 * dropped. is_me tells which addresses are ours.
 */
typedef bool targets_is_me_fn(const void *ctx, const struct ip *ip);
bool targets_drop_me(
    struct targets *t, targets_is_me_fn *is_me, const void *ctx);

#endif

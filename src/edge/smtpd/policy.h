/*
 * policy - what the administrator says, in control/
 *
 * Loaded once, and looked at anew for every connection: an edit is in force
 * at the next one. A file that cannot be read leaves a policy that fails
 * (policy_err), and every connection tries again.
 */
#ifndef SMTPD_POLICY_H
#define SMTPD_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/span.h"
#include "conf/watch.h"
#include "serve/admit.h"

struct policy {
	struct buf greeting;
	struct buf me;          /* control/me, or empty */
	struct buf localiphost; /* with has_localiphost */
	bool has_localiphost;
	uint64_t timeout_s;
	struct admit admit;
	struct map *badmailfrom; /* may be NULL */
	int err;                 /* why it could not be loaded, or 0 */
	struct watch watch;
};

/* Load all. How it went is in p->err. */
void policy_load(struct policy *p);

/* Load all again if a file has changed, or the last time failed. True if
 * that was so. */
bool policy_refresh(struct policy *p);

void policy_free(struct policy *p);

/* Whether badmailfrom lists the sender, or "@" and its domain. */
bool policy_is_bad_sender(const struct policy *p, struct span sender);

/*
 * An address of the form x@[own address] gets localiphost for a domain.
 * Fails if our addresses cannot be found out.
 */
int policy_localize(const struct policy *p, struct buf *addr) MUST_CHECK;

#endif

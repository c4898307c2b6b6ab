/*
 * quota - Maildir++ quotas: what they say, and what has been used
 *
 * Contract local.md 7.3. Pure. A quota is a list such as "1000000S,1000C":
 * so many bytes, so many messages; other letters mean nothing here, 0 and
 * what is not mentioned have no limit. The file maildirsize has it in its
 * first line; each further line is "BYTES COUNT", to be added.
 */
#ifndef LOCAL_QUOTA_H
#define LOCAL_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/span.h"

struct quota {
	uint64_t bytes, count; /* 0: no limit */
};

/* Read a list; an empty one has no limits. E_SYNTAX, E_TOOBIG. */
int quota_parse(struct span list, struct quota *out) MUST_CHECK;

/* The line of control/maildirquota: a list, or "defer" or "bounce", or
 * both. list is borrowed; empty: none. E_SYNTAX, also for letters but S
 * and C; E_TOOBIG. */
struct quota_rule {
	struct span list;
	bool bounces;
};

int quota_rule(struct span line, struct quota_rule *out) MUST_CHECK;

struct quota_usage {
	int64_t bytes, count;
};

/* Add up the lines. E_SYNTAX: somebody wrote something else. */
int quota_sum(struct span lines, struct quota_usage *u) MUST_CHECK;

/* Whether one more message of this size is allowed. */
bool quota_allows(const struct quota *q, const struct quota_usage *u,
    uint64_t size) MUST_CHECK;

/* Whether the name of a file in new or cur has the flag T. */
bool quota_is_trashed(struct span name);

/* The size a name tells with ",S=". False: it does not. */
bool quota_size_of(struct span name, uint64_t *size);

#endif

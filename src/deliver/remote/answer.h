/*
 * answer - the MX records of an answer from the DNS: a pure parser
 *
 * The packet comes from whoever answers for the domain: nothing in it is
 * believed but through libresolv's checked accessors.
 */
#ifndef REMOTE_ANSWER_H
#define REMOTE_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "limits.h"

enum { ANSWER_NAME = 1025 }; /* NS_MAXDNAME: escapes and a NUL */

struct mx {
	uint16_t preference;
	uint32_t lot; /* for the order among equals; not from the answer */
	char name[ANSWER_NAME];
};

struct mx_set {
	size_t n;
	bool is_null; /* "0 .": the domain takes no mail (RFC 7505) */
	struct mx mx[LIMIT_MX];
};

/*
 * Read an answer. E_SYNTAX when it is malformed, E_ABSENT when it holds no
 * MX. Records over LIMIT_MX are dropped.
 */
int answer_mx(
    const unsigned char *packet, size_t len, struct mx_set *out) MUST_CHECK;

/* Sort by preference; among equals by lot. */
void answer_sort(struct mx_set *set);

/*
 * Whether text can be the name of a host at all: labels of 1 to 63 bytes,
 * 253 in all, no blanks or controls. A dot at the end is fine.
 */
bool answer_is_name(const char *text);

#endif

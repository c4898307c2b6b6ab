/*
 * dns - questions to the system's resolver
 *
 * The only file that knows how names are resolved. All names are absolute:
 * no search list. Each returns 0; E_ABSENT when there certainly is no such
 * thing; anything else when it is not known now.
 */
#ifndef REMOTE_DNS_H
#define REMOTE_DNS_H

#include <stddef.h>

#include "answer.h"
#include "base/attr.h"
#include "ip.h"

/* The MX records of a domain, by preference, equals in random order. */
int dns_mx(const char *domain, struct mx_set *out) MUST_CHECK;

/* The addresses of a host, IPv4 and IPv6, in the resolver's order. */
int dns_addresses(
    const char *host, struct ip *out, size_t max, size_t *n) MUST_CHECK;

#endif

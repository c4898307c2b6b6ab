/*
 * ip - addresses of hosts, IPv4 and IPv6
 */
#ifndef REMOTE_IP_H
#define REMOTE_IP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/attr.h"
#include "base/span.h"

enum { IP_TEXT = INET6_ADDRSTRLEN };

struct ip {
	int family;              /* AF_INET or AF_INET6 */
	unsigned char bytes[16]; /* network order; 4 of them for IPv4 */
	uint32_t scope;          /* of a link-local IPv6 address, else 0 */
};

union ip_sockaddr {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/*
 * Read "1.2.3.4", "[1.2.3.4]", "2001:db8::1", "[2001:db8::1]" or
 * "[IPv6:2001:db8::1]". False: s is none of these, whole.
 */
bool ip_parse(struct span s, struct ip *out);

bool ip_eq(const struct ip *a, const struct ip *b);

/* Whether it means "this host": 0.0.0.0 or ::. */
bool ip_is_any(const struct ip *ip);

/* The usual text, NUL-terminated. */
void ip_text(const struct ip *ip, char text[IP_TEXT]);

/* To and from what the system calls want; false: another family. */
socklen_t ip_to_sockaddr(
    const struct ip *ip, uint16_t port, union ip_sockaddr *out);
bool ip_from_sockaddr(const struct sockaddr *sa, struct ip *out);

#endif

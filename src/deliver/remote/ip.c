/*
 * ip - addresses of hosts: see ip.h
 */
#include "ip.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/ascii.h"
#include "base/num.h"

static size_t
width(const struct ip *ip)
{
	return ip->family == AF_INET ? 4 : 16;
}

/* Four numbers; leading zeros are decimal, as qmail has it. */
static bool
parse_v4(struct span s, struct ip *out)
{
	int i;

	for (i = 0; i < 4; i++) {
		size_t dot = span_find(s, '.');
		uint64_t n;

		if (num_parse(span_head(s, dot), UINT8_MAX, &n) < 0)
			return false;
		if ((i < 3) != (dot < s.len))
			return false;
		out->bytes[i] = (unsigned char)n;
		s = span_tail(s, dot + 1);
	}
	out->family = AF_INET;
	return true;
}

static bool
parse_v6(struct span s, struct ip *out)
{
	char text[IP_TEXT];

	if (s.len >= sizeof(text) || memchr(s.p, '\0', s.len) != NULL)
		return false;
	memcpy(text, s.p, s.len);
	text[s.len] = '\0';
	out->family = AF_INET6;
	return inet_pton(AF_INET6, text, out->bytes) == 1;
}

bool
ip_parse(struct span s, struct ip *out)
{
	memset(out, 0, sizeof(*out));
	if (s.len >= 2 && s.p[0] == '[' && s.p[s.len - 1] == ']') {
		s = span_tail(span_head(s, s.len - 1), 1);
		if (span_starts_nocase(s, SPAN("IPv6:")))
			return parse_v6(span_tail(s, 5), out);
	}
	return parse_v4(s, out) || parse_v6(s, out);
}

bool
ip_eq(const struct ip *a, const struct ip *b)
{
	return a->family == b->family &&
	       memcmp(a->bytes, b->bytes, width(a)) == 0;
}

bool
ip_is_any(const struct ip *ip)
{
	static const unsigned char zeros[16];

	return memcmp(ip->bytes, zeros, width(ip)) == 0;
}

void
ip_text(const struct ip *ip, char text[IP_TEXT])
{
	if (inet_ntop(ip->family, ip->bytes, text, IP_TEXT) == NULL)
		text[0] = '\0';
}

socklen_t
ip_to_sockaddr(const struct ip *ip, uint16_t port, union ip_sockaddr *out)
{
	memset(out, 0, sizeof(*out));
	if (ip->family == AF_INET) {
		out->v4.sin_family = AF_INET;
		out->v4.sin_port = htons(port);
		memcpy(&out->v4.sin_addr, ip->bytes, 4);
		return sizeof(out->v4);
	}
	out->v6.sin6_family = AF_INET6;
	out->v6.sin6_port = htons(port);
	out->v6.sin6_scope_id = ip->scope;
	memcpy(&out->v6.sin6_addr, ip->bytes, 16);
	return sizeof(out->v6);
}

bool
ip_from_sockaddr(const struct sockaddr *sa, struct ip *out)
{
	union ip_sockaddr u;

	memset(out, 0, sizeof(*out));
	if (sa == NULL)
		return false;
	if (sa->sa_family == AF_INET) {
		memcpy(&u.v4, sa, sizeof(u.v4));
		out->family = AF_INET;
		memcpy(out->bytes, &u.v4.sin_addr, 4);
		return true;
	}
	if (sa->sa_family != AF_INET6)
		return false;
	memcpy(&u.v6, sa, sizeof(u.v6));
	out->family = AF_INET6;
	out->scope = u.v6.sin6_scope_id;
	memcpy(out->bytes, &u.v6.sin6_addr, 16);
	return true;
}

/*
 * server - a line of control/qmqpservers: see server.h
 */
#include "server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "base/ascii.h"
#include "base/err.h"
#include "base/num.h"

static size_t
digits(struct span s)
{
	size_t n = 0;

	while (n < s.len && ascii_is_digit((unsigned char)s.p[n]))
		n++;
	return n;
}

/* A number modulo 256; the digits it has. */
static size_t
scan_byte(struct span s, uint8_t *out)
{
	size_t n = digits(s);

	*out = 0;
	for (size_t i = 0; i < n; i++)
		*out = (uint8_t)(*out * 10 + (s.p[i] - '0'));
	return n;
}

/* The bytes of an IPv4 address at the start of s; 0: none. */
static size_t
scan_four(struct span s, uint8_t ip[4])
{
	size_t at = 0;

	for (size_t i = 0; i < 4; i++) {
		size_t n;

		if (i > 0 && (at == s.len || s.p[at++] != '.'))
			return 0;
		n = scan_byte(span_tail(s, at), &ip[i]);
		if (n == 0)
			return 0;
		at += n;
	}
	return at;
}

static bool
is_of_six(char c)
{
	return ascii_is_digit((unsigned char)c) || c == ':' || c == '.' ||
	       (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* The same for IPv6, with its brackets if it has some. */
static size_t
scan_six(struct span s, struct in6_addr *ip)
{
	bool has_brackets = s.len > 0 && s.p[0] == '[';
	struct span rest = span_tail(s, has_brackets ? 1 : 0);
	char text[INET6_ADDRSTRLEN];
	size_t n = 0;

	while (n < rest.len && n < sizeof(text) - 1 && is_of_six(rest.p[n])) {
		text[n] = rest.p[n];
		n++;
	}
	text[n] = '\0';
	if (inet_pton(AF_INET6, text, ip) != 1)
		return 0;
	if (!has_brackets)
		return n;
	return n < rest.len && rest.p[n] == ']' ? n + 2 : 0;
}

/* What ":PORT" says, at the start of s, if it is there. */
static in_port_t
scan_port(struct span s)
{
	uint64_t port = QMQP_PORT;
	struct span number = span_tail(s, 1);

	if (s.len > 0 && s.p[0] == ':' &&
	    num_parse(span_head(number, digits(number)), UINT16_MAX, &port) < 0)
		port = QMQP_PORT;
	return htons((uint16_t)port);
}

bool
server_parse(struct span line, struct server *out)
{
	struct sockaddr_in four = { .sin_family = AF_INET };
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	uint8_t ip[4];
	size_t n = scan_four(line, ip);

	*out = (struct server){ .len = 0 };
	if (n > 0) {
		memcpy(&four.sin_addr, ip, sizeof(ip));
		four.sin_port = scan_port(span_tail(line, n));
		memcpy(&out->address, &four, sizeof(four));
		out->len = sizeof(four);
		return true;
	}
	n = scan_six(line, &six.sin6_addr);
	if (n == 0)
		return false;
	six.sin6_port =
	    line.p[0] == '[' ? scan_port(span_tail(line, n)) : htons(QMQP_PORT);
	memcpy(&out->address, &six, sizeof(six));
	out->len = sizeof(six);
	return true;
}

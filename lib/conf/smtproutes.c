/*
 * smtproutes - relays by domain: see smtproutes.h
 */
#include "conf/smtproutes.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/ascii.h"
#include "base/num.h"

static uint16_t
port_of(struct span s)
{
	uint64_t n;

	return num_parse(s, UINT16_MAX, &n) == 0 ? (uint16_t)n : 0;
}

/* Cut the login off the end of the value. */
static struct span
cut_login(struct span value, struct route *out)
{
	size_t bar = span_find(value, '|');
	struct span login = span_tail(value, bar + 1);
	size_t second = span_find(login, '|');

	out->has_login = bar < value.len;
	out->user = span_head(login, second);
	out->password = span_tail(login, second + 1);
	return span_head(value, bar);
}

static bool
is_ipv6(struct span s)
{
	char text[INET6_ADDRSTRLEN];
	unsigned char addr[16];

	if (s.len >= sizeof(text))
		return false;
	memcpy(text, s.p, s.len);
	text[s.len] = '\0';
	return inet_pton(AF_INET6, text, addr) == 1;
}

/* Divide "relay", "relay:port", "relay;port", "[relay]:port". */
static void
divide(struct span s, struct route *out)
{
	size_t end = span_find(s, ']');
	struct span port;

	if (s.len > 0 && s.p[0] == '[' && end < s.len) {
		out->relay = span_tail(span_head(s, end), 1);
		port = span_tail(s, end + 1);
	} else {
		end = span_find(s, ';');
		if (end == s.len && !is_ipv6(s))
			end = span_find(s, ':');
		out->relay = span_head(s, end);
		port = span_tail(s, end);
	}
	if (port.len == 0)
		return;
	out->port = port.p[0] == ':' || port.p[0] == ';'
			? port_of(span_tail(port, 1))
			: 0;
}

struct route
route_parse(struct span value)
{
	struct route out = { .port = SMTPROUTES_PORT, .relay = SPAN("") };
	struct span where = cut_login(value, &out);

	if (where.len == 0)
		return out;
	out.is_relay = true;
	divide(where, &out);
	return out;
}

bool
route_find_key(const struct map *routes, struct span host, struct span sender,
    struct span *key, struct span *value)
{
	if (routes == NULL || map_size(routes) == 0)
		return false;
	*key = SPAN("!@");
	if (sender.len == 0 && map_get(routes, *key, value))
		return true;
	*key = host;
	if (map_get(routes, host, value))
		return true;
	while (host.len > 0) {
		host = span_tail(host, 1);
		if (host.len > 0 && host.p[0] != '.')
			continue;
		*key = host;
		if (map_get(routes, host, value))
			return true;
	}
	return false;
}

bool
route_find(const struct map *routes, struct span host, struct span sender,
    struct span *value)
{
	struct span key;

	return route_find_key(routes, host, sender, &key, value);
}

void
route_key(struct span value, struct span host, struct buf *key)
{
	size_t i;

	if (value.len > 0) {
		/* no host contains a blank, so the two never meet */
		buf_puts(key, "via ");
		buf_put(key, value);
		return;
	}
	for (i = 0; i < host.len; i++)
		buf_putc(key, ascii_lower((unsigned char)host.p[i]));
}

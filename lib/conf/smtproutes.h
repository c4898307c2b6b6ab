/*
 * smtproutes - where mail for a host goes when not to its MX
 *
 * control/smtproutes has lines "domain:relay"; the relay may be followed
 * by ":port" or ";port" and by "|user|password" (contract edges.md 4.3,
 * 9.4). An IPv6 relay stands in brackets, or in front of ";port" or alone.
 * The domain "!@" is for mail with the empty sender. Pure functions: the
 * table itself is read with control_table().
 */
#ifndef CONF_SMTPROUTES_H
#define CONF_SMTPROUTES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/span.h"

enum { SMTPROUTES_PORT = 25 };

/* All spans are borrowed from the table. */
struct route {
	bool is_relay;     /* false: find the MX as usual */
	struct span relay; /* name or address, without brackets; or empty */
	uint16_t port;     /* 0 when the port makes no sense */
	bool has_login;    /* user and password were given */
	struct span user, password;
};

/* Read what stands behind the colon of one line. */
struct route route_parse(struct span value);

/*
 * The value that counts for this host and sender: false when none does.
 * Tried in turn: "!@" if the sender is empty, the host, its endings from
 * each dot, the empty name; the first that is there decides. routes may
 * be NULL.
 */
bool route_find(const struct map *routes, struct span host, struct span sender,
    struct span *value);

/* The same, and which key it was: borrowed from host, or static. */
bool route_find_key(const struct map *routes, struct span host,
    struct span sender, struct span *key, struct span *value);

/*
 * Append what two deliveries have in common exactly if they may share a
 * connection: the value of the route if it is not empty, else the host in
 * lower case.
 */
void route_key(struct span value, struct span host, struct buf *key);

#endif

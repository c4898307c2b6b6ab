/*
 * overrides - routes an operator has set for a while
 *
 * control/routeoverrides has lines "UNTIL DOMAIN:ROUTE": until UNTIL,
 * seconds since 1970, mail for DOMAIN goes to ROUTE, whatever smtproutes
 * says. DOMAIN and ROUTE are what smtproutes has before and behind its
 * colon; an empty ROUTE is the domain's MX. Later lines win; empty lines
 * and those that begin with '#' say nothing. Written by qmailctl, read by
 * qmail-send.
 */
#ifndef CONF_OVERRIDES_H
#define CONF_OVERRIDES_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/map.h"
#include "base/span.h"

#define OVERRIDES_FILE "control/routeoverrides"

/* Spans are borrowed from the line. */
struct override {
	int64_t until; /* seconds since 1970 */
	struct span domain, route;
};

/*
 * Read one line. E_ABSENT when it says nothing; E_SYNTAX when it makes no
 * sense, or names a relay without a name or a port.
 */
int override_parse(struct span line, struct override *out) MUST_CHECK;

/*
 * The overrides of a file's text that count now: *out is a new map for
 * route_find(), and *next_end is when the first of them ends; INT64_MAX if
 * there are none. On failure nothing but *line changes: the number of the
 * line that made no sense (E_SYNTAX), else 0.
 */
int overrides_parse(struct span text, int64_t now, struct map **out,
    int64_t *next_end, size_t *line) MUST_CHECK;

/* The same of the file; without one there are none. */
int overrides_read(
    int64_t now, struct map **out, int64_t *next_end, size_t *line) MUST_CHECK;

#endif

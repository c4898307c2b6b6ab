/*
 * quantity - how long and how much, as people write it
 *
 * Pure functions. A number, and a unit or none behind it, without a blank.
 * E_SYNTAX; E_TOOBIG above max.
 */
#ifndef CONF_QUANTITY_H
#define CONF_QUANTITY_H

#include <stdint.h>

#include "base/attr.h"
#include "base/span.h"

/* s (or none) seconds, m minutes, h hours, d days, w weeks; in seconds. */
int quantity_time(struct span s, uint64_t max, uint64_t *seconds) MUST_CHECK;

/* None bytes, K, M, G, T powers of 1024; in bytes. */
int quantity_size(struct span s, uint64_t max, uint64_t *bytes) MUST_CHECK;

#endif

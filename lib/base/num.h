/*
 * num - numbers from text, and arithmetic that cannot wrap
 */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/span.h"

/*
 * The whole of s as an unsigned decimal number not above max. E_SYNTAX for
 * an empty span, signs, blanks, anything but digits; E_TOOBIG above max.
 */
int num_parse(struct span s, uint64_t max, uint64_t *out) MUST_CHECK;

/*
 * The longest decimal prefix of s, as old control files have it ("5x" is
 * 5). E_SYNTAX when s does not begin with a digit; a value above max
 * becomes max.
 */
int num_prefix(struct span s, uint64_t max, uint64_t *out) MUST_CHECK;

/*
 * The whole of s as lower- or upper-case hexadecimal, at most 16 digits.
 * E_SYNTAX for an empty span or another character; E_TOOBIG above 16.
 */
int num_hex(struct span s, uint64_t *out) MUST_CHECK;

/* a + b and a * b, or E_TOOBIG. */
int num_add(size_t a, size_t b, size_t *out) MUST_CHECK;
int num_mul(size_t a, size_t b, size_t *out) MUST_CHECK;

#endif

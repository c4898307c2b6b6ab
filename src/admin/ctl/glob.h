/*
 * glob - patterns for addresses
 *
 * Not fnmatch(3): that decodes characters as the locale has it and gives up
 * on bytes that are none, wants strings that end in NUL, and gives a meaning
 * to brackets and backslashes, which addresses contain. Here a byte is a
 * byte.
 */
#ifndef CTL_GLOB_H
#define CTL_GLOB_H

#include <stdbool.h>

#include "base/span.h"

/*
 * Whether pattern stands for all of text: "*" for any bytes, none included,
 * "?" for one byte, everything else for itself, the case of ASCII letters
 * ignored.
 */
bool glob_match(struct span pattern, struct span text);

#endif

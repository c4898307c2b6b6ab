/*
 * utf8 - which bytes are UTF-8
 */
#ifndef CTL_UTF8_H
#define CTL_UTF8_H

#include <stddef.h>

#include "base/span.h"

/*
 * How many bytes the character at the beginning of s has; 0 when there is
 * none, or the bytes are no UTF-8 (RFC 3629 4: the shortest form, and
 * neither surrogates nor what is above U+10FFFF).
 */
size_t utf8_length(struct span s);

#endif

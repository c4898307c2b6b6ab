/*
 * mem - the only door to the allocator
 *
 * Sizes are checked for overflow; new memory is zeroed. What a function
 * here returns is released with mem_free().
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

#include "base/attr.h"
#include "base/span.h"

/* n zeroed things of the given size, or NULL. */
void *mem_new(size_t n, size_t size) MUST_CHECK;

/*
 * p resized to n things of the given size; new bytes are not zeroed. NULL
 * on failure, and p is still valid.
 */
void *mem_resize(void *p, size_t n, size_t size) MUST_CHECK;

/* The bytes of s as a C string, or NULL: no memory, or a NUL inside. */
char *mem_cstr(struct span s) MUST_CHECK;

/* Release; NULL is accepted. */
void mem_free(void *p);

#endif

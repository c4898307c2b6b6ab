/*
 * mem - the only door to the allocator: see mem.h
 */
#include "base/mem.h"

#include <stdlib.h>

#include "base/num.h"

void *
mem_new(size_t n, size_t size)
{
	size_t all;

	return num_mul(n, size, &all) < 0 ? NULL : calloc(1, all);
}

void *
mem_resize(void *p, size_t n, size_t size)
{
	size_t all;

	if (num_mul(n, size, &all) < 0)
		return NULL;
	/* realloc(p, 0) would release p */
	return realloc(p, all > 0 ? all : 1);
}

char *
mem_cstr(struct span s)
{
	char *p;

	if (s.len > 0 && memchr(s.p, '\0', s.len) != NULL)
		return NULL;
	p = malloc(s.len + 1);
	if (p == NULL)
		return NULL;
	if (s.len > 0)
		memcpy(p, s.p, s.len);
	p[s.len] = '\0';
	return p;
}

void
mem_free(void *p)
{
	free(p);
}

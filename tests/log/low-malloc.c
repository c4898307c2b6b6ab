/*
 * low-malloc - memory below 2 GiB, for programs that keep pointers in ints
 *
 * LD_PRELOAD this. Nothing is ever released.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

enum { TOTAL = 256 * 1024 * 1024, HEAD = 16 };

static char *next, *end;

/* HEAD bytes in front of each block hold its size, and keep it aligned. */
void *
malloc(size_t n)
{
	size_t *block;

	if (next == NULL) {
		next = mmap((void *)(uintptr_t)TOTAL, TOTAL,
		    PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (next == MAP_FAILED)
			return next = NULL;
		end = next + TOTAL;
	}
	if (n > (size_t)(end - next) - 2 * HEAD)
		return NULL;
	block = (size_t *)(void *)next;
	*block = n;
	next += HEAD + (n + HEAD - 1) / HEAD * HEAD;
	return (char *)block + HEAD;
}

void
free(void *p)
{
	(void)p;
}

void *
calloc(size_t n, size_t size)
{
	return malloc(n * size); /* fresh from mmap(2): zeros */
}

void *
realloc(void *p, size_t n)
{
	void *q = malloc(n);

	if (p != NULL && q != NULL) {
		size_t had = *(size_t *)(void *)((char *)p - HEAD);

		memcpy(q, p, had < n ? had : n);
	}
	return q;
}

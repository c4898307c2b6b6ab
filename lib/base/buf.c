/*
 * buf - growable byte string: see buf.h
 */
#include "base/buf.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

enum { CAP_FIRST = 64 };

/*
 * Make room for n more bytes and one spare, which buf_cstr() may need.
 * Doubling keeps a long run of small puts linear.
 */
static bool
grow(struct buf *b, size_t n)
{
	size_t need, cap;
	char *p;

	if (b->err != 0)
		return false;
	if (n > b->max - b->len || b->len + n == SIZE_MAX) {
		b->err = E_TOOBIG;
		return false;
	}
	need = b->len + n + 1;
	if (b->p != NULL && need <= b->cap)
		return true;

	cap = b->cap > SIZE_MAX / 2 ? need : b->cap * 2;
	if (cap < CAP_FIRST)
		cap = CAP_FIRST;
	if (cap < need)
		cap = need;
	p = realloc(b->p, cap);
	if (p == NULL) {
		b->err = E_NOMEM;
		return false;
	}
	b->p = p;
	b->cap = cap;
	return true;
}

void
buf_free(struct buf *b)
{
	free(b->p);
	*b = BUF_INIT(b->max);
}

void
buf_reset(struct buf *b)
{
	b->len = 0;
	b->err = 0;
}

void
buf_put(struct buf *b, struct span s)
{
	if (s.len == 0 || !grow(b, s.len))
		return;
	memcpy(b->p + b->len, s.p, s.len);
	b->len += s.len;
}

void
buf_puts(struct buf *b, const char *s)
{
	buf_put(b, span_cstr(s));
}

void
buf_putc(struct buf *b, char c)
{
	buf_put(b, (struct span){ &c, 1 });
}

void
buf_putu(struct buf *b, uintmax_t n)
{
	char digits[sizeof(n) * 3];
	size_t i = sizeof(digits);

	do {
		digits[--i] = (char)('0' + n % 10);
		n /= 10;
	} while (n != 0);
	buf_put(b, (struct span){ digits + i, sizeof(digits) - i });
}

void
buf_puthex(struct buf *b, uint64_t n, unsigned int width)
{
	char digits[16];
	size_t i = sizeof(digits);

	do {
		digits[--i] = "0123456789abcdef"[n % 16];
		n /= 16;
	} while (n != 0);
	while (sizeof(digits) - i < width && i > 0)
		digits[--i] = '0';
	buf_put(b, (struct span){ digits + i, sizeof(digits) - i });
}

char *
buf_room(struct buf *b, size_t n)
{
	return grow(b, n) ? b->p + b->len : NULL;
}

void
buf_grew(struct buf *b, size_t n)
{
	if (b->err != 0 || n > b->max - b->len || b->len + n >= b->cap)
		abort();
	b->len += n;
}

void
buf_cut(struct buf *b, size_t n)
{
	if (n > b->len)
		abort();
	b->len = n;
}

void
buf_undo(struct buf *b, size_t n)
{
	buf_cut(b, n);
	b->err = 0;
}

void
buf_remove(struct buf *b, size_t at, size_t n)
{
	if (at > b->len || n > b->len - at)
		abort();
	if (n == 0)
		return;
	memmove(b->p + at, b->p + at + n, b->len - at - n);
	b->len -= n;
}

void
buf_drop(struct buf *b, size_t n)
{
	buf_remove(b, 0, n);
}

int
buf_err(const struct buf *b)
{
	return b->err;
}

struct span
buf_span(const struct buf *b)
{
	if (b->err != 0)
		abort();
	return (struct span){ b->p != NULL ? b->p : "", b->len };
}

int
buf_cstr(struct buf *b, const char **out)
{
	if (!grow(b, 0))
		return b->err;
	if (b->len > 0 && memchr(b->p, '\0', b->len) != NULL)
		return E_NUL;
	b->p[b->len] = '\0';
	*out = b->p;
	return 0;
}

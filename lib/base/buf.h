/*
 * buf - a growable byte string with a hard upper bound
 *
 * Bytes are counted, not terminated: a buf holds any byte, NUL included.
 * The bound is chosen by whoever creates the buf, so that no peer can make
 * a program grow without limit.
 *
 * Failure is sticky. The put functions return nothing; when one cannot do
 * its work the buf is marked failed and later puts do nothing. Compose a
 * whole line, then ask buf_err() once. Reading a failed buf is a bug in
 * the program, and aborts it: a truncated path or envelope can never be
 * used by accident.
 *
 * Ownership: the struct belongs to the caller, the storage to the buf.
 * Spans taken from a buf die at the next put, drop, reset or free.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/span.h"

struct buf {
	char *p;    /* storage, or NULL before the first put */
	size_t len; /* bytes in use, not above max */
	size_t cap; /* bytes allocated, above len whenever p is set */
	size_t max; /* bound on len */
	int err;    /* 0, E_NOMEM or E_TOOBIG */
};

/* An empty buf that may grow to limit bytes. Allocates nothing. */
#define BUF_INIT(limit) ((struct buf){ .max = (limit) })

/* Release the storage. The buf is empty, usable, and may be freed again. */
void buf_free(struct buf *b);

/* Forget the bytes and the failure; keep the storage. */
void buf_reset(struct buf *b);

/* Append bytes. s must not point into b: growing may move them. */
void buf_put(struct buf *b, struct span s);

/* Append a C string, without its terminator. */
void buf_puts(struct buf *b, const char *s);

/* Append one byte. */
void buf_putc(struct buf *b, char c);

/* Append n in decimal. */
void buf_putu(struct buf *b, uintmax_t n);

/* Append n in lower-case hexadecimal, padded with zeros to width digits. */
void buf_puthex(struct buf *b, uint64_t n, unsigned int width);

/*
 * Room for at least n bytes behind the last one, for a read() into it;
 * NULL once the buf has failed. buf_grew() then counts what arrived.
 */
char *buf_room(struct buf *b, size_t n);
void buf_grew(struct buf *b, size_t n);

/* Keep the first n bytes; n must not be above the length. */
void buf_cut(struct buf *b, size_t n);

/*
 * Undo all puts since the length was n, which must not be above what it is;
 * a failure among them is forgotten.
 */
void buf_undo(struct buf *b, size_t n);

/* Remove the first n bytes; n must not be above the length. */
void buf_drop(struct buf *b, size_t n);

/* Remove n bytes from offset at on; they must all be there. */
void buf_remove(struct buf *b, size_t at, size_t n);

/* 0, or why a put failed since the last reset: E_NOMEM or E_TOOBIG. */
int buf_err(const struct buf *b) MUST_CHECK;

/* The bytes. Aborts if the buf has failed. */
struct span buf_span(const struct buf *b);

/*
 * The bytes as a C string, for system calls that want one.
 * *out is borrowed from b. Returns 0, E_NUL if the bytes contain a NUL,
 * E_NOMEM, or the failure the buf already carries.
 */
int buf_cstr(struct buf *b, const char **out) MUST_CHECK;

#endif

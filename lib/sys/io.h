/*
 * io - buffered bytes in, buffered bytes out, each with a deadline
 *
 * For the conversations of the edge: `in` lends what has arrived, `out`
 * collects replies and writes them at once, and keeps its first failure.
 */
#ifndef SYS_IO_H
#define SYS_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

struct in {
	int fd;
	int64_t timeout_ms; /* for each wait; FD_FOREVER */
	size_t at, len;     /* unread bytes are data[at..len) */
	char data[16384];
};

#define IN_INIT(f, ms) ((struct in){ .fd = (f), .timeout_ms = (ms) })

/* Whether unread bytes are at hand, so that reading will not wait. */
bool in_pending(const struct in *i);

/*
 * The unread bytes, reading some first if there are none; *s is empty at
 * end of file. Borrowed until the next call. in_skip() marks n of them read.
 */
int in_peek(struct in *i, struct span *s) MUST_CHECK;
void in_skip(struct in *i, size_t n);

/*
 * Before the connection of outfd, which is perhaps i's, is closed: say that
 * we are through, and listen a little longer. Closing a socket while bytes
 * are unread makes TCP throw away what we said last.
 */
void in_linger(struct in *i, int outfd);

struct out {
	int fd;
	int64_t timeout_ms;
	struct buf buf;
	int err; /* sticky */
};

#define OUT_INIT(f, ms, limit) \
	((struct out){ .fd = (f), .timeout_ms = (ms), .buf = BUF_INIT(limit) })

/* Append; writes by itself when much has gathered. */
void out_put(struct out *o, struct span s);
void out_puts(struct out *o, const char *s);

/* Write what has gathered. The first failure since the start. */
int out_flush(struct out *o) MUST_CHECK;
void out_free(struct out *o);

#endif

/*
 * spool - a message while it is being received
 *
 * In memory up to a bound, then in an unnamed file under $TMPDIR or
 * /var/tmp, so that a program with a thousand slow peers stays small and
 * nothing is left behind by a crash. Written once, then read from the
 * start as often as wanted.
 */
#ifndef SYS_SPOOL_H
#define SYS_SPOOL_H

#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

enum { SPOOL_MEMORY = 256 * 1024 };

struct spool {
	struct buf mem; /* what is not in the file yet */
	int fd;         /* -1 while all is in memory */
	uint64_t size;  /* bytes in all */
	int err;        /* sticky: the first failure */
};

#define SPOOL_INIT \
	((struct spool){ .mem = BUF_INIT(SPOOL_MEMORY + 65536), .fd = -1 })

/* Forget everything; usable again afterwards. */
void spool_free(struct spool *s);

/* Append. Failure is sticky, see spool_err(). */
void spool_put(struct spool *s, struct span bytes);

/* 0, or why a put failed (write errors, E_NOMEM). */
int spool_err(const struct spool *s) MUST_CHECK;

/* Append everything up to end of file of fd; read errors are returned,
 * write errors stay in the spool. */
int spool_fill(struct spool *s, int fd) MUST_CHECK;

/*
 * Read in pieces: at most 64 KiB from offset at. The span is borrowed,
 * until the next call, from s or from scratch. Empty at the end.
 */
int spool_read(struct spool *s, uint64_t at, struct buf *scratch,
    struct span *piece) MUST_CHECK;

#endif

/*
 * crlf - lines that end in CR LF become lines that end in LF
 *
 * A CR that no LF follows is kept (contract edges.md 3.1).
 */
#ifndef QMTPD_CRLF_H
#define QMTPD_CRLF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

struct crlf {
	bool has_cr; /* one was eaten, and what it is remains to be seen */
};

#define CRLF_INIT ((struct crlf){ .has_cr = false })

/* Translate in, cut anywhere, into out, which has room for a byte more
 * than in has. The number of bytes made. */
size_t crlf_eat(struct crlf *c, struct span in, char *out);

/* The end: the bytes left, 0 or 1. */
size_t crlf_end(struct crlf *c, char *out);

#endif

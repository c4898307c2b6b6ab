/*
 * hops - how often a message has been received already
 *
 * Lines of the header that begin with "received" or "delivered", in any
 * case, colon or not, counted in the bytes of the wire (contract edges.md
 * 1.6). The header ends at the first empty line.
 */
#ifndef SMTPD_HOPS_H
#define SMTPD_HOPS_H

#include <stdbool.h>

#include "base/span.h"

enum { HOPS_WORD = 9 }; /* the length of "delivered" */

struct hops {
	unsigned int n;
	bool is_over;         /* the header is */
	size_t len;           /* of this line as yet */
	char head[HOPS_WORD]; /* its first bytes */
};

#define HOPS_INIT ((struct hops){ .n = 0 })

/* The next bytes of the message, cut anywhere. */
void hops_eat(struct hops *h, struct span wire);

#endif

/*
 * reply - what an SMTP server answers
 *
 * A reply is fed with bytes as they come and takes one answer: lines ended
 * by LF, the last one being the first whose fourth byte is not '-'. The
 * code is that of the first line (contract edges.md 4.6). No I/O here.
 */
#ifndef MAIL_REPLY_H
#define MAIL_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

enum {
	REPLY_TEXT_MAX = 5000,   /* bytes of it that are kept */
	REPLY_LINES_MAX = 128,   /* more is nonsense: smtp.md 1 */
	REPLY_BYTES_MAX = 65536, /* likewise */
	REPLY_HEAD = 4
};

struct reply {
	int code;        /* 200 to 599; 0 when it begins with no such number */
	struct buf text; /* the kept bytes, see reply_text() */
	size_t lines;    /* complete ones so far */
	size_t bytes;    /* taken so far */
	size_t column;   /* bytes of the line so far, CRs not counted */
	char head[REPLY_HEAD]; /* the first of them */
};

#define REPLY_INIT ((struct reply){ .text = BUF_INIT(REPLY_TEXT_MAX) })

/* Forget the answer and begin a new one; release the storage. */
void reply_reset(struct reply *r);
void reply_free(struct reply *r);

/*
 * Take bytes up to the end of the answer; *used is how many. 0 when the
 * answer is complete; E_EOF when all bytes are taken and it is not;
 * E_TOOBIG over the limits above; E_NOMEM.
 */
int reply_feed(struct reply *r, struct span in, size_t *used) MUST_CHECK;

/*
 * The answer as people may read it: without CR, NUL as '?', at most
 * REPLY_TEXT_MAX bytes. Borrowed until the next feed or reset.
 */
struct span reply_text(const struct reply *r);

/*
 * Whether an answer to EHLO offers keyword (any case), and what follows
 * it. args may be NULL.
 */
bool reply_offers(
    const struct reply *r, struct span keyword, struct span *args);

/* The enhanced status, such as {5,1,1}, of the first line. False: none. */
bool reply_status(const struct reply *r, unsigned int status[3]);

#endif

/*
 * message - the message being delivered, read by position
 *
 * Its first bytes are kept: most messages fit whole, are looked at for
 * loops and then delivered from memory. The descriptor's own offset is
 * neither used nor moved here; it belongs to the programs.
 */
#ifndef LOCAL_MESSAGE_H
#define LOCAL_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

enum { MESSAGE_PIECE = 64 * 1024 };

struct message {
	int fd;          /* borrowed; -1: there is none */
	struct buf head; /* the first bytes */
	bool is_whole;   /* they are all of it */
	struct buf more; /* the last piece read behind them */
};

#define MESSAGE_INIT \
	((struct message){ .fd = -1, \
	    .head = BUF_INIT(MESSAGE_PIECE), \
	    .more = BUF_INIT(MESSAGE_PIECE) })

void message_free(struct message *m);

/* Look at the message behind fd, which stays the caller's. */
int message_open(struct message *m, int fd) MUST_CHECK;

/* Whether the descriptor can be rewound. */
bool message_is_seekable(const struct message *m);

/* Its bytes. */
int message_size(const struct message *m, uint64_t *size) MUST_CHECK;

/* A piece from offset at; empty at the end. Borrowed until the next call. */
int message_read(struct message *m, uint64_t at, struct span *piece) MUST_CHECK;

#endif

/*
 * message - the message to be sent, read as often as need be
 *
 * A regular file is read where it is; anything else is first copied to a
 * spool. The descriptor stays the caller's.
 */
#ifndef REMOTE_MESSAGE_H
#define REMOTE_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "mail/body.h"
#include "sys/spool.h"

enum { MESSAGE_PIECE = 65536 };

struct message {
	int fd;      /* of a regular file, or -1: it is in the spool */
	off_t start; /* where in the file it begins */
	uint64_t at; /* next byte to be read */
	bool at_end;
	struct buf buf; /* the piece last read */
	bool is_first;  /* buf holds the beginning; kept for reading again */
	bool is_whole;  /* and all of it */
	struct spool spool;
	struct body_facts facts;
};

#define MESSAGE_INIT \
	((struct message){ \
	    .fd = -1, .buf = BUF_INIT(MESSAGE_PIECE), .spool = SPOOL_INIT })

/* Read from fd's present offset on; reads all of it once, for facts. */
int message_open(struct message *m, int fd) MUST_CHECK;

/* Go back to the beginning. */
void message_rewind(struct message *m);

/* The next piece, borrowed until the next call; empty at the end. */
int message_next(struct message *m, struct span *piece) MUST_CHECK;

/* Forget the message; keep the storage. Release the storage. */
void message_close(struct message *m);
void message_free(struct message *m);

#endif

/*
 * wire - the one encoding that programs of the core speak to one another
 *
 * A frame is: length (4 bytes, of what follows), version (1 byte, WIRE_V),
 * type (1 byte), fields. Numbers are little-endian; bytes are a 4-byte
 * length and as many bytes. A reader takes the fields it knows in order and
 * ignores what follows them in the frame, so fields may be appended.
 * Grammar and examples: doc/protocols.md.
 *
 * Reading is sticky like writing to a buf: after the first field that is
 * not there every get returns zero or an empty span, and wire_err() tells.
 */
#ifndef QUEUE_WIRE_H
#define QUEUE_WIRE_H

#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

enum { WIRE_V = 1, WIRE_HEAD = 6 };

enum wire_type {
	WIRE_HELLO = 1,   /* spawner to send: limit */
	WIRE_JOB = 2,     /* send to spawner: struct job */
	WIRE_RESULT = 3,  /* spawner to send: struct verdict... */
	WIRE_SUBMIT = 4,  /* client to queue: envelope, size; bytes follow */
	WIRE_TAKEN = 5,   /* queue to client: code, id, qp, text */
	WIRE_WORK = 6,    /* spawner to worker: a delivery; a descriptor */
	WIRE_DONE = 7,    /* worker to spawner: how it ended */
	WIRE_ASK = 8,     /* lsched to getpw: local part */
	WIRE_ACCOUNT = 9, /* getpw to lsched: exit code, record */
	WIRE_START = 10,  /* lsched to lspawn: struct worker_order; a socket */
	WIRE_KILL = 11,   /* lsched to lspawn: struct worker_order */
	WIRE_GONE = 12    /* lspawn to lsched: struct worker_end */
};

/* Begin a frame in b, which may hold earlier frames; end it. */
size_t wire_begin(struct buf *b, enum wire_type type);
void wire_end(struct buf *b, size_t begun);

void wire_put_u32(struct buf *b, uint32_t n);
void wire_put_u64(struct buf *b, uint64_t n);
void wire_put_bytes(struct buf *b, struct span s);

struct frame {
	enum wire_type type;
	struct span rest; /* fields not read yet */
	int err;
};

/*
 * The first frame of *in, which is removed from it; its fields are borrowed
 * from *in. 0; E_EOF while it is not complete (nothing is removed);
 * E_TOOBIG when it says it is longer than max; E_SYNTAX for another
 * version, an unknown type or a length that cannot be.
 */
int wire_next(struct span *in, size_t max, struct frame *out) MUST_CHECK;

uint32_t wire_get_u32(struct frame *f);
uint64_t wire_get_u64(struct frame *f);
struct span wire_get_bytes(struct frame *f);

/* 0, or E_SYNTAX if any get found its field missing. */
int wire_err(const struct frame *f) MUST_CHECK;

#endif

/*
 * record - the form of the small files of the queue: letter, text, NUL
 *
 * A file is a sequence of records and ends with its seal: X, the hash of
 * all bytes before it in 16 hexadecimal digits, and a NUL.
 */
#ifndef QUEUE_RECORD_H
#define QUEUE_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

void record_put(struct buf *b, char letter, struct span text);
void record_putu(struct buf *b, char letter, uint64_t n);
void record_puthex(struct buf *b, char letter, uint64_t n);

/* Close the file whose bytes are all of b. */
void record_seal(struct buf *b);

/* The records of a sealed file, without the seal. E_DAMAGED. */
int record_open(struct span file, struct span *records) MUST_CHECK;

/* The next record, removed from *records. */
bool record_next(struct span *records, char *letter, struct span *text);

#endif

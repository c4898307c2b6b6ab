/*
 * input - what a queue program is given: a message, then an envelope
 *
 * The classic interface, contract queue.md 3.1, from the side of the
 * program. Results are exit codes, enum submit_code.
 */
#ifndef QUEUE_INPUT_H
#define QUEUE_INPUT_H

#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "sys/spool.h"

/* for who waits for input, and has nothing better to do */
enum { INPUT_DAY_MS = 24 * 3600 * 1000 };

/* Read a message up to end of file. SUBMIT_OK, _TIMEOUT, _NOMEM, _READ,
 * or _WRITE. */
int input_message(int fd, struct spool *msg, int64_t deadline) MUST_CHECK;

/*
 * Read an envelope up to its final NUL: what follows is ignored, and end of
 * file is not waited for. The code of one that ends early is the caller's:
 * cut; else as above, or SUBMIT_TOOLONG or _SYNTAX.
 */
int input_envelope(
    int fd, struct buf *envelope, int cut, int64_t deadline) MUST_CHECK;

#endif

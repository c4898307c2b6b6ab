/*
 * pipe - writing as much as goes without waiting
 */
#ifndef PIPE_H
#define PIPE_H

#include "base/attr.h"
#include "base/buf.h"

/* Write what fd, which does not block, takes of b, and drop it from b. */
int pipe_push(int fd, struct buf *b) MUST_CHECK;

#endif

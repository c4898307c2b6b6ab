/*
 * fd - descriptors: read, write, wait, never leak
 *
 * All descriptors of the project are close-on-exec and -1 when closed.
 * Deadlines are absolute, in milliseconds of clock_ms(); FD_FOREVER waits
 * without one. Interrupted calls are repeated.
 */
#ifndef SYS_FD_H
#define SYS_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

#define FD_FOREVER INT64_MAX

/* Close *fd unless it is -1, and set it to -1. */
void fd_close(int *fd);

/* close() and its verdict: for descriptors that were written to. */
int fd_close_checked(int *fd) MUST_CHECK;

/*
 * Read at most n bytes into p, waiting until the deadline. *got is 0 at end
 * of file. E_TIMEOUT; system errors. The descriptor may be blocking or not.
 */
int fd_read(
    int fd, void *p, size_t n, int64_t deadline, size_t *got) MUST_CHECK;

/* Append one read of at most n bytes to b; *got as in fd_read(). */
int fd_read_buf(
    int fd, struct buf *b, size_t n, int64_t deadline, size_t *got) MUST_CHECK;

/* Append everything up to end of file. E_TOOBIG over b's bound. */
int fd_read_all(int fd, struct buf *b) MUST_CHECK;

/*
 * Write all of s, waiting until the deadline. E_TIMEOUT, with part of s
 * written perhaps. The descriptor may be blocking or not.
 */
int fd_write(int fd, struct span s, int64_t deadline) MUST_CHECK;

/* Write all of s at the given offset of a file. */
int fd_pwrite(int fd, struct span s, off_t at) MUST_CHECK;

/* Wait until fd can be read (written). 0, E_TIMEOUT, or a system error. */
int fd_wait_in(int fd, int64_t deadline) MUST_CHECK;
int fd_wait_out(int fd, int64_t deadline) MUST_CHECK;

/* Set or clear O_NONBLOCK; set or clear FD_CLOEXEC. */
int fd_nonblock(int fd, bool on) MUST_CHECK;
int fd_cloexec(int fd, bool on) MUST_CHECK;

/* Whether fd is open at all; whether it is a listening socket. */
bool fd_is_open(int fd);
bool fd_is_listening(int fd);

/* A pipe, close-on-exec: ends[0] to read, ends[1] to write. */
int fd_pipe(int ends[2]) MUST_CHECK;

/* Rewind to the start. */
int fd_rewind(int fd) MUST_CHECK;

#endif

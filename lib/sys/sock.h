/*
 * sock - sockets: listen, connect, know the peer, pass descriptors
 */
#ifndef SYS_SOCK_H
#define SYS_SOCK_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

struct sock_peer {
	pid_t pid;
	uid_t uid;
	gid_t gid;
};

/*
 * Listen on a stream socket at path with this mode. A socket left behind
 * by a dead process is replaced; E_BUSY when a live one answers.
 */
int sock_listen(const char *path, mode_t mode, int backlog, int *fd) MUST_CHECK;

/* Connect to the stream socket at path. E_ABSENT when there is none,
 * ECONNREFUSED when nobody listens, E_TIMEOUT when its backlog stays full.
 * E_TOOBIG for a path no socket can have: chdir and use a shorter one. */
int sock_connect(const char *path, int64_t deadline, int *fd) MUST_CHECK;

/*
 * Connect a non-blocking socket to an address before the deadline. E_TIMEOUT;
 * system errors. The descriptor stays open whatever happens.
 */
int sock_reach(int fd, const struct sockaddr *to, socklen_t len,
    int64_t deadline) MUST_CHECK;

/* A connected pair that keeps message boundaries (SOCK_SEQPACKET). */
int sock_pair(int ends[2]) MUST_CHECK;

/* Who is at the other end of a Unix socket (SO_PEERCRED). */
int sock_peer(int fd, struct sock_peer *out) MUST_CHECK;

/*
 * Send one message, with a descriptor unless pass is -1. Waits for room
 * until the deadline.
 */
int sock_send(int fd, struct span msg, int pass, int64_t deadline) MUST_CHECK;

/*
 * Receive one message of at most max bytes (E_TOOBIG, and it is lost, when
 * it is longer), appended to b, and the
 * descriptor that came with it (close-on-exec; -1 if none; the caller's).
 * Waits until the deadline. *got 0: the peer has gone.
 */
int sock_recv(int fd, struct buf *b, size_t max, int64_t deadline, size_t *got,
    int *passed) MUST_CHECK;

#endif

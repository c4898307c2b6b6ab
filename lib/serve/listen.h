/*
 * listen - the resident form: a pool of children on listening sockets
 *
 * What every server of the network has in common. A child serves one
 * connection in its life, without an exec; sockets are held by whoever
 * started us, and passed on to a new image when a child was killed.
 */
#ifndef SERVE_LISTEN_H
#define SERVE_LISTEN_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "serve/peer.h"

enum { LISTENERS_MAX = 16 };

struct listeners {
	int fd[LISTENERS_MAX];
	size_t n;
};

/* What a program has read in control/. */
struct settings {
	int err;            /* why it could not be read, or 0 */
	uint64_t timeout_s; /* of reads from the peer; 0: none */
	struct span me;     /* control/me, or empty; borrowed from service */
};

/* A connection, in a child of its own. */
struct visit {
	int fd;
	const struct peer *peer;
	int err;        /* of the settings: nobody can be served */
	bool has_timer; /* reads from fd end after timeout_s */
	/* set when the program is to end; interrupts system calls */
	const volatile sig_atomic_t *must_stop;
};

struct service {
	void *ctx; /* for the functions */
	/* Read control files anew if they have changed, or the last time
	 * failed: true if that was so. Fills *out either way. */
	bool (*refresh)(void *ctx, struct settings *out);
	/* Serve: the child's exit status. */
	int (*serve)(void *ctx, const struct visit *v);
};

/*
 * The listening sockets we were given: descriptor 0, and those of
 * LISTEN_FDS if LISTEN_PID is us. None, and false: this is the one-shot
 * form.
 */
bool listen_find(struct listeners *l);

/*
 * Be qmaild, if we are root, and serve until TERM; from the home directory.
 * The arguments are those of main(), where the last image of this process
 * tells the next one something. The exit status.
 */
int listen_run(const struct listeners *l, const struct service *service,
    int argc, char **argv) MUST_CHECK;

/* Make a socket's reads fail after so long; 0: never. False where that
 * cannot be: it is none. */
bool listen_set_timer(int fd, uint64_t seconds);

#endif

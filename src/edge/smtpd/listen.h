/*
 * listen - the resident form: a pool of children on listening sockets
 */
#ifndef SMTPD_LISTEN_H
#define SMTPD_LISTEN_H

#include <stddef.h>

#include "base/attr.h"
#include "limits.h"

struct listeners {
	int fd[LISTENERS_MAX];
	size_t n;
};

/*
 * The listening sockets we were given: descriptor 0, and those of
 * LISTEN_FDS if LISTEN_PID is us. None: this is the one-shot form.
 */
void listen_find(struct listeners *l);

/*
 * Serve until TERM. inherited: how many children the last image of this
 * process left to finish. The exit status.
 */
int listen_run(const struct listeners *l, size_t inherited) MUST_CHECK;

#endif

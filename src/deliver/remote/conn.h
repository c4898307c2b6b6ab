/*
 * conn - one TCP connection to a mail server
 *
 * The socket blocks, with the kernel's timeouts for connecting and
 * receiving, so that waiting for a reply is one system call.
 */
#ifndef REMOTE_CONN_H
#define REMOTE_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "ip.h"
#include "mail/reply.h"

struct conn {
	int fd;             /* -1: no connection */
	char ip[IP_TEXT];   /* the peer, for reports */
	int64_t timeout_ms; /* for each wait */
	/* what the server offered */
	bool pipelining, size, eightbit;
	/* how it was used */
	int64_t opened; /* clock_ms() */
	unsigned int messages;
	bool heard; /* something, since we last sent */
	/* received, not taken yet: data[at..len) */
	size_t at, len;
	char data[8192];
};

/*
 * Connect. E_TIMEOUT when there was no answer in time; E_NOMEM and EMFILE
 * alike are our own fault; other system errors are the network's.
 */
int conn_open(struct conn *c, const struct ip *ip, uint16_t port,
    int64_t connect_ms, int64_t timeout_ms) MUST_CHECK;
void conn_close(struct conn *c);

/* Say QUIT, wait for nothing, close. Fine without a connection. */
void conn_quit(struct conn *c);

/*
 * Send all of s. With watch, E_BUSY if the server begins to speak while it
 * does not take more: then not all was sent.
 */
int conn_send(struct conn *c, struct span s, bool watch) MUST_CHECK;

/* Read one reply into r. E_EOF, E_TIMEOUT, E_TOOBIG, system errors. */
int conn_reply(struct conn *c, struct reply *r) MUST_CHECK;

/* Whether bytes of the server that nobody asked for are at hand. */
bool conn_spoke(const struct conn *c);

#endif

/*
 * server - a line of control/qmqpservers
 */
#ifndef QMQPC_SERVER_H
#define QMQPC_SERVER_H

#include <stdbool.h>
#include <sys/socket.h>

#include "base/span.h"

enum { QMQP_PORT = 628 };

struct server {
	struct sockaddr_storage address;
	socklen_t len;
};

/*
 * "1.2.3.4", numbers of any size modulo 256 (contract edges.md 0.3), or an
 * IPv6 address, which may be in brackets and must be, if a ":PORT" follows
 * it. Whatever else follows is ignored. False: no address to begin with.
 */
bool server_parse(struct span line, struct server *out);

#endif

/*
 * listeners - control/listeners: which programs listen where
 *
 * One per line, as "smtp 127.0.0.1:2525" or "smtp [::1]:2525": the protocol
 * and a numeric address with its port. The sockets are bound before anything
 * is started, and belong to the supervisor: a program that dies is replaced
 * without a connection being refused.
 */
#ifndef CTL_LISTENERS_H
#define CTL_LISTENERS_H

#include <stddef.h>
#include <sys/socket.h>

enum {
	LISTENERS_MAX = 64,
	LISTENER_NAME_MAX = 80 /* "smtp-[" an address of 45 "]:65535" NUL */
};

struct listener {
	char name[LISTENER_NAME_MAX]; /* "smtp-127.0.0.1:2525" */
	const char *program;          /* "bin/qmail-smtpd" */
	struct sockaddr_storage address;
	socklen_t address_len;
	size_t line; /* in control/listeners */
	int fd;      /* -1 until it is bound */
};

struct listeners {
	struct listener list[LISTENERS_MAX];
	size_t n;
};

/* Read control/listeners; exits on a bad line, naming it. No file: none. */
void listeners_read(struct listeners *l);

/* Bind and listen on all, or exit, naming the line. */
void listeners_bind(struct listeners *l);

#endif

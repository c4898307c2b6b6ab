/*
 * limits - what bounds qmail-remote
 */
#ifndef REMOTE_LIMITS_H
#define REMOTE_LIMITS_H

enum {
	LIMIT_TARGETS = 32,        /* addresses tried for one message */
	LIMIT_MX = 32,             /* of one host; the rest is ignored */
	LIMIT_HOST = 1004,         /* bytes of a host name: an address, cut */
	LIMIT_LOOKUPS_MS = 120000, /* all lookups for one message together */

	LIMIT_BATCH = 50,        /* RCPTs sent before replies are read */
	LIMIT_ROUNDS = 100,      /* transactions for one job: 452, go on */
	LIMIT_OUT = 1024 * 1024, /* unsent bytes of commands or body */

	LIMIT_MESSAGES = 100,  /* over one connection */
	LIMIT_AGE_MS = 300000, /* of a connection that is used again */
	LIMIT_IDLE_MS = 60000, /* between two messages */

	LIMIT_TIMEOUT = 86400, /* seconds: above, control files are wrong */
	LIMIT_DONE = 150000    /* bytes of all texts in a DONE: a packet of
	                             the socket must hold them */
};

#endif

/*
 * tcptable - the hosts that timed out lately: queue/lock/tcpto
 *
 * 64 records of 16 bytes: IPv4 address, count (1 byte), 3 unused, time (4
 * bytes, little-endian), 4 unused. qmail-remote notes timeouts there, and
 * goes on without the table if something is wrong with it. Hold the lock
 * from reading to writing.
 */
#ifndef QUEUE_TCPTABLE_H
#define QUEUE_TCPTABLE_H

#include <stdint.h>

#include "base/attr.h"

/* The folder, below the home directory, and the file in it. */
#define TCPTABLE_FOLDER "queue/lock"
#define TCPTABLE_FILE "tcpto"

enum { TCPTABLE_RECORDS = 64 };

struct tcptable_record {
	unsigned char ip[4];
	unsigned char count; /* timeouts, at most 10; 0: not in use */
	uint32_t when;       /* of the last one, in seconds since 1970 */
};

struct tcptable {
	struct tcptable_record record[TCPTABLE_RECORDS];
};

/* Take the exclusive lock, which closing fd releases. E_TIMEOUT. */
int tcptable_lock(int fd) MUST_CHECK;

/* Read it. E_EOF when the file is too short: nothing was ever noted. */
int tcptable_read(int fd, struct tcptable *t) MUST_CHECK;

/* Write all of it. */
int tcptable_write(int fd, const struct tcptable *t) MUST_CHECK;

#endif

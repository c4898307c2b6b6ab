/*
 * tcpto - addresses that did not answer lately (queue/lock/tcpto)
 *
 * 64 records of 16 bytes; contract edges.md 4.5 and queue.md 9. The table
 * knows IPv4 only. tcpto_* with a table are pure; struct tcpto is the file.
 */
#ifndef REMOTE_TCPTO_H
#define REMOTE_TCPTO_H

#include <stdbool.h>
#include <stdint.h>

#include "ip.h"

enum { TCPTO_RECORDS = 64, TCPTO_RECORD = 16, TCPTO_SIZE = 1024 };

/*
 * Whether to skip the address: it timed out twice or more, and not long
 * ago. pid spreads the moment at which processes try again. *known says
 * whether the table has it.
 */
bool tcpto_skips(const unsigned char table[TCPTO_SIZE], const struct ip *ip,
    int64_t now, uint32_t pid, bool *known);

/* Note a timeout. False: nothing changed. */
bool tcpto_note(
    unsigned char table[TCPTO_SIZE], const struct ip *ip, int64_t now);

/* Note that the address answers. False: nothing changed. */
bool tcpto_clear(unsigned char table[TCPTO_SIZE], const struct ip *ip);

/* The file. Whatever fails turns the feature off for that one call. */
struct tcpto {
	int fd; /* -1: none */
};

/* Use the descriptor our parent opened, if it is a file; else open it. */
void tcpto_open(struct tcpto *t, int given);
void tcpto_close(struct tcpto *t);

bool tcpto_file_skips(const struct tcpto *t, const struct ip *ip, bool *known);
void tcpto_file_note(const struct tcpto *t, const struct ip *ip);
void tcpto_file_clear(const struct tcpto *t, const struct ip *ip);

#endif

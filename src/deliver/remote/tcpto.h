/*
 * tcpto - addresses that did not answer lately
 *
 * The rules for queue/lock/tcpto (queue/tcptable.h): contract edges.md 4.5
 * and queue.md 9. It knows IPv4 only. tcpto_* with a table are pure; struct
 * tcpto is the file.
 */
#ifndef REMOTE_TCPTO_H
#define REMOTE_TCPTO_H

#include <stdbool.h>
#include <stdint.h>

#include "ip.h"
#include "queue/tcptable.h"

/*
 * Whether to skip the address: it timed out twice or more, and not long
 * ago. pid spreads the moment at which processes try again. *known says
 * whether the table has it.
 */
bool tcpto_skips(struct tcptable *t, const struct ip *ip, int64_t now,
    uint32_t pid, bool *known);

/* Note a timeout. False: nothing changed. */
bool tcpto_note(struct tcptable *t, const struct ip *ip, int64_t now);

/* Note that the address answers. False: nothing changed. */
bool tcpto_clear(struct tcptable *t, const struct ip *ip);

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

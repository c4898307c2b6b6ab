/*
 * journal - the lines of the log (contract queue.md 7)
 *
 * Lines gather during one turn of the loop and are written together. A log
 * that cannot be written loses its lines; mail goes on.
 */
#ifndef JOURNAL_H
#define JOURNAL_H

#include <stdint.h>

#include "base/buf.h"

enum { JOURNAL_MAX = 4 * 1024 * 1024, JOURNAL_FULL = 256 * 1024 };

struct journal {
	int fd;
	struct buf text;
	size_t begun; /* of the line being composed */
};

#define JOURNAL_INIT(f) \
	((struct journal){ .fd = (f), .text = BUF_INIT(JOURNAL_MAX) })

/* Compose a line in the buf this returns, without LF; then end it. */
struct buf *journal_begin(struct journal *j);
void journal_end(struct journal *j);

/* A line of fixed words; with an ID between or behind them. */
void journal_say(struct journal *j, const char *words);
void journal_say_id(
    struct journal *j, const char *before, uint64_t id, const char *after);

/* The same with the name of a file of the message: "info/5/ID". */
void journal_say_file(struct journal *j, const char *before, const char *folder,
    uint64_t id, const char *after);

void journal_flush(struct journal *j);

#endif

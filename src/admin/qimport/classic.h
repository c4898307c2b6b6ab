/*
 * classic - the small files of a classic queue, read
 *
 * todo/N, info/S/N, local/S/N and remote/S/N are records: a letter, a text,
 * a NUL (contract queue.md 2.2). Pure functions; spans are borrowed. A file
 * that was cut off or has what qmail does not write there is none of ours
 * to guess at: it is refused as a whole.
 */
#ifndef CLASSIC_H
#define CLASSIC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/span.h"

/* What is not about recipients in todo/N or info/S/N. */
struct classic_head {
	uint64_t uid, pid; /* 0 where the file does not say */
	struct span sender;
};

/*
 * Check a whole file. E_EOF: the last record does not end; E_SYNTAX: a
 * record has a wrong letter; E_ABSENT: there is no sender; E_TOOBIG: the
 * sender is longer than qmail allows.
 */
int classic_todo(struct span file, struct classic_head *out) MUST_CHECK;
int classic_info(struct span file, struct classic_head *out) MUST_CHECK;
int classic_channel(struct span file) MUST_CHECK;

/*
 * The next recipient of a checked file that is not done, removed from *rest
 * with what is before it. *at counts the records that were passed, this one
 * included.
 */
bool classic_rcpt(struct span *rest, uint64_t *at, struct span *addr);

/* What is wrong, in words. */
const char *classic_text(int r);

#endif

/*
 * assign - who owns a local address: users/assign, users/cdb, and records
 *
 * Contract local.md 2.1 to 2.4, queue.md 5.5. qmail-newu compiles
 * users/assign into users/cdb; qmail-lsched asks users/cdb; an address not
 * found there is qmail-getpw's, whose answer is a record of the same six
 * fields. Pure functions but for the lookup, which reads a mapped file.
 */
#ifndef CONF_ASSIGN_H
#define CONF_ASSIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "conf/cdb.h"

/* What qmail-local needs to know of the owner. Spans are borrowed. */
struct account {
	struct span user;
	uid_t uid; /* 0: root, or no number: never to be delivered to */
	gid_t gid;
	struct span home, dash, ext;
	bool is_exact;  /* by assign_find(): not a wildcard */
	size_t matched; /* bytes of the local part that the assignment names */
};

/*
 * Read user, uid, gid, home, dash and ext, a NUL between each two; what
 * follows a sixth NUL is ignored. uid and gid are decimal prefixes; what
 * is no number, or is too large, makes the uid 0. E_SYNTAX when there are
 * fewer fields.
 */
int account_parse(struct span record, struct account *out) MUST_CHECK;

/* Append the record of an account, a NUL behind each field, the last too. */
void account_put(struct buf *b, const struct account *a);

/* Receives the records of a compilation; its failure ends it. */
typedef int assign_sink_fn(void *ctx, struct span key, struct span value);

/*
 * Compile the text of users/assign: one record for each line, then the
 * empty key with the last bytes of all wildcards, as they are written.
 * E_SYNTAX, with the number of the line in *line, from 1; E_NOMEM; what
 * the sink returned.
 */
int assign_compile(
    struct span text, assign_sink_fn *sink, void *ctx, size_t *line) MUST_CHECK;

/*
 * Look a local part up in users/cdb. An exact assignment wins, else the
 * longest wildcard; case is ignored, but ext keeps that of local. Spans
 * are borrowed from c, but ext from ext, which is replaced.
 *
 * E_ABSENT when nothing is assigned; E_SYNTAX for a record with too few
 * fields; anything else: the file cannot be trusted, or no memory.
 */
int assign_find(struct cdbfile *c, struct span local, struct buf *ext,
    struct account *out) MUST_CHECK;

#endif

/*
 * owner - who owns a local part, as the system's accounts have it
 *
 * Contract queue.md 5.5, local.md 2.2. All questions about accounts go to
 * the system's C library, and so to whatever it is configured to ask.
 */
#ifndef GETPW_OWNER_H
#define GETPW_OWNER_H

#include <stddef.h>

#include "base/buf.h"
#include "base/span.h"

/* How a lookup ends: the exit codes of qmail-getpw. */
enum owner_code {
	OWNER_FOUND = 0,
	OWNER_NFS = 115,     /* a home cannot be looked at now */
	OWNER_NOALIAS = 116, /* nobody's mail, and no account alias */
	OWNER_LATER = 118,   /* the accounts cannot be looked at now */
	OWNER_NOMEM = 119    /* no memory */
};

enum { OWNER_MAX = 64 * 1024 }; /* bytes of a record */

/*
 * Put the record of local's owner into *record, replacing it: user, uid,
 * gid, home, dash, ext, a NUL behind each. Left empty unless OWNER_FOUND.
 */
enum owner_code owner_find(struct span local, struct buf *record);

#endif

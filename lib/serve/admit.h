/*
 * admit - which mail from the network is taken: for whom, and how large
 *
 * control/rcpthosts with morercpthosts.cdb, unless RELAYCLIENT is set; and
 * control/databytes, which DATABYTES overrides (contract edges.md 1.1, 1.2).
 * Paths are below the current directory.
 */
#ifndef SERVE_ADMIT_H
#define SERVE_ADMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "conf/rcpthosts.h"

struct admit {
	uint64_t databytes;      /* 0: no limit */
	struct rcpthosts *hosts; /* NULL: every domain */
};

#define ADMIT_INIT ((struct admit){ .databytes = 0 })

/* Read the control files. On failure what is held is still to be freed. */
int admit_load(struct admit *a) MUST_CHECK;
void admit_free(struct admit *a);

/* Whether a message of so many bytes, as stored, is too large. */
bool admit_is_too_big(const struct admit *a, uint64_t bytes);

/*
 * May mail go to addr: *yes. With a relayclient, which is the value of
 * RELAYCLIENT or NULL, it may, and addr gets it appended (buf_err() is the
 * caller's to ask). Fails when a control file makes no sense.
 */
int admit_rcpt(const struct admit *a, const char *relayclient, struct buf *addr,
    bool *yes) MUST_CHECK;

#endif

/*
 * undo - from where mail was to go back to the address it was for
 *
 * A classic queue keeps recipients as control files once rewrote them; we
 * rewrite at each attempt. So the way back must lead, by the control files
 * of today, to what is written there.
 */
#ifndef UNDO_H
#define UNDO_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "conf/routes.h"

enum undo {
	UNDO_SAME,  /* by this address it goes where it was to go */
	UNDO_OTHER, /* it does not; by this one it reaches the same mailbox */
	UNDO_NONE   /* by no address */
};

/*
 * Find the address for a recipient that was to go to stored, and append it
 * to out, whose failure stays in it. me is a name of this host, or empty;
 * scratch is overwritten.
 */
enum undo undo(const struct routes *r, struct span me, enum routes_to to,
    struct span stored, struct buf *scratch, struct buf *out);

#endif

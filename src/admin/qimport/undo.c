/*
 * undo - from where mail was to go back to the address: see undo.h
 */
#include "undo.h"

#include "base/err.h"

/* Whether mail for addr goes to stored. */
static bool
leads(const struct routes *r, struct span addr, enum routes_to to,
    struct span stored, struct buf *scratch)
{
	buf_reset(scratch);
	return routes_apply(r, addr, scratch) == to && buf_err(scratch) == 0 &&
	       span_eq(buf_span(scratch), stored);
}

/* PREPEND-ADDRESS: what is in front was put there by virtualdomains. */
static bool
find_virtual(const struct routes *r, struct span stored, struct buf *scratch,
    struct span *addr)
{
	size_t end = span_rfind(stored, '@');

	for (size_t i = 0; i < end; i++) {
		if (stored.p[i] != '-')
			continue;
		*addr = span_tail(stored, i + 1);
		if (leads(r, *addr, ROUTES_LOCAL, stored, scratch))
			return true;
	}
	return false;
}

enum undo
undo(const struct routes *r, struct span me, enum routes_to to,
    struct span stored, struct buf *scratch, struct buf *out)
{
	struct span addr = stored;
	size_t begun = out->len;

	if (leads(r, stored, to, stored, scratch) ||
	    (to == ROUTES_LOCAL && find_virtual(r, stored, scratch, &addr))) {
		buf_put(out, addr);
		return UNDO_SAME;
	}
	if (to == ROUTES_REMOTE || me.len == 0)
		return UNDO_NONE;
	/* the local part says whose it is; any name of ours will do */
	buf_put(out, span_head(stored, span_rfind(stored, '@') + 1));
	buf_put(out, me);
	if (buf_err(out) < 0)
		return UNDO_NONE;
	addr = span_tail(buf_span(out), begun);
	if (leads(r, addr, ROUTES_LOCAL, addr, scratch))
		return UNDO_OTHER;
	buf_cut(out, begun);
	return UNDO_NONE;
}

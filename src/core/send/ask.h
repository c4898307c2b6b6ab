/*
 * ask - one line of the control socket run/send: see doc/protocols.md
 *
 * Pure functions.
 */
#ifndef ASK_H
#define ASK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/span.h"
#include "queue/note.h"

enum { ASK_LINE_MAX = 4096 };

enum ask_verb {
	ASK_STATUS,
	ASK_RELOAD,
	ASK_FLUSH,
	ASK_HOLD,
	ASK_RELEASE,
	ASK_DELETE,
	ASK_BOUNCE,
	ASK_INFO,
	ASK_DESTS,
	ASK_DEST,
	ASK_ROUTES,
	ASK_VERBS
};

struct ask {
	enum ask_verb verb;
	bool has_id;
	uint64_t id;
	enum channel channel; /* of DEST, with its key */
	struct span key;
};

/* Read a line without its LF; key is borrowed from it. E_SYNTAX. */
int ask_parse(struct span line, struct ask *out) MUST_CHECK;

/* Whether it only looks. */
bool ask_is_harmless(const struct ask *k);

#endif

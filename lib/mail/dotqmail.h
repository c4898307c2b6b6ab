/*
 * dotqmail - .qmail files: which one, and what its lines say
 *
 * Contract local.md 1.3, 1.4. Pure.
 */
#ifndef MAIL_DOTQMAIL_H
#define MAIL_DOTQMAIL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

enum { DOTQMAIL_MAX = 32 * 1024 * 1024 }; /* bytes of a file */

/* Append an extension as names of files have it: lower case, ':' for '.'. */
void dotqmail_safe(struct buf *b, struct span ext);

/* The names to try, in order. safe is what dotqmail_safe() made. */
struct dotqmail_names {
	struct span dash, safe;
	bool was_exact; /* the first name has been given */
	bool is_over;
	size_t at; /* safe[0..at) was in the last default name */
};

#define DOTQMAIL_NAMES(d, s) \
	((struct dotqmail_names){ .dash = (d), .safe = (s) })

/*
 * Append the next name to b. False when there is none. If it is a default
 * name, *at is where in the extension the part begins that "default"
 * stands for; otherwise *at is the length of the extension, or 7 less when
 * that ends with "default".
 */
bool dotqmail_name(struct dotqmail_names *n, struct buf *b, size_t *at);

enum line_kind {
	LINE_NOTHING, /* a comment, or an unknown word behind '+' */
	LINE_BLANK,
	LINE_FORWARD_ONLY, /* from here on */
	LINE_PROGRAM,
	LINE_MBOX,
	LINE_MAILDIR,
	LINE_LMTP,
	LINE_FOLDER, /* the one the address names, of a maildir */
	LINE_FORWARD
};

struct line {
	enum line_kind kind;
	struct span text; /* the command, path, server or address */
};

/* What a line (without its LF) says. text is borrowed from it. */
struct line dotqmail_line(struct span line);

/*
 * Whether the end of an address may name a folder of a maildir: letters,
 * digits, '-', '_', '+', '=', and dots between them, at most 64 bytes. The
 * trash is for its owner: it counts for no quota.
 */
bool dotqmail_is_folder(struct span name) MUST_CHECK;

#endif

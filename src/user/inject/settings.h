/*
 * settings - who is sending, from where, and how he likes it
 *
 * From the environment and from control/ (contract edges.md 5.2). Spans
 * are borrowed from the environment.
 */
#ifndef SETTINGS_H
#define SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/span.h"
#include "mail/addrlist.h"

enum { LINE_LIMIT = 1024 * 1024 }; /* of one text from environment, control */

struct settings {
	struct span user, host;               /* of From; host may be empty */
	struct span sender_user, sender_host; /* of the envelope sender */
	struct span name;
	bool has_name;
	/* the letters of QMAILINJECT */
	bool name_in_comment;    /* c */
	bool ignore_return_path; /* s */
	bool drop_from;          /* f */
	bool drop_message_id;    /* i */
	bool verp_recipient;     /* r */
	bool verp_message;       /* m */

	struct addrlist_rules rules;
	struct buf idhost;
	struct map *lists; /* for Mail-Followup-To; NULL: unknown */
	int64_t now;
	int64_t pid;
};

/* What is relative to the caller's directory; exits on failure. */
void settings_begin(struct settings *s);

/* The rest, in the home directory; exits on failure. */
void settings_load(struct settings *s);

void settings_free(struct settings *s);

#endif

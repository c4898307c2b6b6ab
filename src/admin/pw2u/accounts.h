/*
 * accounts - from a line of passwd(5) to lines of users/assign
 *
 * Contract local.md 2.5.
 */
#ifndef ACCOUNTS_H
#define ACCOUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/span.h"
#include "sys/io.h"

/* What is asked of an account's home. */
enum home_check {
	HOME_SKIP, /* there and the account's own, else no assignment */
	HOME_MUST, /* that it is not there is a failure */
	HOME_ANY   /* nothing */
};

struct pw2u {
	enum home_check home;
	bool takes_upper;    /* names with upper-case letters as well */
	bool has_extensions; /* the account owns user-anything too */
	char break_char;     /* what '-' is there */
	struct span dash;
	struct map *include, *exclude, *mailnames; /* NULL: no such file */
	struct map *accepted; /* name to "user:uid:gid:home" */
	bool has_alias;       /* it is among them */
	struct buf passwd, subusers, append;
	struct out out;
};

/* Spans are borrowed from the line. */
struct passwd_line {
	struct span user, uid_text, gid_text, home;
	uint32_t uid;
};

/* E_SYNTAX when it has too few colons, or a NUL. What is no number of a
 * uid is 0, as root is. */
int accounts_parse(struct span line, struct passwd_line *out) MUST_CHECK;

/* Whether the options, include and exclude leave it in. */
bool accounts_wants(const struct pw2u *s, const struct passwd_line *p);

/* 0 if its home is as wanted; E_ABSENT if it is to be skipped; E_NOMEM;
 * else the failure to look at it. */
int accounts_check_home(
    const struct pw2u *s, const struct passwd_line *p) MUST_CHECK;

/* Assign its addresses, and remember it as accepted. */
int accounts_assign(struct pw2u *s, const struct passwd_line *p) MUST_CHECK;

/*
 * Assign what a line of users/subusers says; one that has too few colons
 * says nothing. E_ABSENT when its user was not accepted: *user.
 */
int accounts_subuser(
    struct pw2u *s, struct span line, struct span *user) MUST_CHECK;

void accounts_free(struct pw2u *s);

#endif

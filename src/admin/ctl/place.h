/*
 * place - the home directory, and as whom to act in it
 *
 * A home that belongs to root is the system's: root acts there as root, and
 * each program becomes its own account. A home that belongs to anybody else
 * is that user's: what root does there is done as that user, so that a
 * program or a pid planted there is no way to become root.
 */
#ifndef CTL_PLACE_H
#define CTL_PLACE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/attr.h"

enum { PLACE_USER_MAX = 64 };

struct place {
	bool must_drop; /* root, in the home of somebody else */
	uid_t uid;      /* whom to become */
	gid_t gid;
};

/*
 * Enter the home dir, or home_path() if that is NULL, and set QMAILHOME to
 * its true name; find out as whom to act. Exits when that is impossible.
 */
void place_enter(const char *dir, struct place *p);

/* QMAILHOME becomes the name of the current directory. */
void place_name(void);

/* Act as the owner from now on. Exits when that is impossible. */
void place_drop(const struct place *p);

/*
 * Root, in a home of root's: be less from now on, the account qmails, which
 * may look at the queue and call qmail-send. For all that reads what
 * strangers wrote. Anybody else stays who they are.
 */
void place_lower(void);

/*
 * Run fn(ctx) as the owner, in a child; what it returned or exited with, or
 * EX_SOFT if it crashed.
 */
typedef int place_fn(void *ctx);
int place_as_owner(const struct place *p, place_fn *fn, void *ctx) MUST_CHECK;

/* The first account or group of qmail's that does not exist; else NULL. */
const char *place_missing_account(void);

/* The primary group of uid; E_ABSENT. The name of uid, or its number. */
int place_group_of(uid_t uid, gid_t *gid) MUST_CHECK;
void place_user_name(uid_t uid, char name[PLACE_USER_MAX]);

#endif

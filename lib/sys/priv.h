/*
 * priv - who this process is, and becoming less
 *
 * qmail's accounts exist only where root starts the system. Started by
 * anybody else everything runs as that one user, and becoming an account
 * is then to stay who one is.
 */
#ifndef SYS_PRIV_H
#define SYS_PRIV_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/attr.h"

/* Whether this process may become others: effective uid 0. */
bool priv_is_root(void);

/*
 * uid and primary gid of an account; gid of a group. E_ABSENT; temporary
 * system errors when the system could not tell.
 */
int priv_user(const char *name, uid_t *uid, gid_t *gid) MUST_CHECK;
int priv_group(const char *name, gid_t *gid) MUST_CHECK;

/*
 * Become uid and gid for good: groups {gid}, then gid, then uid, then
 * verify that there is no way back. Works without root only when uid is
 * what the process already is, and gid its real one at least.
 */
int priv_drop(uid_t uid, gid_t gid) MUST_CHECK;

/*
 * As root: the same, but with another effective gid, the rights of which
 * priv_drop(uid, gid) later gives up for good.
 */
int priv_drop_with(uid_t uid, gid_t gid, gid_t effective) MUST_CHECK;

/*
 * The same for accounts a program cannot do without: if there is none, exit
 * 111 with "fatal: unable to find user NAME" / "group NAME" on descriptor 2.
 */
uid_t priv_need_user(const char *name) MUST_CHECK;
gid_t priv_need_group(const char *name) MUST_CHECK;

/*
 * As root: become the named account with the named group, or exit 111 with
 * "fatal: unable to find user NAME" / "group NAME" on descriptor 2.
 * As anybody else: nothing.
 */
void priv_become(const char *user, const char *group);

#endif

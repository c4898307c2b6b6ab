/*
 * home - where this qmail lives
 *
 * QMAILHOME if it is set and begins with a slash, else the directory fixed
 * at compile time (QH, /var/qmail). Nothing is set-id, so the variable
 * gives nobody a right they did not have.
 */
#ifndef SYS_HOME_H
#define SYS_HOME_H

#include "base/attr.h"

/* The path; borrowed, never NULL. */
const char *home_path(void);

/* chdir there; control files and bin/ are then relative paths. */
int home_enter(void) MUST_CHECK;

#endif

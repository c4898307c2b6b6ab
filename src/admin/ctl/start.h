/*
 * start - check everything, bind everything, then run it
 */
#ifndef CTL_START_H
#define CTL_START_H

#include "base/attr.h"
#include "place.h"

/*
 * Start the current home in the background and wait until it answers; or
 * stay in the foreground as its supervisor. Nothing is left running after a
 * failure. The exit status; exits when a check fails.
 */
int start_home(const struct place *p) MUST_CHECK;
int start_foreground(const struct place *p) MUST_CHECK;

#endif

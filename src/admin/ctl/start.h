/*
 * start - check everything, bind everything, then run it
 */
#ifndef CTL_START_H
#define CTL_START_H

#include "base/attr.h"
#include "base/buf.h"
#include "place.h"

/*
 * Start the current home in the background and wait until it answers; or
 * stay in the foreground as its supervisor. Nothing is left running after a
 * failure. The exit status; exits when a check fails.
 */
int start_home(const struct place *p) MUST_CHECK;
int start_foreground(const struct place *p) MUST_CHECK;

/*
 * What to do with mail nobody's .qmail says anything about: that of
 * control/defaultdelivery, in text, which may have several lines; or the
 * usual. Exits when the file cannot be read.
 */
const char *start_default_delivery(struct buf *text);

/*
 * What we start inherits our environment, and so does every program a
 * message is delivered to: of root's only what the mail system is for.
 */
void start_clean_environment(void);

#endif

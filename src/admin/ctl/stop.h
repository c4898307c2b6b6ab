/*
 * stop - end what runs in the current home
 */
#ifndef CTL_STOP_H
#define CTL_STOP_H

#include "base/attr.h"
#include "state.h"

/* End services whose supervisor is no more: TERM in turn, then KILL. */
void stop_leftovers(const struct state *s);

/* The verb: a place_fn. Also fine when nothing runs. */
int stop_all(void *unused);

#endif

/*
 * tell - the verbs that look at a running system, or send it a signal
 *
 * All are place_fn: they run in the home, as its owner.
 */
#ifndef CTL_TELL_H
#define CTL_TELL_H

int tell_stat(void *unused);
int tell_queue(void *unused);
int tell_flush(void *unused);
int tell_reload(void *unused);

#endif

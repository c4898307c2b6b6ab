/*
 * act - the verbs that change what becomes of messages
 *
 * qmail-send does it, and logs it. All are place_fn; ctx is what stands
 * behind the verb.
 */
#ifndef CTL_ACT_H
#define CTL_ACT_H

int act_flush(void *words);
int act_hold(void *words);
int act_release(void *words);
int act_delete(void *words);
int act_bounce(void *words);

#endif

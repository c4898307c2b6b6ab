/*
 * check - the verb check-queue
 *
 * A place_fn; ctx is what stands behind the verb.
 */
#ifndef CTL_CHECK_H
#define CTL_CHECK_H

int check_verb(void *words);

#endif

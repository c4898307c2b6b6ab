/*
 * queue - the verbs that look at messages: queue, show
 *
 * Both are place_fn; ctx is what stands behind the verb.
 */
#ifndef CTL_QUEUE_H
#define CTL_QUEUE_H

int queue_list(void *words);
int queue_show(void *words);

#endif

/*
 * route - the verbs about destinations: route, dest
 *
 * Both are place_fn; ctx is what stands behind the verb.
 */
#ifndef CTL_ROUTE_H
#define CTL_ROUTE_H

int route_set(void *words);
int route_dests(void *words);

#endif

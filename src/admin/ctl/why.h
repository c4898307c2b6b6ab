/*
 * why - the verb why: where a message to an address would go, and why
 *
 * It changes nothing. What decides is asked itself: conf/ about control
 * files, qmail-getpw about accounts, qmail-local -n about a .qmail file.
 * Whatever belongs to a user is looked at in a child with that user's
 * rights: as root one might follow a link to what the user may not read,
 * and print it.
 */
#ifndef CTL_WHY_H
#define CTL_WHY_H

/* ADDRESS [--json] */
int why_verb(void *words);

#endif

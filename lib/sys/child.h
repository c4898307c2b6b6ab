/*
 * child - programs that run another one for whoever runs them
 *
 * From a line of a .qmail file, mostly: contract local.md 4.1, 4.3. Both
 * functions look for argv[0] in $PATH, and end the program when something
 * is wrong, as prog_die() does.
 */
#ifndef SYS_CHILD_H
#define SYS_CHILD_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/span.h"

/*
 * A question: whether the program, with our descriptors, exits 0. Exit code
 * 111 and a crash end us, with 111, for it may be answered another time. A
 * program that does not exist says no.
 */
bool child_ask(char *const argv[]);

/*
 * Run the program with head and all of our descriptor 0 as its descriptor 0,
 * and return its exit code. noexec is ours when it cannot be executed; 0: 100
 * or 111, as the reason is.
 */
int child_feed(char *const argv[], struct span head, int noexec) MUST_CHECK;

#endif

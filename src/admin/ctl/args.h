/*
 * args - what stands behind a verb: options of words, and operands
 *
 * An option is "--name", or "--name VALUE", which is also "--name=VALUE".
 * Options and operands may stand in any order.
 */
#ifndef CTL_ARGS_H
#define CTL_ARGS_H

#include <stdbool.h>
#include <stddef.h>

struct arg {
	const char *name;  /* with its two hyphens; NULL ends a list */
	bool *flag;        /* set when the option is there, or */
	const char **text; /* where its value goes */
};

/*
 * Read what stands behind a verb. The operands move to the front of words,
 * which NULL ends; how many there are is returned. Exits when an option is
 * neither in list nor in more, which may be NULL, or its value is missing.
 */
size_t args_read(const char *verb, char **words, const struct arg *list,
    const struct arg *more);

#endif

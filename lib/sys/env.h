/*
 * env - the environment: read here, written here
 */
#ifndef SYS_ENV_H
#define SYS_ENV_H

#include "base/attr.h"
#include "base/span.h"

/* The value of a variable, or NULL. Borrowed until the next env_put. */
const char *env_get(const char *name);

/* Set or replace; E_NUL for a NUL inside, E_NOMEM. */
int env_put(const char *name, struct span value) MUST_CHECK;

/* Remove, if it is there. */
void env_drop(const char *name);

#endif

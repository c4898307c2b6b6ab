/*
 * err - the one way a function of this project reports failure
 *
 * Every function that can fail returns int: 0 for success, or one of the
 * negative codes below. errno is read once, next to the system call, and
 * turned into a code by err_sys(); it never crosses a function boundary.
 *
 * A mail system asks one question about every failure: will the same
 * attempt work later? err_class() answers it.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>

#include "base/attr.h"

enum err {
	E_NOMEM = -1,     /* no memory */
	E_TOOBIG = -2,    /* over a limit set by the caller */
	E_SYNTAX = -3,    /* input does not follow its grammar */
	E_NUL = -4,       /* a NUL byte where text was needed */
	E_EOF = -5,       /* input ended early */
	E_TIMEOUT = -6,   /* the deadline passed */
	E_DAMAGED = -7,   /* a checksum does not fit: not what was written */
	E_ABSENT = -8,    /* the thing asked for does not exist */
	E_BUSY = -9,      /* somebody else holds it */
	E_SYSBASE = -1000 /* E_SYSBASE - errno: a system call failed */
};

enum err_class {
	ERR_TEMP, /* worth another try later */
	ERR_PERM  /* will never work as it stands */
};

/* The code for the current errno; ENOMEM becomes E_NOMEM. */
int err_sys(void) MUST_CHECK;

/* The code for a given errno value. */
int err_of(int errnum) MUST_CHECK;

/* Whether r came from err_sys() with this errno value. */
bool err_is(int r, int errnum);

/* Whether a failure is worth another try. Unknown codes are ERR_TEMP;
 * system errors as in contract local.md Appendix A. */
enum err_class err_class(int r);

/* For a failure that changes nothing: say why beside the call. */
static inline void
err_ignore(int r)
{
	(void)r;
}

/* A short lower-case phrase for a log line; never NULL. Static storage.
 * For errno values qmail's own words: "file does not exist" (contract
 * local.md Appendix A), which people and scripts know. */
const char *err_text(int r);

#endif

/*
 * say - one line, made of parts
 *
 * parts is a list of strings that NULL ends.
 */
#ifndef CTL_SAY_H
#define CTL_SAY_H

#include <stdint.h>

#include "base/attr.h"

#define PARTS(...) ((const char *const[]){ __VA_ARGS__, NULL })

enum { NUMBER_MAX = 24 };

/* "qmailctl: fatal: PARTS: why r" on descriptor 2, and exit; r may be 0. */
void say_die(int code, const char *const parts[], int r) NORETURN;

/* "qmailctl: PARTS" on descriptor 2, without an exit. */
void say_warn(const char *const parts[]);

/* PARTS on descriptor 1. */
void say(const char *const parts[]);

/* "SECONDS.MICROSECONDS PARTS" on descriptor 2: the log of the supervisor. */
void say_log(const char *const parts[]);

/* n in decimal, in space, which is returned. */
const char *say_number(uint64_t n, char space[NUMBER_MAX]);

#endif

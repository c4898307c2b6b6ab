/*
 * prog - what every main() begins and ends with
 */
#ifndef SYS_PROG_H
#define SYS_PROG_H

#include "base/attr.h"

/* Exit codes of programs people run and of programs run for a delivery. */
enum { EX_NEXT = 0, EX_LAST = 99, EX_HARD = 100, EX_SOFT = 111 };

/*
 * Be name: descriptors 0, 1 and 2 are open (on /dev/null if need be),
 * SIGPIPE is ignored, signals are unblocked. name must outlive the program.
 */
void prog_start(const char *name);

/* The name given to prog_start(). */
const char *prog_name(void);

/* Print "NAME: usage: USAGE" on descriptor 2 and exit 100. */
void prog_usage(const char *usage) NORETURN;

/* The exit code for a failure: 100 if permanent, else 111. */
int prog_code(int r) MUST_CHECK;

/*
 * Print "NAME: fatal: WHAT: err_text(r)" on descriptor 2 and exit. With r
 * 0 only WHAT. prog_die_file() says "WHAT FILE: ...".
 */
void prog_die(int code, const char *what, int r) NORETURN;
void prog_die_file(
    int code, const char *what, const char *file, int r) NORETURN;

/*
 * The value of a variable of the environment, or the end: "NAME: fatal:
 * VARIABLE not set". Borrowed.
 */
const char *prog_need(const char *variable, int code);

/* Print a line on descriptor 1. */
int prog_say(const char *words) MUST_CHECK;

/*
 * Options the way qmail's programs have always taken them (contract
 * local.md, head): letters, ':' behind those that want an argument; stops
 * at the first operand; "--" is consumed, "-" is an operand. Returns the
 * letter, -1 at the end, or '?' after printing "NAME: illegal option -- X"
 * or "NAME: option requires an argument -- X".
 */
struct prog_opt {
	int argc;
	char **argv;
	int index;       /* of the next operand, once -1 was returned */
	const char *arg; /* the argument of the option just returned */
	const char *at;  /* inside a bundle such as -nN */
};
#define PROG_OPT(c, v) \
	((struct prog_opt){ .argc = (c), .argv = (v), .index = 1 })
int prog_opt_next(struct prog_opt *o, const char *letters);

#endif

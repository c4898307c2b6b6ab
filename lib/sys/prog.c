/*
 * prog - what every main() begins and ends with: see prog.h
 */
#include "sys/prog.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "sys/env.h"
#include "sys/fd.h"
#include "sys/sig.h"

enum { LINE_MAX_BYTES = 65536 };

/* Set once by prog_start(), before anything else runs. */
static const char *program = "?";

void
prog_start(const char *name)
{
	program = name;
	/* a file opened later must not become somebody's output */
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
		    open("/dev/null", O_RDWR) < 0)
			_exit(EX_SOFT);
	sig_ignore(SIGPIPE);
	sig_unblock_all();
}

const char *
prog_name(void)
{
	return program;
}

/* Write NAME and the parts, which NULL ends, as one line. */
static void
complain(const char *const parts[])
{
	struct buf line = BUF_INIT(LINE_MAX_BYTES);

	buf_puts(&line, program);
	for (; *parts != NULL; parts++)
		buf_puts(&line, *parts);
	buf_putc(&line, '\n');
	if (buf_err(&line) == 0)
		err_ignore(fd_write(2, buf_span(&line), FD_FOREVER));
	buf_free(&line);
}

void
prog_usage(const char *usage)
{
	complain((const char *const[]){ ": usage: ", usage, NULL });
	exit(EX_HARD);
}

int
prog_code(int r)
{
	return err_class(r) == ERR_PERM ? EX_HARD : EX_SOFT;
}

void
prog_die(int code, const char *what, int r)
{
	const char *why = r == 0 ? NULL : err_text(r);

	complain((const char *const[]){
	    ": fatal: ", what, why == NULL ? NULL : ": ", why, NULL });
	exit(code);
}

void
prog_die_file(int code, const char *what, const char *file, int r)
{
	const char *why = r == 0 ? NULL : err_text(r);

	complain((const char *const[]){ ": fatal: ", what, " ", file,
	    why == NULL ? NULL : ": ", why, NULL });
	exit(code);
}

const char *
prog_need(const char *variable, int code)
{
	const char *value = env_get(variable);

	if (value == NULL)
		prog_die_file(code, variable, "not set", 0);
	return value;
}

int
prog_say(const char *words)
{
	struct buf line = BUF_INIT(LINE_MAX_BYTES);
	int r;

	buf_puts(&line, words);
	buf_putc(&line, '\n');
	r = buf_err(&line);
	if (r == 0)
		r = fd_write(1, buf_span(&line), FD_FOREVER);
	buf_free(&line);
	return r;
}

/* The next argument as a bundle of options; false at the operands. */
static bool
next_bundle(struct prog_opt *o)
{
	const char *a = o->index < o->argc ? o->argv[o->index] : NULL;

	if (a == NULL || a[0] != '-' || a[1] == '\0')
		return false;
	o->index++;
	if (strcmp(a, "--") == 0)
		return false;
	o->at = a + 1;
	return true;
}

static int
bad_option(const char *what, char c)
{
	const char letter[2] = { c, '\0' };

	complain((const char *const[]){ ": ", what, " -- ", letter, NULL });
	return '?';
}

int
prog_opt_next(struct prog_opt *o, const char *letters)
{
	const char *found;
	char c;

	if ((o->at == NULL || *o->at == '\0') && !next_bundle(o))
		return -1;
	c = *o->at++;
	found = c == ':' ? NULL : strchr(letters, c);
	if (found == NULL)
		return bad_option("illegal option", c);
	if (found[1] != ':')
		return (unsigned char)c;
	if (*o->at != '\0')
		o->arg = o->at;
	else if (o->index < o->argc)
		o->arg = o->argv[o->index++];
	else
		return bad_option("option requires an argument", c);
	o->at = NULL;
	return (unsigned char)c;
}

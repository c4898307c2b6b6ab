/*
 * preline - run a program with the lines in front that an mbox would have
 *
 * Run by:   qmail-local(8), for a line "|preline command" of a .qmail file
 * Runs as:  the owner of that .qmail file
 * Input:    the message on descriptor 0; UFLINE, RPLINE and DTLINE of the
 *           environment
 * Trusts:   its environment and its operands, which the account owner
 *           wrote; nothing in the message
 * Output:   the lines and the message, to the program
 * Exits:    as the program; 100 it cannot be run or a variable is missing,
 *           111 try again later
 */
#include "base/buf.h"
#include "base/err.h"
#include "sys/child.h"
#include "sys/env.h"
#include "sys/prog.h"

enum { LINES_MAX = 1024 * 1024 };

static const struct {
	const char *variable;
	char with, without; /* options */
} lines[] = {
	{ "UFLINE", 'F', 'f' },
	{ "RPLINE", 'R', 'r' },
	{ "DTLINE", 'D', 'd' },
};

enum { LINES = sizeof(lines) / sizeof(*lines) };

int
main(int argc, char **argv)
{
	struct prog_opt o = PROG_OPT(argc, argv);
	struct buf head = BUF_INIT(LINES_MAX);
	bool is_wanted[LINES];
	bool is_right = true;
	int c, r;

	prog_start("preline");
	for (int i = 0; i < LINES; i++)
		is_wanted[i] = true;
	while ((c = prog_opt_next(&o, "frdFRD")) >= 0) {
		is_right = is_right && c != '?';
		for (int i = 0; i < LINES; i++)
			if (c == lines[i].with || c == lines[i].without)
				is_wanted[i] = c == lines[i].with;
	}
	for (int i = 0; i < LINES; i++) {
		const char *line = env_get(lines[i].variable);

		/* all of them, even those that are not wanted */
		is_right = is_right && line != NULL;
		if (line != NULL && is_wanted[i])
			buf_puts(&head, line);
	}
	if (!is_right || argv[o.index] == NULL)
		prog_usage("preline cmd [ arg ... ]");
	r = buf_err(&head);
	if (r < 0)
		prog_die(EX_SOFT, "unable to compose", r);
	return child_feed(argv + o.index, buf_span(&head), 0);
}

/*
 * bouncesaying - return a message, if a program says so
 *
 * Run by:   qmail-local(8), for a line "|bouncesaying ..." of a .qmail file
 * Runs as:  the owner of that .qmail file
 * Input:    the message on descriptor 0, for the program
 * Trusts:   its operands, which the account owner wrote
 * Output:   the reason, on descriptor 2: it becomes part of the bounce
 * Exits:    100 the message is to be returned, 0 it is not, 111 try again
 *           later
 */
#include "base/buf.h"
#include "base/err.h"
#include "sys/child.h"
#include "sys/fd.h"
#include "sys/prog.h"

enum { TEXT_MAX = 1024 * 1024 };

int
main(int argc, char **argv)
{
	struct buf text = BUF_INIT(TEXT_MAX);

	prog_start("bouncesaying");
	if (argc < 2)
		prog_usage("bouncesaying error [ program [ arg ... ] ]");
	if (argc > 2 && !child_ask(argv + 2))
		return 0;
	buf_puts(&text, argv[1]);
	buf_putc(&text, '\n');
	/* unheard, the message is still returned */
	if (buf_err(&text) == 0)
		err_ignore(fd_write(2, buf_span(&text), FD_FOREVER));
	return EX_HARD;
}

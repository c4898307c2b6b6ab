/*
 * condredirect - send a message on, if a program says so
 *
 * Run by:   qmail-local(8), for a line "|condredirect ..." of a .qmail file
 * Runs as:  the owner of that .qmail file
 * Input:    the message on descriptor 0, for the program and then for the
 *           queue; SENDER and DTLINE of the environment
 * Trusts:   its environment and its operands, which the account owner
 *           wrote; nothing in the message
 * Output:   one message to the queue; its number on descriptor 2
 * Exits:    99 sent on, 0 the program says no, 100 never, 111 try again later
 */
#include <unistd.h>

#include "base/err.h"
#include "queue/resend.h"
#include "sys/child.h"
#include "sys/prog.h"

int
main(int argc, char **argv)
{
	char *to[] = { argc > 1 ? argv[1] : NULL, NULL };

	prog_start("condredirect");
	if (argc < 3)
		prog_usage("condredirect newaddress program [ arg ... ]");
	if (!child_ask(argv + 2))
		return 0;
	if (lseek(0, 0, SEEK_SET) < 0)
		prog_die(EX_SOFT, "unable to rewind", err_sys());
	resend("SENDER", to);
	return EX_LAST;
}

/*
 * except - the answer of a program, turned round
 *
 * Run by:   qmail-local(8), for a line "|except command" of a .qmail file
 * Runs as:  the owner of that .qmail file
 * Input:    the message on descriptor 0, for the program
 * Trusts:   its operands, which the account owner wrote
 * Output:   none of its own
 * Exits:    100 the program exits 0, 111 it exits 111 or crashes, 0 all else
 */
#include "sys/child.h"
#include "sys/prog.h"

int
main(int argc, char **argv)
{
	prog_start("except");
	if (argc < 2)
		prog_usage("except program [ arg ... ]");
	return child_ask(argv + 1) ? EX_HARD : 0;
}

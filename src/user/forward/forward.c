/*
 * forward - send a message on to other addresses
 *
 * Run by:   qmail-local(8), for a line "|forward ..." of a .qmail file
 * Runs as:  the owner of that .qmail file
 * Input:    the message on descriptor 0, from where it stands; NEWSENDER
 *           and DTLINE of the environment; addresses as operands
 * Trusts:   its environment and its operands, which the account owner
 *           wrote; nothing in the message
 * Output:   one message to the queue; its number on descriptor 2
 * Exits:    0 queued, 100 never, 111 try again later
 */
#include "queue/resend.h"
#include "sys/prog.h"

int
main(int argc, char **argv)
{
	prog_start("forward");
	resend("NEWSENDER", argc > 0 ? argv + 1 : argv);
	return 0;
}

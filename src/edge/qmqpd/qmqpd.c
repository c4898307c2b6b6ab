/*
 * qmail-qmqpd - receive mail over QMQP, from hosts that may relay
 *
 * Run by:   tcpserver(1) and its like, once for each connection, which let
 *           nobody else in
 * Runs as:  qmaild; needs no privilege
 * Input:    the peer on descriptor 0; the environment from our parent
 * Trusts:   the environment; the peer to name senders and recipients
 * Output:   the answer on descriptor 1; the message to qmail-queue(8) over
 *           the socket run/queue
 * Exits:    0 answered, or the peer has gone, 100 it does not speak QMQP,
 *           111 we could not go on
 */
#include "qmqp.h"
#include "sys/home.h"
#include "sys/prog.h"

/* The connection is on descriptors 0 and 1. */
static int
run_once(void)
{
	struct peer peer;
	struct qmqp q;
	int code;

	peer_from_env(&peer);
	q.peer = &peer;
	netin_begin(&q.net, 0, 1);
	code = qmqp_run(&q);
	netin_end(&q.net);
	return code;
}

int
main(void)
{
	prog_start("qmail-qmqpd");
	return home_enter() < 0 ? EX_SOFT : run_once();
}

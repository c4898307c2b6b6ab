/*
 * qmail-qmtpd - receive mail from strangers over QMTP
 *
 * Run by:   tcpserver(1) and its like, once for each connection
 * Runs as:  qmaild; needs no privilege
 * Input:    the peer on descriptor 0; the environment from our parent
 * Trusts:   the environment and the control files; nothing the peer says
 * Output:   answers on descriptor 1; messages to qmail-queue(8) over the
 *           socket run/queue
 * Exits:    0 the peer has gone, 100 it does not speak QMTP, 111 we could
 *           not go on
 */
#include "qmtp.h"
#include "sys/env.h"
#include "sys/home.h"
#include "sys/prog.h"

/* The connection is on descriptors 0 and 1. */
static int
run_once(void)
{
	struct admit admit;
	struct peer peer;
	struct qmtp q;
	int code = EX_SOFT;

	if (admit_load(&admit) == 0) {
		peer_from_env(&peer);
		q.admit = &admit;
		q.peer = &peer;
		q.relayclient = env_get("RELAYCLIENT");
		netin_begin(&q.net, 0, 1);
		code = qmtp_run(&q);
		netin_end(&q.net);
	}
	admit_free(&admit);
	return code;
}

int
main(void)
{
	prog_start("qmail-qmtpd");
	return home_enter() < 0 ? EX_SOFT : run_once();
}

/*
 * qmail-smtpd - receive mail from strangers over SMTP
 *
 * Run by:   tcpserver(1) and its like, once for each connection; or a
 *           service manager, with a listening socket as descriptor 0
 * Runs as:  qmaild; needs no privilege
 * Input:    the peer on descriptor 0; the environment from our parent
 * Trusts:   the environment and the control files; nothing the peer says
 * Output:   replies on descriptor 1; messages to qmail-queue(8) over the
 *           socket run/queue; resident, log lines on descriptor 2
 * Exits:    0 after QUIT, else 1; resident: 0 after TERM, 111 it could not
 *           go on
 *
 * Either way a process talks to one peer in its life.
 */
#include <string.h>

#include "base/err.h"
#include "base/num.h"
#include "listen.h"
#include "policy.h"
#include "serve/peer.h"
#include "session.h"
#include "sys/home.h"
#include "sys/prog.h"

/* The connection is on descriptors 0 and 1. */
static int
run_once(void)
{
	struct policy policy;
	struct session s;
	struct peer peer;
	bool has_timer;
	int code;

	policy_load(&policy);
	if (policy.err != 0) {
		code = session_refuse(1, policy.err);
	} else {
		peer_from_env(&peer);
		has_timer = session_set_timer(0, policy.timeout_s);
		session_begin(&s, 0, 1, &policy, &peer, has_timer);
		code = session_run(&s);
		session_end(&s);
	}
	policy_free(&policy);
	return code;
}

/* What the last image of a resident process tells: how many children are
 * at work for it. */
static size_t
read_inherited(int argc, char **argv)
{
	uint64_t n;

	if (argc != 3 || strcmp(argv[1], "--inherited") != 0 ||
	    num_parse(span_cstr(argv[2]), INT32_MAX, &n) < 0)
		return 0;
	return (size_t)n;
}

int
main(int argc, char **argv)
{
	struct listeners listeners;
	int r;

	prog_start("qmail-smtpd");
	listen_find(&listeners);
	r = home_enter();
	if (listeners.n == 0)
		return r < 0 ? session_refuse(1, r) : run_once();
	if (r < 0)
		prog_die_file(EX_SOFT, "unable to enter", home_path(), r);
	return listen_run(&listeners, read_inherited(argc, argv));
}

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
#include "base/err.h"
#include "policy.h"
#include "serve/listen.h"
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
		has_timer = listen_set_timer(0, policy.timeout_s);
		session_begin(&s, 0, 1, &policy, &peer, has_timer);
		code = session_run(&s);
		session_end(&s);
	}
	policy_free(&policy);
	return code;
}

static bool
refresh(void *ctx, struct settings *out)
{
	struct policy *p = ctx;
	bool has_changed = policy_refresh(p);

	*out = (struct settings){ .err = p->err, .timeout_s = p->timeout_s };
	if (p->err == 0)
		out->me = buf_span(&p->me);
	return has_changed;
}

/* A child of the resident form, with its connection. */
static int
serve(void *ctx, const struct visit *v)
{
	const struct policy *p = ctx;
	struct session s;

	if (v->err != 0)
		return session_refuse(v->fd, v->err);
	session_begin(&s, v->fd, v->fd, p, v->peer, v->has_timer);
	s.must_stop = v->must_stop;
	s.has_log = true;
	return session_run(&s);
}

static int
run_resident(const struct listeners *l, int argc, char **argv)
{
	struct policy policy = { .err = E_ABSENT }; /* not loaded yet */
	const struct service service = { &policy, refresh, serve };
	int code = listen_run(l, &service, argc, argv);

	policy_free(&policy);
	return code;
}

int
main(int argc, char **argv)
{
	struct listeners listeners;
	bool is_resident;
	int r;

	prog_start("qmail-smtpd");
	is_resident = listen_find(&listeners);
	r = home_enter();
	if (!is_resident)
		return r < 0 ? session_refuse(1, r) : run_once();
	if (r < 0)
		prog_die_file(EX_SOFT, "unable to enter", home_path(), r);
	return run_resident(&listeners, argc, argv);
}

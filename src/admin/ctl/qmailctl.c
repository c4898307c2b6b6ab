/*
 * qmailctl - make, start, stop and look at a mail system
 *
 * Run by:   the operator
 * Runs as:  the operator; in the home of another user, what root does is
 *           done as that user (see place.h)
 * Input:    arguments; control/, supervise/ and queue/ in the home directory;
 *           answers of qmail-send on run/send
 * Trusts:   its arguments, its environment and the owner of the home; what
 *           strangers wrote it reads as qmails, not as root, and shows as
 *           printable ASCII
 * Output:   what it did on descriptor 1, complaints on descriptor 2
 * Exits:    0 done, 100 misused or misconfigured, 111 it did not work
 */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "act.h"
#include "base/span.h"
#include "check.h"
#include "init.h"
#include "place.h"
#include "queue.h"
#include "route.h"
#include "say.h"
#include "start.h"
#include "stop.h"
#include "sys/prog.h"
#include "tell.h"
#include "why.h"

static const char usage[] = "qmailctl [-d HOME] VERB; qmailctl help tells more";

/* What the command line says. */
struct ctl {
	const char *dir; /* -d, or NULL */
	char **operands; /* behind the verb, NULL at the end */
};

typedef int verb_fn(const struct ctl *c);

struct verb {
	const char *name;
	const char *other; /* the same under another name, or NULL */
	verb_fn *fn;       /* finds its own way home, or */
	place_fn *in_home; /* is run there, as its owner, with the operands */
	bool takes_operands;
	const char *help;
};

/* The argument of --me, which is all that init takes. */
static const char *
read_me(char *const *operands)
{
	const char *me = NULL;

	for (; *operands != NULL; operands++) {
		struct span s = span_cstr(*operands);

		if (span_eq(s, SPAN("--me")) && operands[1] != NULL)
			me = *++operands;
		else if (span_starts(s, SPAN("--me=")))
			me = *operands + 5;
		else if (span_eq(s, SPAN("--me")))
			say_die(EX_HARD, PARTS("--me wants a host name"), 0);
		else
			say_die(EX_HARD,
			    PARTS("init: unknown argument ", *operands), 0);
	}
	if (me == NULL)
		prog_usage("qmailctl [-d HOME] init --me HOST");
	return me;
}

static int
do_init(const struct ctl *c)
{
	return init_home(c->dir, read_me(c->operands));
}

static int
do_start(const struct ctl *c)
{
	struct place p;

	place_enter(c->dir, &p);
	return start_home(&p);
}

static int
do_run(const struct ctl *c)
{
	struct place p;

	place_enter(c->dir, &p);
	return start_foreground(&p);
}

static int
do_restart(const struct ctl *c)
{
	struct place p;
	int code;

	place_enter(c->dir, &p);
	code = place_as_owner(&p, stop_all, NULL);
	return code != 0 ? code : start_home(&p);
}

static int do_help(const struct ctl *c);

static const struct verb verbs[] = {
	{ "init", NULL, do_init, NULL, true,
	    "make a home directory: init --me HOST" },
	{ "start", NULL, do_start, NULL, false,
	    "check everything, start everything, wait until it answers" },
	{ "run", NULL, do_run, NULL, false, "the same, in the foreground" },
	{ "stop", NULL, NULL, stop_all, false,
	    "let deliveries end, then stop everything" },
	{ "restart", NULL, do_restart, NULL, false, "stop, then start" },
	{ "stat", NULL, NULL, tell_stat, false,
	    "what runs, since when, and how much mail is waiting" },
	{ "queue", NULL, NULL, queue_list, true,
	    "list the messages in the queue; with MESSAGES, those, and why" },
	{ "show", NULL, NULL, queue_show, true,
	    "all about one message: show ID, show ID --raw" },
	{ "doqueue", "alrm", NULL, tell_flush, false,
	    "try all messages in the queue now" },
	{ "flush", NULL, NULL, act_flush, true,
	    "the same as doqueue; with MESSAGES, try those" },
	{ "hold", NULL, NULL, act_hold, true, "try MESSAGES no more" },
	{ "release", NULL, NULL, act_release, true,
	    "hold MESSAGES no more, and try them now" },
	{ "delete", NULL, NULL, act_delete, true,
	    "delete MESSAGES, after a question or with --yes" },
	{ "bounce", NULL, NULL, act_bounce, true,
	    "return MESSAGES to their senders, asking as delete does" },
	{ "route", NULL, NULL, route_set, true,
	    "send a domain's mail elsewhere for a while: "
	    "route DOMAIN RELAY --for 2h" },
	{ "dest", NULL, NULL, route_dests, true,
	    "the destinations mail is going to or waiting for" },
	{ "why", NULL, NULL, why_verb, true,
	    "where a message to an address would go, and why: why ADDRESS" },
	{ "check-queue", NULL, NULL, check_verb, true,
	    "verify every file of the queue; --repair sets aside" },
	{ "reload", "hup", NULL, tell_reload, false,
	    "read locals, virtualdomains and the listeners' files again" },
	{ "help", NULL, do_help, NULL, false, "this list" },
};

enum { VERBS = sizeof(verbs) / sizeof(*verbs) };

static int
do_help(const struct ctl *c)
{
	static const char blanks[] = "             ";

	(void)c;
	say(PARTS("usage: qmailctl [-d HOME] VERB"));
	for (size_t i = 0; i < VERBS; i++)
		say(PARTS("  ", verbs[i].name, blanks + strlen(verbs[i].name),
		    verbs[i].help));
	say(PARTS("MESSAGES are IDs, or what must be true of them:"));
	say(PARTS("  --sender GLOB  --recipient GLOB  --domain GLOB  "
		  "--older AGE  --newer AGE  --held  --all"));
	return 0;
}

static int
run_in_home(const struct ctl *c, place_fn *fn)
{
	struct place p;

	place_enter(c->dir, &p);
	place_drop(&p);
	return fn(c->operands);
}

static const struct verb *
find_verb(const char *name)
{
	for (size_t i = 0; i < VERBS; i++)
		if (strcmp(name, verbs[i].name) == 0 ||
		    (verbs[i].other != NULL &&
			strcmp(name, verbs[i].other) == 0))
			return &verbs[i];
	say_die(EX_HARD,
	    PARTS("no such verb: ", name, "; qmailctl help tells all"), 0);
}

int
main(int argc, char **argv)
{
	struct prog_opt o = PROG_OPT(argc, argv);
	struct ctl c = { .dir = NULL };
	const struct verb *v;
	int letter;

	prog_start("qmailctl");
	/* a supervisor must not keep what its caller forgot to close */
	(void)close_range(3, ~0U, 0);
	while ((letter = prog_opt_next(&o, "d:")) != -1) {
		if (letter == '?')
			return EX_HARD;
		c.dir = o.arg;
	}
	if (o.index >= argc)
		prog_usage(usage);
	v = find_verb(argv[o.index]);
	c.operands = argv + o.index + 1;
	if (!v->takes_operands && *c.operands != NULL)
		say_die(EX_HARD,
		    PARTS(v->name, ": unknown argument ", *c.operands), 0);
	return v->fn != NULL ? v->fn(&c) : run_in_home(&c, v->in_home);
}

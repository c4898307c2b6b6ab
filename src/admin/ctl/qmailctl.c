/*
 * qmailctl - make, start, stop and look at a mail system
 *
 * Run by:   the operator
 * Runs as:  the operator; in the home of another user, what root does is
 *           done as that user (see place.h)
 * Input:    arguments; control/ and supervise/ in the home directory
 * Trusts:   its arguments, its environment and the owner of the home
 * Output:   what it did on descriptor 1, complaints on descriptor 2
 * Exits:    0 done, 100 misused or misconfigured, 111 it did not work
 */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/span.h"
#include "init.h"
#include "place.h"
#include "say.h"
#include "start.h"
#include "stop.h"
#include "sys/prog.h"
#include "tell.h"

static const char usage[] = "qmailctl [-d HOME] VERB; qmailctl help tells more";

/* What the command line says. */
struct ctl {
	const char *dir;       /* -d, or NULL */
	char *const *operands; /* behind the verb, NULL at the end */
};

typedef int verb_fn(const struct ctl *c);

struct verb {
	const char *name;
	const char *other; /* the same under another name, or NULL */
	verb_fn *fn;
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
as_owner(const struct ctl *c, place_fn *fn)
{
	struct place p;

	place_enter(c->dir, &p);
	place_drop(&p);
	return fn(NULL);
}

static int
do_stop(const struct ctl *c)
{
	return as_owner(c, stop_all);
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

static int
do_stat(const struct ctl *c)
{
	return as_owner(c, tell_stat);
}

static int
do_queue(const struct ctl *c)
{
	return as_owner(c, tell_queue);
}

static int
do_flush(const struct ctl *c)
{
	return as_owner(c, tell_flush);
}

static int
do_reload(const struct ctl *c)
{
	return as_owner(c, tell_reload);
}

static int do_help(const struct ctl *c);

static const struct verb verbs[] = {
	{ "init", NULL, do_init, true,
	    "make a home directory: init --me HOST" },
	{ "start", NULL, do_start, false,
	    "check everything, start everything, wait until it answers" },
	{ "run", NULL, do_run, false, "the same, in the foreground" },
	{ "stop", NULL, do_stop, false,
	    "let deliveries end, then stop everything" },
	{ "restart", NULL, do_restart, false, "stop, then start" },
	{ "stat", NULL, do_stat, false,
	    "what runs, since when, and how much mail is waiting" },
	{ "queue", NULL, do_queue, false, "list the messages in the queue" },
	{ "doqueue", "alrm", do_flush, false,
	    "try all messages in the queue now" },
	{ "flush", NULL, do_flush, false, "the same as doqueue" },
	{ "reload", "hup", do_reload, false,
	    "read locals, virtualdomains and the listeners' files again" },
	{ "help", NULL, do_help, false, "this list" },
};

enum { VERBS = sizeof(verbs) / sizeof(*verbs) };

static int
do_help(const struct ctl *c)
{
	static const char blanks[] = "          ";

	(void)c;
	say(PARTS("usage: qmailctl [-d HOME] VERB"));
	for (size_t i = 0; i < VERBS; i++)
		say(PARTS("  ", verbs[i].name, blanks + strlen(verbs[i].name),
		    verbs[i].help));
	return 0;
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
	return v->fn(&c);
}

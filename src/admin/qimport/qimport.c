/*
 * qmail-qimport - take what is pending in a classic queue into ours
 *
 * Run by:   the operator, once, to leave another qmail
 * Runs as:  root at first; then the owner of our queue/mess, qmailq, with
 *           two helpers: one, root still, opens files of the other queue
 *           for reading and is asked in numbers; one, the owner of our
 *           queue/info, qmails, writes notes. Anybody may run it who can
 *           read the one queue and owns the other; all is then done as him
 * Input:    the files of a classic queue; control/ and queue/ of our own
 * Trusts:   nothing in the other queue but its times; its own journal
 * Output:   messages and notes in our queue, queue/import/journal; a line
 *           for each message on descriptor 1
 * Exits:    0 all was taken, 100 misuse or no classic queue, 111 something
 *           was left
 *
 * The other queue is not changed.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "conf/control.h"
#include "conf/routes.h"
#include "journal.h"
#include "notes.h"
#include "queue/store.h"
#include "rcpts.h"
#include "report.h"
#include "source.h"
#include "sys/fd.h"
#include "sys/file.h"
#include "sys/home.h"
#include "sys/log.h"
#include "sys/priv.h"
#include "sys/prog.h"
#include "take.h"

enum { HOST_LIMIT = 256, TEXT_LIMIT = 1024 };

struct qimport {
	bool is_dry; /* only say what would be done */
	const char *dir;
	uid_t caller;
	struct source source;
	struct notes notes;
	struct store *store;
	struct routes *routes;
	struct accept *accept;
	struct journal journal;
	struct rcpts rcpts;
	struct report report;
	struct take take;
	struct buf me;
	char node[HOST_LIMIT];
};

/* --- start --- */

static void
read_options(struct qimport *q, int argc, char **argv)
{
	struct prog_opt o = PROG_OPT(argc, argv);
	int c;

	while ((c = prog_opt_next(&o, "n")) != -1) {
		if (c != 'n')
			exit(EX_HARD);
		q->is_dry = true;
	}
	if (o.index != argc - 1)
		prog_usage("qmail-qimport [-n] queue");
	q->dir = argv[o.index];
}

/* The folder to import from; we are then at home. */
static int
open_folder(const struct qimport *q)
{
	struct stat theirs, ours;
	int fd = -1;
	int r = file_open_dir(FILE_CWD, q->dir, &fd);

	if (r < 0)
		prog_die_file(prog_code(r), "unable to open", q->dir, r);
	r = home_enter();
	if (r < 0)
		prog_die_file(EX_SOFT, "unable to enter", home_path(), r);
	if (fstat(fd, &theirs) == 0 && stat("queue", &ours) == 0 &&
	    theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino)
		prog_die_file(EX_HARD, "this is our own queue:", q->dir, 0);
	return fd;
}

/* Who writes a part of our queue. */
static void
find_owner(const char *part, struct stat *st)
{
	if (stat(part, st) < 0)
		prog_die_file(EX_SOFT, "unable to look at", part, err_sys());
	if (priv_is_root() && st->st_uid == 0)
		prog_die_file(EX_SOFT, "it belongs to root:", part, 0);
}

/* Start the helpers; then be who accepts messages, for good. Closes folder. */
static void
divide(struct qimport *q, int folder)
{
	struct stat accepts, sends;
	int r;

	find_owner("queue/mess", &accepts);
	find_owner("queue/info", &sends);
	r = source_start(&q->source, folder);
	fd_close(&folder);
	if (r == 0 && !q->is_dry)
		r = notes_start(
		    &q->notes, sends.st_uid, sends.st_gid, q->source.helper);
	if (r < 0)
		prog_die(EX_SOFT, "unable to start a helper process", r);
	if (!priv_is_root())
		return;
	r = priv_drop(accepts.st_uid, accepts.st_gid);
	if (r < 0)
		prog_die(EX_SOFT, "unable to become who owns queue/mess", r);
}

/* Refuse what is no stopped classic queue. */
static void
check_source(struct qimport *q)
{
	struct buf why = BUF_INIT(TEXT_LIMIT);
	const char *part = "";
	int r = source_check(&q->source, &why);

	if (r == E_BUSY)
		prog_die_file(EX_SOFT, "a qmail-send is running in", q->dir, 0);
	if (r < 0 && buf_cstr(&why, &part) < 0)
		part = "";
	if (r == E_ABSENT)
		prog_die_file(
		    EX_HARD, "this is no classic queue, it lacks", part, 0);
	if (r < 0)
		prog_die_file(EX_SOFT, "unable to look at its", part, r);
	buf_free(&why);
}

static void
open_ours(struct qimport *q)
{
	int r = routes_new(&q->routes);

	if (r == 0)
		r = control_line("me", &q->me);
	if (r == E_ABSENT && q->routes != NULL)
		r = 0; /* locals may do without */
	if (r < 0)
		prog_die(EX_SOFT, "unable to read controls", r);
	r = store_open(&q->store);
	if (r == 0 && !q->is_dry)
		r = accept_new(q->store, NULL, &q->accept);
	if (r < 0)
		prog_die(EX_SOFT, "unable to open queue", r);
	r = journal_open(&q->journal, q->store, !q->is_dry);
	if (r < 0)
		prog_die(EX_SOFT, "unable to open queue/import/journal", r);
	if (gethostname(q->node, sizeof(q->node) - 1) < 0)
		q->node[0] = '\0';
}

static void
prepare(struct qimport *q)
{
	struct take *t = &q->take;

	report_init(&q->report);
	rcpts_init(&q->rcpts, q->routes, buf_span(&q->me));
	take_init(t);
	t->source = &q->source;
	t->store = q->store;
	t->accept = q->accept;
	t->notes = &q->notes;
	t->journal = &q->journal;
	t->rcpts = &q->rcpts;
	t->report = &q->report;
	t->uid = q->caller;
	t->node = span_cstr(q->node);
}

/* --- going through it --- */

/* Whether there is such a file, whatever is wrong with it. */
static bool
has(struct qimport *q, enum place p, uint64_t n)
{
	int fd = -1;
	int r = source_open(&q->source, p, n, &fd, NULL);

	fd_close(&fd);
	return r != E_ABSENT;
}

/* A file that helps nobody. */
static int
leave_file(struct qimport *q, const struct source_name *name, const char *why)
{
	struct buf text = BUF_INIT(TEXT_LIMIT);
	struct buf *b = report_begin(&q->report);

	source_put_name(&text, name);
	if (buf_err(&text) == 0)
		log_safe(b, buf_span(&text));
	buf_puts(b, ": left: ");
	buf_puts(b, why);
	report_end(&q->report);
	q->report.files++;
	buf_free(&text);
	return 0;
}

static int
see_todo(struct qimport *q, const struct source_name *name, uint64_t n)
{
	(void)name;
	take_message(&q->take, n, true);
	return 0;
}

static int
see_info(struct qimport *q, const struct source_name *name, uint64_t n)
{
	(void)name;
	if (!has(q, PLACE_TODO, n))
		take_message(&q->take, n, false);
	return 0;
}

/* What has no envelope was never accepted: its sender was told so. */
static int
see_mess(struct qimport *q, const struct source_name *name, uint64_t n)
{
	(void)name;
	if (has(q, PLACE_TODO, n) || has(q, PLACE_INFO, n) ||
	    has(q, PLACE_LOCAL, n) || has(q, PLACE_REMOTE, n) ||
	    has(q, PLACE_BOUNCE, n))
		return 0;
	buf_puts(report_message(&q->report, n), "never accepted");
	report_end(&q->report);
	q->report.refused++;
	return 0;
}

static int
see_orphan(struct qimport *q, const struct source_name *name, uint64_t n)
{
	if (has(q, PLACE_TODO, n) || has(q, PLACE_INFO, n))
		return 0;
	return leave_file(q, name, "nothing says who sent the message");
}

typedef int see_fn(struct qimport *q, const struct source_name *n, uint64_t m);

static const struct {
	enum place place;
	see_fn *fn;
} views[] = {
	{ PLACE_TODO, see_todo },
	{ PLACE_INFO, see_info },
	{ PLACE_LOCAL, see_orphan },
	{ PLACE_REMOTE, see_orphan },
	{ PLACE_BOUNCE, see_orphan },
	{ PLACE_MESS, see_mess },
};

struct view {
	struct qimport *q;
	see_fn *fn;
};

static int
see(void *ctx, const struct source_name *name)
{
	struct view *v = ctx;
	uint64_t n;

	if (source_number(&v->q->source, name, &n))
		return v->fn(v->q, name, n);
	return leave_file(v->q, name,
	    name->folder == SOURCE_TOP &&
		    source_folders(&v->q->source, name->place) > 0
		? "it is in none of the folders"
		: "no message is called so in this folder");
}

static void
look_through(struct qimport *q, enum place p, see_fn *fn)
{
	struct view v = { .q = q, .fn = fn };
	int64_t end = source_folders(&q->source, p);
	int64_t f = SOURCE_TOP;

	do {
		int r = source_each(&q->source, p, f, see, &v);
		struct buf *b;

		if (r == 0)
			continue;
		b = report_begin(&q->report);
		source_put_folder(b, p, f);
		buf_puts(b, ": left: ");
		buf_puts(b, err_text(r));
		report_end(&q->report);
		q->report.files++;
	} while (++f < end);
}

static void
finish(struct qimport *q)
{
	report_free(&q->report);
	take_free(&q->take);
	rcpts_free(&q->rcpts);
	accept_destroy(&q->accept);
	journal_close(&q->journal);
	routes_destroy(&q->routes);
	store_close(&q->store);
	notes_close(&q->notes);
	source_close(&q->source);
	buf_free(&q->me);
}

int
main(int argc, char **argv)
{
	struct qimport q = { .caller = getuid(),
		.notes = { .helper = -1 },
		.me = BUF_INIT(CONTROL_MAX) };
	bool is_all;

	prog_start("qmail-qimport");
	(void)umask(027);
	read_options(&q, argc, argv);
	divide(&q, open_folder(&q));
	check_source(&q);
	open_ours(&q);
	prepare(&q);
	for (size_t i = 0; i < sizeof(views) / sizeof(*views); i++)
		look_through(&q, views[i].place, views[i].fn);
	take_end(&q.take);
	report_total(&q.report);
	is_all = report_is_all(&q.report);
	finish(&q);
	return is_all ? 0 : EX_SOFT;
}

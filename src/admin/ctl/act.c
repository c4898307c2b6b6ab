/*
 * act - flush, hold, release, delete, bounce: see act.h
 */
#include "act.h"

#include <sys/types.h>
#include <unistd.h>

#include "base/err.h"
#include "call.h"
#include "doc.h"
#include "place.h"
#include "report.h"
#include "say.h"
#include "select.h"
#include "sys/fd.h"
#include "sys/io.h"
#include "sys/proc.h"
#include "sys/prog.h"
#include "tell.h"

enum {
	OUT_LIMIT = 1024 * 1024,
	LINE_LIMIT = 64 * 1024,
	SHOWN_MAX = 10, /* of those one is asked about */
	REPLY_MAX = 1024,
	CHOSEN_MAX = 1024 * 1024 * 1024
};

struct deed {
	const char *verb; /* for us and for qmail-send */
	const char *done; /* behind "ID: ", when it is done */
	const char *later;
	bool must_ask;
};

static const struct deed flush = { "flush", "due now", "due now", false };
static const struct deed hold = { "hold", "held", "held", false };
static const struct deed release = { "release", "released", "released", false };
static const struct deed delete = { "delete", "deleted",
	"will be deleted when the delivery under way has ended", true };
static const struct deed bounce = { "bounce", "returned to its sender",
	"will be returned when the delivery under way has ended", true };

struct act {
	const struct deed *deed;
	struct select select;
	bool is_json, is_sure;
	struct reader reader;
	struct ids found;
	struct buf answers;
	struct out out;
};

/* --- choosing --- */

static bool
read_yes(void)
{
	struct buf reply = BUF_INIT(REPLY_MAX);
	size_t got = 1;
	bool is_yes;
	int r = 0;

	while (r == 0 && got > 0 &&
	       (reply.len == 0 || reply.p[reply.len - 1] != '\n'))
		r = fd_read_buf(0, &reply, REPLY_MAX, FD_FOREVER, &got);
	is_yes =
	    r == 0 && reply.len > 0 && (reply.p[0] == 'y' || reply.p[0] == 'Y');
	buf_free(&reply);
	return is_yes;
}

/* Some of them, so that one sees what one has selected. */
static void
put_some(struct act *a, struct buf *text)
{
	const struct live unknown = { .is_known = false };
	struct message m;
	size_t i;

	report_names(text);
	for (i = 0; i < a->found.n && i < SHOWN_MAX; i++) {
		if (reader_load(&a->reader, a->found.list[i], &m) < 0)
			continue;
		report_row(text, &a->reader, &m, &unknown);
		message_free(&m);
	}
	if (i < a->found.n)
		buf_puts(text, "...\n");
}

/* On descriptor 2: the other one may be a file. */
static bool
is_wanted(struct act *a)
{
	struct buf text = BUF_INIT(LINE_LIMIT);
	bool is_yes;

	put_some(a, &text);
	buf_puts(&text, a->deed->verb);
	buf_putc(&text, ' ');
	buf_putu(&text, a->found.n);
	buf_puts(&text, a->found.n == 1 ? " message" : " messages");
	buf_puts(&text, "? [y/N] ");
	is_yes = buf_err(&text) == 0 &&
		 fd_write(2, buf_span(&text), FD_FOREVER) == 0 && read_yes();
	buf_free(&text);
	return is_yes;
}

/*
 * Find out which messages are meant, and write their IDs to fd, or none if
 * nothing shall be done. The code to exit with. What strangers wrote is
 * read here, and not by root.
 */
static int
choose(struct act *a, int fd)
{
	int r;

	place_lower();
	reader_open(&a->reader);
	select_find(&a->select, &a->reader, &a->found);
	if (a->found.n == 0 && a->select.code == 0) {
		say_warn(PARTS(a->deed->verb, ": no message is meant"));
		return EX_HARD;
	}
	if (a->found.n == 0)
		return a->select.code; /* why was told */
	if (a->deed->must_ask && !a->is_sure && !is_wanted(a)) {
		say_warn(PARTS("nothing was done"));
		return EX_HARD;
	}
	r = fd_write(fd,
	    (struct span){ (const char *)a->found.list,
		a->found.n * sizeof(*a->found.list) },
	    FD_FOREVER);
	if (r < 0)
		prog_die(EX_SOFT, "unable to hand the list on", r);
	return a->select.code;
}

/* Let a child choose. Its code to exit with. */
static int
let_choose(struct act *a)
{
	struct buf chosen = BUF_INIT(CHOSEN_MAX);
	struct proc_end end = { PROC_EXITED, EX_SOFT };
	int ends[2];
	pid_t pid = -1;
	int r = fd_pipe(ends);

	if (r == 0) {
		pid = fork();
		if (pid == 0)
			_exit(choose(a, ends[1]));
		r = pid < 0 ? err_sys() : 0;
		fd_close(&ends[1]);
	}
	if (r == 0)
		r = fd_read_all(ends[0], &chosen);
	if (r == 0)
		r = proc_wait(pid, &end);
	if (r == 0)
		r = ids_take(&a->found, buf_span(&chosen));
	if (r < 0 || end.how != PROC_EXITED)
		prog_die(EX_SOFT, "unable to select messages", r);
	fd_close(&ends[0]);
	buf_free(&chosen);
	return end.value;
}

/* --- telling --- */

struct outcome {
	int code;         /* to exit with */
	const char *word; /* of a document */
	const char *text; /* NULL: the trouble */
	struct span trouble;
};

static struct outcome
judge(const struct deed *d, struct span answer)
{
	struct outcome o = { .word = "done", .text = d->done };

	if (span_eq(answer, SPAN("ok")))
		return o;
	o.text = d->later;
	o.word = "later";
	if (span_eq(answer, SPAN("later")))
		return o;
	o.text = NULL;
	o.word = "error";
	o.code = EX_SOFT;
	o.trouble = answer;
	if (!span_starts(answer, SPAN("error ")))
		return o;
	o.trouble = span_tail(answer, 6);
	/* what it was not able to do may work later; all else is refused */
	if (!span_starts(o.trouble, SPAN("unable ")))
		o.code = EX_HARD;
	return o;
}

static void
put_line(struct out *out, uint64_t id, const struct outcome *o)
{
	char number[NUMBER_MAX];

	out_puts(out, say_number(id, number));
	out_puts(out, ": ");
	if (o->text != NULL)
		out_puts(out, o->text);
	else
		out_put(out, o->trouble);
	out_puts(out, "\n");
}

static json_t *
outcome_doc(uint64_t id, const struct outcome *o)
{
	json_t *doc = doc_object();

	doc_id(doc, id);
	doc_put(doc, "result", json_string(o->word));
	if (o->text == NULL)
		doc_text(doc, "error", o->trouble);
	return doc;
}

/* What became of each; the worst of it. */
static int
tell(struct act *a)
{
	struct span rest = buf_span(&a->answers), answer;
	struct doc_list docs;
	int code = 0;

	if (a->is_json)
		doc_list_begin(&docs, &a->out);
	for (size_t i = 0; span_field(&rest, &answer); i++) {
		struct outcome o = judge(a->deed, answer);

		if (a->is_json)
			doc_list_put(&docs, outcome_doc(a->found.list[i], &o));
		else
			put_line(&a->out, a->found.list[i], &o);
		if (o.code > code)
			code = o.code;
	}
	if (a->is_json)
		doc_list_end(&docs);
	return out_flush(&a->out) < 0 ? EX_SOFT : code;
}

/* --- doing --- */

static void
read_words(struct act *a, char **words)
{
	const struct arg args[] = { { "--json", &a->is_json, NULL },
		{ "--yes", &a->is_sure, NULL }, { NULL, NULL, NULL } };
	const char *verb = a->deed->verb;
	struct arg more[SELECT_ARGS];

	select_args(&a->select, more);
	(void)args_read(verb, words, args, more);
	select_read(&a->select, verb, words);
	if (!select_is_any(&a->select))
		say_die(EX_HARD,
		    PARTS(verb, ": which messages? --all is all of them"), 0);
	if (a->deed->must_ask && !a->is_sure && isatty(0) == 0)
		say_die(EX_HARD,
		    PARTS(
			verb, ": asks first; where it cannot, it wants --yes"),
		    0);
}

/* In our own name, which is what the log will tell. */
static int
do_all(struct act *a)
{
	struct call c;
	int code, r;

	call_must(&c);
	r = call_all(&c, a->deed->verb, a->found.list, a->found.n, &a->answers);
	call_close(&c);
	code = tell(a);
	if (r < 0)
		prog_die(EX_SOFT, "qmail-send does not answer any more", r);
	return code;
}

static int
act(const struct deed *d, char **words)
{
	struct act a = { .deed = d,
		.answers = BUF_INIT(ANSWER_MAX),
		.out = OUT_INIT(1, FD_FOREVER, OUT_LIMIT) };
	struct call c;
	int code, other;

	read_words(&a, words);
	/* before anybody is asked anything */
	call_must(&c);
	call_close(&c);
	code = let_choose(&a);
	if (a.found.n > 0 || a.is_json) {
		other = do_all(&a);
		code = other > code ? other : code;
	}
	ids_free(&a.found);
	select_free(&a.select);
	buf_free(&a.answers);
	out_free(&a.out);
	return code;
}

int
act_flush(void *words)
{
	return *(char **)words == NULL ? tell_flush(NULL) : act(&flush, words);
}

int
act_hold(void *words)
{
	return act(&hold, words);
}

int
act_release(void *words)
{
	return act(&release, words);
}

int
act_delete(void *words)
{
	return act(&delete, words);
}

int
act_bounce(void *words)
{
	return act(&bounce, words);
}

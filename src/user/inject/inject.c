/*
 * qmail-inject - complete a message somebody wrote and put it into the queue
 *
 * Run by:   anybody
 * Runs as:  whoever runs it; needs no privilege
 * Input:    the message on descriptor 0, options, recipients, environment
 * Trusts:   the caller, for whom alone it works; nothing is set-id here
 * Output:   the message, in the queue or (-n) on descriptor 1
 * Exits:    0 done, 100 permanent failure, 111 temporary failure
 */
#include <stdlib.h>

#include "base/err.h"
#include "draft.h"
#include "mail/header.h"
#include "queue/submit.h"
#include "report.h"
#include "sys/fd.h"
#include "sys/home.h"
#include "sys/prog.h"
#include "sys/spool.h"

enum { PIECE = 65536 };

/* Where recipients come from. */
enum source {
	SOURCE_ANY = 'A', /* the arguments; if there are none, the header */
	SOURCE_BOTH = 'H',
	SOURCE_ARGUMENTS = 'a',
	SOURCE_HEADER = 'h'
};

struct inject {
	enum source source;
	bool prints;          /* -n */
	const char *from_arg; /* -f, or NULL */
	char **args;          /* recipients, NULL at the end */

	struct settings set;
	struct draft draft;
	struct buf in; /* read and not used yet */
	bool is_all;   /* there is no more to read */
	struct buf sender, rcpts;
	struct spool spool; /* the message as it goes out, unless -n */
	char last;          /* its last byte */
};

static void
read_options(struct inject *j, int argc, char **argv)
{
	struct prog_opt o = PROG_OPT(argc, argv);
	int c;

	j->source = SOURCE_ANY;
	while ((c = prog_opt_next(&o, "nNaAhHf:")) != -1) {
		switch (c) {
		case 'n':
		case 'N':
			j->prints = c == 'n';
			break;
		case 'a':
		case 'A':
		case 'h':
		case 'H':
			j->source = (enum source)c;
			break;
		case 'f':
			j->from_arg = o.arg;
			break;
		default:
			exit(EX_HARD);
		}
	}
	j->args = argv + o.index;
	if (j->source == SOURCE_ANY)
		j->source = *j->args != NULL ? SOURCE_ARGUMENTS : SOURCE_HEADER;
}

/* The addresses of the command line, before anything is read. */
static void
take_arguments(struct inject *j)
{
	if (j->from_arg != NULL)
		draft_argument(&j->draft, j->from_arg, &j->sender);
	if (j->source == SOURCE_HEADER)
		return;
	for (char **a = j->args; *a != NULL; a++) {
		buf_putc(&j->rcpts, 'T');
		draft_argument(&j->draft, *a, &j->rcpts);
		buf_putc(&j->rcpts, '\0');
	}
}

/* --- reading --- */

/* More of the message; as much again as there is, so that long headers
 * are not looked at over and over. */
static void
read_more(struct inject *j)
{
	size_t want = j->in.len > PIECE ? j->in.len : PIECE;
	size_t room = j->in.max - j->in.len;
	size_t got = 0;
	int r = E_TOOBIG;

	if (room > 0)
		r = fd_read_buf(
		    0, &j->in, want < room ? want : room, FD_FOREVER, &got);
	if (r < 0)
		die_failed(r);
	j->is_all = got == 0;
}

/*
 * Read the header and take its fields. What was read of the body stays in
 * j->in. True if an empty line ends the header.
 */
static bool
read_header(struct inject *j)
{
	size_t used = 0;

	for (;;) {
		struct span rest = span_tail(buf_span(&j->in), used), part;
		size_t had = rest.len;

		switch (header_next(&rest, j->is_all, &part)) {
		case HEADER_FIELD:
			draft_field(&j->draft, part);
			break;
		case HEADER_MBOX:
			draft_mbox(&j->draft, part);
			break;
		case HEADER_BLANK:
			buf_drop(&j->in, used + 1);
			return true;
		case HEADER_BODY:
			buf_drop(&j->in, used);
			return true;
		case HEADER_END:
			buf_reset(&j->in);
			return false;
		case HEADER_MORE:
			buf_drop(&j->in, used);
			used = 0;
			read_more(j);
			continue;
		}
		used += had - rest.len;
	}
}

/* --- writing --- */

static void
put(struct inject *j, struct span s)
{
	if (s.len == 0)
		return;
	j->last = s.p[s.len - 1];
	if (!j->prints)
		spool_put(&j->spool, s);
	else if (fd_write(1, s, FD_FOREVER) < 0)
		prog_die(EX_SOFT, "write error", 0);
}

static void
put_header(struct inject *j, bool has_body)
{
	struct buf added = BUF_INIT(WRITTEN_LIMIT);
	int r;

	if (j->prints) {
		buf_puts(&added, "Return-Path: <");
		draft_put_address(&added, buf_span(&j->sender));
		buf_puts(&added, ">\n");
	}
	draft_added(&j->draft, &added);
	if (has_body)
		buf_putc(&j->draft.kept, '\n');
	r = buf_err(&added);
	if (r == 0)
		r = buf_err(&j->draft.kept);
	if (r < 0)
		die_failed(r);
	buf_put(&added, buf_span(&j->draft.kept));
	if (buf_err(&added) < 0)
		die_failed(buf_err(&added));
	put(j, buf_span(&added));
	buf_free(&added);
	buf_free(&j->draft.kept);
}

static void
put_body(struct inject *j)
{
	while (!j->is_all) {
		put(j, buf_span(&j->in));
		buf_reset(&j->in);
		read_more(j);
	}
	put(j, buf_span(&j->in));
	if (j->last != '\n')
		put(j, SPAN("\n"));
}

/* --- the envelope --- */

static void
choose_sender(struct inject *j)
{
	struct draft *d = &j->draft;

	if (j->from_arg != NULL)
		return;
	if (d->has_sender) {
		if (buf_err(&d->sender) < 0)
			die_failed(buf_err(&d->sender));
		buf_put(&j->sender, buf_span(&d->sender));
	} else {
		draft_default_sender(d, &j->sender);
	}
	if (j->set.verp_recipient)
		buf_puts(&j->sender, "-@[]");
	if (buf_err(&j->sender) < 0)
		die_failed(buf_err(&j->sender));
}

static void
put_envelope(struct inject *j, struct buf *envelope)
{
	struct draft *d = &j->draft;
	struct buf *list = draft_is_resent(d) ? &d->resent : &d->header;
	int r = buf_err(list);

	buf_putc(envelope, 'F');
	buf_put(envelope, buf_span(&j->sender));
	buf_putc(envelope, '\0');
	buf_put(envelope, buf_span(&j->rcpts));
	if (r == 0 && j->source != SOURCE_ARGUMENTS)
		buf_put(envelope, buf_span(list));
	buf_putc(envelope, '\0');
	if (r == 0)
		r = buf_err(envelope);
	if (r < 0)
		die_failed(r);
}

/* Hand everything in; the exit code. */
static int
hand_in(struct inject *j)
{
	struct buf envelope = BUF_INIT(ENVELOPE_MAX);
	struct submitted done;
	const char *text;

	put_envelope(j, &envelope);
	submit(SPAN(""), &j->spool, buf_span(&envelope), &done);
	buf_free(&envelope);
	text = submit_text(&done);
	if (*text != 'K')
		prog_die(*text == 'D' ? EX_HARD : EX_SOFT, text + 1, 0);
	return 0;
}

static int
run(struct inject *j)
{
	bool has_body;
	int code;

	take_arguments(j);
	if (buf_err(&j->rcpts) < 0)
		die_failed(buf_err(&j->rcpts));
	has_body = read_header(j);
	choose_sender(j);
	put_header(j, has_body);
	put_body(j);
	code = j->prints ? 0 : hand_in(j);
	spool_free(&j->spool);
	buf_free(&j->rcpts);
	buf_free(&j->sender);
	buf_free(&j->in);
	draft_free(&j->draft);
	settings_free(&j->set);
	return code;
}

int
main(int argc, char **argv)
{
	struct inject j = { .in = BUF_INIT(HEADER_LIMIT),
		.sender = BUF_INIT(LINE_LIMIT),
		.rcpts = BUF_INIT(ENVELOPE_MAX),
		.spool = SPOOL_INIT,
		.last = '\n' };

	prog_start("qmail-inject");
	read_options(&j, argc, argv);
	settings_begin(&j.set);
	if (home_enter() < 0)
		prog_die(EX_SOFT, "internal bug", 0);
	settings_load(&j.set);
	j.draft = DRAFT_INIT(&j.set);
	j.draft.wants_sender = j.from_arg == NULL && !j.set.ignore_return_path;
	return run(&j);
}

/*
 * queue - the list of messages: see queue.h
 */
#include "queue.h"

#include "base/err.h"
#include "doc.h"
#include "place.h"
#include "report.h"
#include "say.h"
#include "select.h"
#include "sys/fd.h"
#include "sys/io.h"
#include "sys/prog.h"
#include "tell.h"
#include "text.h"

enum {
	OUT_LIMIT = 1024 * 1024,
	LINE_LIMIT = 64 * 1024,
	SCREEN = 120 /* columns; `show` has all of a reason */
};

struct list {
	struct reader reader;
	struct ids found;
	struct buf answers; /* of qmail-send, in the order of found */
	struct out out;
	struct doc_list docs;
	bool is_json;
};

/* What qmail-send knows of them; nothing, when it does not run. */
static void
ask(struct list *l)
{
	struct call c;
	int r;

	if (call_open(&c)) {
		r = call_all(
		    &c, "info", l->found.list, l->found.n, &l->answers);
		if (r < 0)
			say_warn(PARTS("warning: qmail-send does not answer: ",
			    err_text(r)));
	} else {
		say_warn(PARTS("warning: qmail-send is not running; "
			       "this is what is on disk"));
	}
	call_close(&c);
}

static void
put_line(struct list *l, struct buf *line)
{
	if (buf_err(line) == 0)
		out_put(&l->out, buf_span(line));
	buf_reset(line);
}

/* Those who have not got it yet, and why. */
static void
put_recipients(struct list *l, const struct message *m, struct buf *line)
{
	struct span rest = m->env.rcpts, addr, why;

	for (uint32_t i = 0; envelope_rcpt(&rest, &addr); i++) {
		struct way w;

		if (note_is_done(&m->note, i))
			continue;
		w = reader_way(&l->reader, m, addr);
		buf_puts(line, "    ");
		text_left(line,
		    w.to == ROUTES_LOCAL ? SPAN("local") : SPAN("remote"), 6);
		text_put(line, addr);
		if (note_why(&m->note, i, &why)) {
			buf_puts(line, ": ");
			text_put(line, why);
		}
		text_cut(line, SCREEN);
		buf_putc(line, '\n');
		put_line(l, line);
	}
}

static void
put_message(struct list *l, const struct message *m, const struct live *live)
{
	struct buf line = BUF_INIT(LINE_LIMIT);

	if (l->is_json) {
		doc_list_put(&l->docs, report_doc(&l->reader, m, live));
		return;
	}
	report_row(&line, &l->reader, m, live);
	put_line(l, &line);
	put_recipients(l, m, &line);
	buf_free(&line);
}

static void
put_all(struct list *l)
{
	struct span rest =
	    buf_err(&l->answers) == 0 ? buf_span(&l->answers) : SPAN("");

	for (size_t i = 0; l->out.err == 0 && i < l->found.n; i++) {
		struct span answer = SPAN("");
		struct message m;
		struct live live;

		(void)span_field(&rest, &answer);
		live = live_read(answer);
		if (reader_load(&l->reader, l->found.list[i], &m) < 0)
			continue; /* it has gone */
		put_message(l, &m, &live);
		message_free(&m);
	}
}

static void
put_list(struct list *l)
{
	struct buf line = BUF_INIT(LINE_LIMIT);

	if (l->is_json) {
		doc_list_begin(&l->docs, &l->out);
		put_all(l);
		doc_list_end(&l->docs);
		return;
	}
	if (l->found.n > 0)
		report_names(&line);
	put_line(l, &line);
	put_all(l);
	buf_putu(&line, l->found.n);
	buf_puts(&line, l->found.n == 1 ? " message\n" : " messages\n");
	put_line(l, &line);
	buf_free(&line);
}

int
queue_list(void *words)
{
	struct list l = { .answers = BUF_INIT(ANSWER_MAX),
		.out = OUT_INIT(1, FD_FOREVER, OUT_LIMIT) };
	struct select sel = { .code = 0 };
	const struct arg args[] = { { "--json", &l.is_json, NULL },
		{ NULL, NULL, NULL } };
	struct arg more[SELECT_ARGS];

	if (*(char **)words == NULL)
		return tell_queue(NULL);
	select_args(&sel, more);
	(void)args_read("queue", words, args, more);
	select_read(&sel, "queue", words);
	place_lower();
	reader_open(&l.reader);
	select_find(&sel, &l.reader, &l.found);
	ask(&l);
	put_list(&l);
	if (out_flush(&l.out) < 0)
		sel.code = EX_SOFT;
	ids_free(&l.found);
	select_free(&sel);
	reader_close(&l.reader);
	buf_free(&l.answers);
	out_free(&l.out);
	return sel.code;
}

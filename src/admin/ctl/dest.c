/*
 * dest - the destinations qmail-send is busy with: see route.h
 */
#include "args.h"
#include "base/err.h"
#include "base/num.h"
#include "call.h"
#include "doc.h"
#include "glob.h"
#include "place.h"
#include "route.h"
#include "say.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/io.h"
#include "sys/prog.h"
#include "text.h"
#include "when.h"

enum {
	OUT_LIMIT = 1024 * 1024,
	LINE_LIMIT = 64 * 1024,
	CELL_MAX = 64,
	W_CHANNEL = 7,
	W_KEY = 28,
	W_JOBS = 7,
	W_WAITING = 7,
	W_FAILURES = 8,
	W_AGAIN = 6
};

/* Borrowed from a line of the answer. */
struct dest {
	struct span channel, key, text;
	uint64_t running, limit, waiting, failures;
	int64_t until; /* seconds since 1970; 0: not suspended */
};

static bool
take_number(struct span *rest, uint64_t *n)
{
	return num_parse(call_word(rest), INT64_MAX, n) == 0;
}

/* "CHANNEL RUNNING LIMIT WAITING FAILURES UNTIL KEY TEXT" */
static bool
read_dest(struct span line, struct dest *d)
{
	uint64_t until = 0;
	bool is_good;

	d->channel = call_word(&line);
	is_good =
	    take_number(&line, &d->running) && take_number(&line, &d->limit) &&
	    take_number(&line, &d->waiting) &&
	    take_number(&line, &d->failures) && take_number(&line, &until);
	d->until = (int64_t)until;
	d->key = call_word(&line);
	d->text = line;
	return is_good;
}

static json_t *
dest_doc(const struct dest *d)
{
	json_t *doc = doc_object();

	doc_text(doc, "channel", d->channel);
	doc_text(doc, "key", d->key);
	doc_number(doc, "running", d->running);
	doc_number(doc, "limit", d->limit);
	doc_number(doc, "waiting", d->waiting);
	doc_number(doc, "failures", d->failures);
	doc_time(doc, "suspended_until", d->until);
	doc_text(doc, "trouble", d->text);
	return doc;
}

static void
put_names(struct buf *line)
{
	text_left(line, SPAN("CHANNEL"), W_CHANNEL);
	text_left(line, SPAN("DESTINATION"), W_KEY);
	text_right(line, SPAN("JOBS"), W_JOBS);
	text_right(line, SPAN("WAITING"), W_WAITING);
	text_right(line, SPAN("FAILURES"), W_FAILURES);
	text_right(line, SPAN("AGAIN"), W_AGAIN);
	buf_puts(line, "TROUBLE\n");
}

static void
put_number(struct buf *line, uint64_t n, size_t width)
{
	char number[NUMBER_MAX];

	text_right(line, span_cstr(say_number(n, number)), width);
}

static void
put_dest(struct buf *line, const struct dest *d, int64_t now)
{
	struct buf cell = BUF_INIT(CELL_MAX);

	text_left(line, d->channel, W_CHANNEL);
	text_left(line, d->key, W_KEY);
	buf_putu(&cell, d->running);
	buf_putc(&cell, '/');
	buf_putu(&cell, d->limit);
	text_right(line, buf_span(&cell), W_JOBS);
	put_number(line, d->waiting, W_WAITING);
	put_number(line, d->failures, W_FAILURES);
	buf_reset(&cell);
	if (d->until > now)
		when_put_span(&cell, d->until - now);
	else
		buf_putc(&cell, '-');
	text_right(line, buf_span(&cell), W_AGAIN);
	text_put(line, d->text);
	buf_putc(line, '\n');
	buf_free(&cell);
}

static void
ask(struct buf *answer)
{
	struct call c;
	int r;

	call_must(&c);
	r = call_ask(&c, PARTS("dests"), answer);
	if (r < 0)
		prog_die(EX_SOFT, "qmail-send does not answer", r);
	call_close(&c);
}

/* The table, or the document, of those whose key is like pattern. */
static int
put_all(struct span rest, const char *pattern, bool is_json)
{
	struct out out = OUT_INIT(1, FD_FOREVER, OUT_LIMIT);
	struct buf text = BUF_INIT(LINE_LIMIT);
	int64_t now = clock_real();
	struct doc_list docs;
	struct span line;
	struct dest d;
	int r;

	if (is_json)
		doc_list_begin(&docs, &out);
	else
		put_names(&text);
	while (span_line(&rest, &line)) {
		if (!read_dest(line, &d))
			say_die(EX_SOFT,
			    PARTS("qmail-send speaks another language"), 0);
		if (!glob_match(span_cstr(pattern), d.key))
			continue;
		if (is_json)
			doc_list_put(&docs, dest_doc(&d));
		else
			put_dest(&text, &d, now);
		if (buf_err(&text) == 0)
			out_put(&out, buf_span(&text));
		buf_reset(&text);
	}
	if (is_json)
		doc_list_end(&docs);
	r = out_flush(&out);
	buf_free(&text);
	out_free(&out);
	return r < 0 ? EX_SOFT : 0;
}

int
route_dests(void *words)
{
	struct buf answer = BUF_INIT(ANSWER_MAX);
	bool is_json = false;
	const struct arg args[] = { { "--json", &is_json, NULL },
		{ NULL, NULL, NULL } };
	char **operands = words;
	size_t n = args_read("dest", operands, args, NULL);
	int code;

	if (n > 1)
		prog_usage("qmailctl dest [GLOB] [--json]");
	place_lower();
	ask(&answer);
	code = put_all(buf_span(&answer), n > 0 ? operands[0] : "*", is_json);
	buf_free(&answer);
	return code;
}

/*
 * route - control/routeoverrides, by hand of the operator: see route.h
 */
#include "route.h"

#include <stddef.h>

#include "args.h"
#include "base/err.h"
#include "call.h"
#include "conf/control.h"
#include "conf/overrides.h"
#include "doc.h"
#include "say.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/file.h"
#include "sys/io.h"
#include "sys/lock.h"
#include "sys/prog.h"
#include "text.h"
#include "when.h"

static const char usage[] =
    "qmailctl route [--json] | route DOMAIN RELAY[:PORT] --until TIME | "
    "--for AGE | route DOMAIN --mx --until TIME | --for AGE | "
    "route DOMAIN --remove";

enum {
	OUT_LIMIT = 1024 * 1024,
	LINE_LIMIT = 64 * 1024,
	ANSWER_LIMIT = 64 * 1024,
	FILE_MODE = 0644,
	LOCK_MS = 10 * 1000,
	W_DOMAIN = 30,
	W_ROUTE = 24
};

struct route_request {
	const char *domain, *relay; /* NULL: not given */
	const char *until, *duration;
	bool is_mx, is_remove, is_json;
	int64_t now, end;
};

/* --- the list --- */

/* Without a user's name and password, if somebody wrote them there. */
static struct span
shown(struct span route)
{
	return span_head(route, span_find(route, '|'));
}

static json_t *
override_doc(const struct override *o)
{
	json_t *doc = doc_object();

	doc_text(doc, "domain", o->domain);
	doc_text(doc, "route", shown(o->route));
	doc_time(doc, "until", o->until);
	return doc;
}

static void
put_override(struct out *out, const struct override *o, int64_t now)
{
	struct buf line = BUF_INIT(LINE_LIMIT);
	struct span route = shown(o->route);

	text_left(
	    &line, o->domain.len > 0 ? o->domain : SPAN("(all)"), W_DOMAIN);
	text_left(&line, route.len > 0 ? route : SPAN("(MX)"), W_ROUTE);
	when_put_iso(&line, o->until);
	buf_puts(&line, " (");
	when_put_span(&line, o->until - now);
	buf_puts(&line, " left)\n");
	if (buf_err(&line) == 0)
		out_put(out, buf_span(&line));
	buf_free(&line);
}

static void NORETURN
die_line(size_t line)
{
	char number[NUMBER_MAX];

	say_die(EX_HARD,
	    PARTS(OVERRIDES_FILE ":", say_number(line, number), ": ",
		err_text(E_SYNTAX)),
	    0);
}

/* The next override of the file that counts; exits at what makes no sense. */
static bool
next_override(struct span *rest, size_t *number, int64_t now, struct span *line,
    struct override *o)
{
	while (span_line(rest, line)) {
		int r = override_parse(*line, o);

		++*number;
		if (r == E_SYNTAX)
			die_line(*number);
		if (r == 0 && o->until > now)
			return true;
	}
	return false;
}

static void
read_file(struct buf *file)
{
	int r = file_read(FILE_CWD, OVERRIDES_FILE, file);

	if (r < 0 && r != E_ABSENT)
		prog_die(EX_SOFT, "unable to read " OVERRIDES_FILE, r);
}

static int
list(const struct route_request *q)
{
	struct buf file = BUF_INIT(CONTROL_MAX);
	struct out out = OUT_INIT(1, FD_FOREVER, OUT_LIMIT);
	struct doc_list docs;
	struct span rest, line;
	struct override o;
	size_t number = 0;
	int r;

	read_file(&file);
	rest = buf_span(&file);
	if (q->is_json)
		doc_list_begin(&docs, &out);
	while (next_override(&rest, &number, q->now, &line, &o)) {
		if (q->is_json)
			doc_list_put(&docs, override_doc(&o));
		else
			put_override(&out, &o, q->now);
	}
	if (q->is_json)
		doc_list_end(&docs);
	r = out_flush(&out);
	out_free(&out);
	buf_free(&file);
	return r < 0 ? EX_SOFT : 0;
}

/* --- the change --- */

/* Copy what stays: comments, and what neither ended nor is about domain.
 * Whether there was an override of the domain. */
static bool
copy_others(struct span rest, const struct route_request *q, struct buf *copy)
{
	struct span line;
	struct override o;
	bool is_found = false;

	for (size_t number = 1; span_line(&rest, &line); number++) {
		int r = override_parse(line, &o);

		if (r == E_SYNTAX)
			die_line(number);
		if (r == 0 && o.until <= q->now)
			continue;
		if (r == 0 && span_eq_nocase(o.domain, span_cstr(q->domain))) {
			is_found = true;
			continue;
		}
		buf_put(copy, line);
		buf_putc(copy, '\n');
	}
	return is_found;
}

/* The line of the new override. Exits when it would make no sense. */
static void
compose(const struct route_request *q, struct buf *line)
{
	struct override o;

	buf_putu(line, (uintmax_t)q->end);
	buf_putc(line, ' ');
	buf_puts(line, q->domain);
	buf_putc(line, ':');
	if (!q->is_mx)
		buf_puts(line, q->relay);
	if (buf_err(line) == 0 && (override_parse(buf_span(line), &o) < 0 ||
				      !span_eq(o.domain, span_cstr(q->domain))))
		say_die(EX_HARD,
		    PARTS("route: makes no sense: ", q->domain, " ",
			q->is_mx ? "--mx" : q->relay),
		    0);
	buf_putc(line, '\n');
}

/* One change at a time: the folder's lock is held until we exit. */
static void
take_lock(void)
{
	int fd = -1;
	int r = file_open_dir(FILE_CWD, "control", &fd);

	if (r == 0)
		r = lock_wait(fd, clock_ms() + LOCK_MS);
	if (r < 0)
		prog_die(EX_SOFT, "unable to lock control/", r);
}

static void
rewrite(const struct route_request *q)
{
	struct buf file = BUF_INIT(CONTROL_MAX), copy = BUF_INIT(CONTROL_MAX);
	struct buf line = BUF_INIT(LINE_LIMIT);
	bool is_found;
	int r;

	if (!q->is_remove)
		compose(q, &line);
	take_lock();
	read_file(&file);
	is_found = copy_others(buf_span(&file), q, &copy);
	if (q->is_remove && !is_found)
		say_die(EX_HARD,
		    PARTS("route: there is no override of ", q->domain), 0);
	if (buf_err(&line) == 0)
		buf_put(&copy, buf_span(&line));
	r = buf_err(&line) < 0 ? buf_err(&line) : buf_err(&copy);
	if (r == 0)
		r = file_publish(
		    FILE_CWD, OVERRIDES_FILE, buf_span(&copy), FILE_MODE);
	if (r < 0)
		prog_die(EX_SOFT, "unable to write " OVERRIDES_FILE, r);
	buf_free(&line);
	buf_free(&copy);
	buf_free(&file);
}

/* qmail-send reads the file now, or when it starts. */
static int
tell_send(void)
{
	struct buf answer = BUF_INIT(ANSWER_LIMIT);
	const char *text;
	struct call c;
	int r;

	if (!call_open(&c)) {
		say(PARTS("written; qmail-send is not running and reads it "
			  "when it starts"));
		return 0;
	}
	r = call_ask(&c, PARTS("routes"), &answer);
	if (r < 0)
		prog_die(EX_SOFT, "written, but qmail-send does not answer", r);
	buf_cut(&answer, span_find(buf_span(&answer), '\n'));
	r = buf_cstr(&answer, &text);
	if (r < 0 || !span_starts(buf_span(&answer), SPAN("ok")))
		say_die(EX_SOFT,
		    PARTS("written, but qmail-send says: ",
			r == 0 ? text : err_text(r)),
		    0);
	call_close(&c);
	buf_free(&answer);
	return 0;
}

/* When the override ends. Exits unless that is to come. */
static int64_t
read_end(const struct route_request *q)
{
	int64_t t = 0;
	int r = q->until != NULL ? when_moment(span_cstr(q->until), &t)
				 : when_span(span_cstr(q->duration), &t);

	if (r < 0)
		say_die(EX_HARD,
		    PARTS("route: makes no sense: ",
			q->until != NULL ? q->until : q->duration),
		    0);
	if (q->until == NULL)
		t += q->now;
	if (t <= q->now)
		say_die(EX_HARD, PARTS("route: that time is over"), 0);
	return t;
}

static int
change(struct route_request *q)
{
	bool has_end = q->until != NULL || q->duration != NULL;

	if (q->is_json || (q->until != NULL && q->duration != NULL) ||
	    (q->relay != NULL) + q->is_mx + q->is_remove != 1 ||
	    (q->relay != NULL && *q->relay == '\0') || has_end == q->is_remove)
		prog_usage(usage);
	if (!q->is_remove)
		q->end = read_end(q);
	rewrite(q);
	return tell_send();
}

int
route_set(void *words)
{
	struct route_request q = { .now = clock_real() };
	const struct arg args[] = { { "--until", NULL, &q.until },
		{ "--for", NULL, &q.duration }, { "--mx", &q.is_mx, NULL },
		{ "--remove", &q.is_remove, NULL },
		{ "--json", &q.is_json, NULL }, { NULL, NULL, NULL } };
	char **operands = words;
	size_t n = args_read("route", operands, args, NULL);

	if (n > 2)
		prog_usage(usage);
	if (n > 0)
		q.domain = operands[0];
	if (n > 1)
		q.relay = operands[1];
	if (q.domain != NULL)
		return change(&q);
	if (q.until != NULL || q.duration != NULL || q.is_mx || q.is_remove)
		prog_usage(usage);
	return list(&q);
}

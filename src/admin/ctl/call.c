/*
 * call - a conversation with qmail-send: see call.h
 */
#include "call.h"

#include <errno.h>

#include "base/err.h"
#include "base/num.h"
#include "say.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/prog.h"
#include "sys/sock.h"

enum {
	BUNDLE = 64, /* requests on their way: less than 4 KiB */
	REQUEST_MAX = 1024,
	BUNDLE_MAX = BUNDLE * REQUEST_MAX,
	CHUNK = 64 * 1024,
	ANSWER_MS = 60 * 1000
};

bool
call_open(struct call *c)
{
	int r;

	*c = (struct call){ .fd = -1, .in = BUF_INIT(ANSWER_MAX) };
	r = sock_connect("run/send", clock_ms() + ANSWER_MS, &c->fd);
	if (r == E_ABSENT || err_is(r, ECONNREFUSED))
		return false;
	if (r < 0)
		prog_die(EX_SOFT, "unable to call qmail-send", r);
	return true;
}

void
call_must(struct call *c)
{
	if (!call_open(c))
		prog_die(EX_SOFT, "qmail-send is not running", 0);
}

void
call_close(struct call *c)
{
	fd_close(&c->fd);
	buf_free(&c->in);
}

/* The next line that was heard, waiting for it. Borrowed. */
static int
take_line(struct call *c, struct span *line)
{
	int64_t until = clock_ms() + ANSWER_MS;
	size_t seen = 0, got;

	for (;;) {
		struct span rest = span_tail(buf_span(&c->in), c->at);
		size_t lf = seen + span_find(span_tail(rest, seen), '\n');
		int r;

		if (lf < rest.len) {
			*line = span_head(rest, lf);
			c->at += lf + 1;
			return 0;
		}
		seen = rest.len;
		buf_drop(&c->in, c->at);
		c->at = 0;
		r = fd_read_buf(c->fd, &c->in, CHUNK, until, &got);
		if (r < 0 || got == 0)
			return r < 0 ? r : E_EOF;
	}
}

/* Append the lines of the next answer. */
static int
take_answer(struct call *c, struct buf *answer)
{
	struct span line;
	int r;

	while ((r = take_line(c, &line)) == 0 && line.len > 0) {
		buf_put(answer, line);
		buf_putc(answer, '\n');
	}
	return r < 0 ? r : buf_err(answer);
}

static int
send_requests(struct call *c, const struct buf *requests)
{
	int r = buf_err(requests);

	return r < 0 ? r
		     : fd_write(
			   c->fd, buf_span(requests), clock_ms() + ANSWER_MS);
}

int
call_ask(struct call *c, const char *const parts[], struct buf *answer)
{
	struct buf request = BUF_INIT(REQUEST_MAX);
	int r;

	for (; *parts != NULL; parts++)
		buf_puts(&request, *parts);
	buf_putc(&request, '\n');
	r = send_requests(c, &request);
	if (r == 0)
		r = take_answer(c, answer);
	buf_free(&request);
	return r;
}

static int
ask_bundle(struct call *c, const char *verb, const uint64_t *ids, size_t n,
    struct buf *answers)
{
	struct buf bundle = BUF_INIT(BUNDLE_MAX);
	struct buf answer = BUF_INIT(ANSWER_MAX);
	struct span rest, line;
	int r;

	for (size_t i = 0; i < n; i++) {
		buf_puts(&bundle, verb);
		buf_putc(&bundle, ' ');
		buf_putu(&bundle, ids[i]);
		buf_putc(&bundle, '\n');
	}
	r = send_requests(c, &bundle);
	for (size_t i = 0; r == 0 && i < n; i++) {
		buf_reset(&answer);
		r = take_answer(c, &answer);
		if (r < 0)
			break;
		rest = buf_span(&answer);
		line = SPAN("");
		(void)span_line(&rest, &line);
		buf_put(answers, line);
		buf_putc(answers, '\0');
		r = buf_err(answers);
	}
	buf_free(&bundle);
	buf_free(&answer);
	return r;
}

int
call_all(struct call *c, const char *verb, const uint64_t *ids, size_t n,
    struct buf *answers)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i += BUNDLE)
		r = ask_bundle(
		    c, verb, ids + i, n - i < BUNDLE ? n - i : BUNDLE, answers);
	return r;
}

struct span
call_word(struct span *rest)
{
	size_t blank = span_find(*rest, ' ');
	struct span word = span_head(*rest, blank);

	*rest = span_tail(*rest, blank + 1);
	return word;
}

static uint64_t
take_number(struct span *rest)
{
	uint64_t n = 0;

	/* what makes no sense is shown as nothing */
	err_ignore(num_parse(call_word(rest), INT64_MAX, &n));
	return n;
}

struct live
live_read(struct span answer)
{
	struct live l = { .is_known = false };

	if (answer.len == 0 || span_starts(answer, SPAN("error ")) ||
	    span_starts(answer, SPAN("unknown ")))
		return l;
	l.is_known = true;
	l.stage = call_word(&answer);
	l.is_held = take_number(&answer) != 0;
	l.next[0] = (int64_t)take_number(&answer);
	l.next[1] = (int64_t)take_number(&answer);
	l.running = take_number(&answer);
	l.channel = call_word(&answer);
	l.key = call_word(&answer);
	l.is_waiting = l.channel.len > 0 && !span_eq(l.channel, SPAN("-"));
	return l;
}

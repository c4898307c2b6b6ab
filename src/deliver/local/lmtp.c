/*
 * lmtp - the conversation with an LMTP server: see lmtp.h
 */
#include "lmtp.h"

#include "base/err.h"
#include "mail/address.h"
#include "mail/body.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/prog.h"

enum {
	REPLY_MS = 300 * 1000, /* RFC 5321 4.5.3.2 */
	SEND_MS = 180 * 1000,
	FINAL_MS = 600 * 1000
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

int
lmtp_parse(struct span text, struct lmtp_address *out)
{
	size_t n = 0;
	size_t colon;

	while (n < text.len && !is_blank(text.p[n]))
		n++;
	*out = (struct lmtp_address){ .server = span_head(text, n) };
	while (n < text.len && is_blank(text.p[n]))
		n++;
	out->recipient = span_tail(text, n);
	if (span_starts(out->server, SPAN("/"))) {
		out->path = out->server;
		return 0;
	}
	colon = span_rfind(out->server, ':');
	out->host = span_head(out->server, colon);
	out->port = span_tail(out->server, colon + 1);
	if (span_starts(out->host, SPAN("[")) &&
	    span_ends(out->host, SPAN("]")))
		out->host =
		    span_head(span_tail(out->host, 1), out->host.len - 2);
	return out->host.len > 0 && out->port.len > 0 ? 0 : E_SYNTAX;
}

static int
send_out(struct lmtp *l)
{
	int r = buf_err(&l->out);

	if (r == 0)
		r = fd_write(l->fd, buf_span(&l->out), clock_ms() + SEND_MS);
	buf_reset(&l->out);
	return r;
}

/* One reply, all of it within so many milliseconds. */
static int
read_reply(struct lmtp *l, int64_t ms)
{
	int64_t deadline = clock_ms() + ms;
	int r = E_EOF;

	reply_reset(&l->reply);
	while (r == E_EOF) {
		struct span s;
		size_t used = 0;

		l->in.timeout_ms = deadline - clock_ms();
		if (!in_pending(&l->in) && l->in.timeout_ms <= 0)
			return E_TIMEOUT;
		r = in_peek(&l->in, &s);
		if (r < 0)
			return r;
		if (s.len == 0)
			return E_EOF;
		r = reply_feed(&l->reply, s, &used);
		in_skip(&l->in, used);
	}
	return r;
}

static int
severity(const struct lmtp *l)
{
	return l->reply.code >= 500 ? EX_HARD : EX_SOFT;
}

static bool
is_success(const struct lmtp *l)
{
	return l->reply.code >= 200 && l->reply.code < 300;
}

/* Greeting and LHLO. A server that will not talk to us is no verdict on
 * the message: it may be the wrong one, or busy. */
static int
greet(struct lmtp *l, const struct errand *e, int *code)
{
	int r = read_reply(l, REPLY_MS);

	if (r < 0)
		return r;
	*code = is_success(l) ? 0 : EX_SOFT;
	if (*code != 0)
		return 0;
	buf_puts(&l->out, "LHLO ");
	buf_put(&l->out, e->name);
	buf_puts(&l->out, "\r\n");
	r = send_out(l);
	if (r == 0)
		r = read_reply(l, REPLY_MS);
	if (r == 0)
		*code = is_success(l) ? 0 : EX_SOFT;
	return r;
}

static bool
has_8bit(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] > 127)
			return true;
	return false;
}

/* What the message is like. */
static int
count(struct lmtp *l, const struct errand *e, struct body_facts *facts)
{
	struct span piece = e->dtline;
	uint64_t at = 0;

	*facts = (struct body_facts){ .size = 0 };
	do {
		int r;

		body_count(facts, piece);
		r = message_read(e->msg, at, &piece);
		l->is_unread = r < 0;
		if (r < 0)
			return r;
		at += piece.len;
	} while (piece.len > 0);
	return 0;
}

/* MAIL, RCPT and DATA. */
enum { COMMANDS = 3, DATA = COMMANDS - 1 };

static void
put_command(
    struct lmtp *l, const struct errand *e, const struct buf *options, size_t i)
{
	static const char *const verbs[COMMANDS] = { "MAIL FROM:<", "RCPT TO:<",
		"DATA" };

	buf_puts(&l->out, verbs[i]);
	if (i < DATA) {
		address_put_path(&l->out, i == 0 ? e->sender : e->recipient);
		buf_putc(&l->out, '>');
	}
	if (i == 0)
		buf_put(&l->out, buf_span(options));
	buf_puts(&l->out, "\r\n");
}

/* What MAIL says of the message, to a server that knows the words. */
static int
put_options(struct lmtp *l, const struct errand *e, struct buf *options)
{
	bool knows_size = reply_offers(&l->reply, SPAN("SIZE"), NULL);
	bool knows_8bit = reply_offers(&l->reply, SPAN("8BITMIME"), NULL);
	struct body_facts facts = { .size = 0 };

	if (knows_size || knows_8bit) {
		int r = count(l, e, &facts);

		if (r < 0)
			return r;
	}
	if (knows_size) {
		buf_puts(options, " SIZE=");
		buf_putu(options, facts.size);
	}
	if (knows_8bit && facts.has_8bit)
		buf_puts(options, " BODY=8BITMIME");
	if (reply_offers(&l->reply, SPAN("SMTPUTF8"), NULL) &&
	    (has_8bit(e->sender) || has_8bit(e->recipient)))
		buf_puts(options, " SMTPUTF8");
	return buf_err(options);
}

/* At once if the server allows it. *code is 0 when it waits for the
 * message. */
static int
announce(struct lmtp *l, const struct errand *e, int *code)
{
	bool at_once = reply_offers(&l->reply, SPAN("PIPELINING"), NULL);
	struct buf options = BUF_INIT(256);
	int r = put_options(l, e, &options);

	for (size_t i = 0; r == 0 && i < COMMANDS && at_once; i++)
		put_command(l, e, &options, i);
	if (r == 0 && at_once)
		r = send_out(l);
	for (size_t i = 0; r == 0 && i < COMMANDS && *code == 0; i++) {
		if (!at_once) {
			put_command(l, e, &options, i);
			r = send_out(l);
		}
		if (r == 0)
			r = read_reply(l, REPLY_MS);
		/* 2xx would have us send the message as commands */
		if (r == 0 &&
		    (i == DATA ? l->reply.code / 100 != 3 : !is_success(l)))
			*code = severity(l);
	}
	buf_free(&options);
	return r;
}

/* The message and its end, in a few writes. */
static int
send_message(struct lmtp *l, const struct errand *e)
{
	struct body body = BODY_INIT;
	struct span piece = e->dtline;
	uint64_t at = 0;
	int r = 0;

	do {
		body_put(&body, piece, &l->out);
		if (l->out.len > MESSAGE_PIECE)
			r = send_out(l);
		if (r < 0)
			return r;
		r = message_read(e->msg, at, &piece);
		l->is_unread = r < 0;
		if (r < 0)
			return r;
		at += piece.len;
	} while (piece.len > 0);
	/* a last line without its end gets one, as in an mbox */
	if (body.in_line)
		body_put(&body, SPAN("\n"), &l->out);
	r = body_end(&body, &l->out);
	return r == 0 ? send_out(l) : r;
}

int
lmtp_talk(struct lmtp *l, const struct errand *e, int *code)
{
	int r = greet(l, e, code);

	if (r == 0 && *code == 0)
		r = announce(l, e, code);
	if (r < 0 || *code != 0)
		return r;
	r = send_message(l, e);
	if (r < 0 && (r == E_TIMEOUT || l->is_unread))
		return r;
	l->is_sent = r == 0;
	/* a server that hung up half-way may have said why */
	if (read_reply(l, FINAL_MS) < 0)
		return r < 0 ? r : E_EOF;
	*code = is_success(l) ? 0 : severity(l);
	/* success for half a message is none */
	return *code == 0 ? r : 0;
}

void
lmtp_free(struct lmtp *l)
{
	reply_free(&l->reply);
	buf_free(&l->out);
}

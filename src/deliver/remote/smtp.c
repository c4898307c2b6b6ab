/*
 * smtp - the conversation with one mail server: see smtp.h
 */
#include "smtp.h"

#include "base/err.h"
#include "limits.h"
#include "mail/address.h"

enum { CODE_CLOSING = 421, CODE_TOO_MUCH = 552, CODE_TOO_MANY = 452 };

static const char connected[] = "Connected to ";
static const char died[] = " but connection died. (#4.4.2)";
static const char died_late[] =
    " but connection died. Possible duplicate! (#4.4.2)";
static const char dislikes[] = " does not like recipient.";

static enum smtp_end
die(struct smtp *s, const char *words)
{
	report_message(s->report, 'Z', connected, s->conn->ip, words, NULL);
	return SMTP_ELSEWHERE;
}

/* 5xx never; anything else that is no success: not now. */
static char
severity(const struct smtp *s)
{
	return s->reply.code >= 500 ? 'D' : 'Z';
}

static enum smtp_end
refuse(struct smtp *s, const char *before, const char *words)
{
	report_message(
	    s->report, severity(s), before, s->conn->ip, words, &s->reply);
	return s->reply.code == CODE_CLOSING ? SMTP_ELSEWHERE : SMTP_OVER;
}

/* 2xx and 3xx: a server that says 354 to RCPT takes it (contract R7). */
static bool
is_fine(const struct smtp *s)
{
	return s->reply.code >= 200 && s->reply.code < 400;
}

static int
send_out(struct smtp *s, bool watch)
{
	int r = buf_err(&s->out);

	if (r == 0)
		r = conn_send(s->conn, buf_span(&s->out), watch);
	return r;
}

/* One command and its reply. */
static int
ask(struct smtp *s, const char *verb, struct span argument)
{
	int r;

	buf_reset(&s->out);
	buf_puts(&s->out, verb);
	buf_put(&s->out, argument);
	buf_puts(&s->out, "\r\n");
	r = send_out(s, false);
	return r == 0 ? conn_reply(s->conn, &s->reply) : r;
}

static void
learn_offers(struct smtp *s)
{
	s->conn->pipelining = reply_offers(&s->reply, SPAN("PIPELINING"), NULL);
	s->conn->size = reply_offers(&s->reply, SPAN("SIZE"), NULL);
	s->conn->eightbit = reply_offers(&s->reply, SPAN("8BITMIME"), NULL);
}

/* A refusal at the door: whatever it is, another host may be kinder. */
static enum smtp_end
refuse_entry(struct smtp *s, const char *words)
{
	(void)refuse(s, connected, words);
	return SMTP_ELSEWHERE;
}

enum smtp_end
smtp_greet(struct smtp *s, struct span helohost)
{
	if (conn_reply(s->conn, &s->reply) < 0)
		return die(s, died);
	if (s->reply.code != 220)
		return refuse_entry(s, " but greeting failed.");
	if (ask(s, "EHLO ", helohost) < 0)
		return die(s, died);
	if (s->reply.code == 250) {
		learn_offers(s);
		return SMTP_KEPT;
	}
	if (s->reply.code == CODE_CLOSING)
		return refuse_entry(s, " but my name was rejected.");
	if (ask(s, "HELO ", helohost) < 0)
		return die(s, died);
	if (s->reply.code != 250)
		return refuse_entry(s, " but my name was rejected.");
	return SMTP_KEPT;
}

static void
put_mail(struct smtp *s, const struct errand *e)
{
	const struct body_facts *facts = &e->message->facts;

	buf_puts(&s->out, "MAIL FROM:<");
	address_put_path(&s->out, e->sender);
	buf_putc(&s->out, '>');
	if (s->conn->size) {
		buf_puts(&s->out, " SIZE=");
		buf_putu(&s->out, facts->size);
	}
	if (s->conn->eightbit && facts->has_8bit)
		buf_puts(&s->out, " BODY=8BITMIME");
	buf_puts(&s->out, "\r\n");
}

static void
put_rcpt(struct smtp *s, struct span address)
{
	buf_puts(&s->out, "RCPT TO:<");
	address_put_path(&s->out, address);
	buf_puts(&s->out, ">\r\n");
}

/*
 * Whether a refusal means "too many recipients", which servers used to say
 * by 552 (RFC 5321 4.5.3.1.10), and not a full mailbox or disk.
 */
static bool
is_too_many(const struct smtp *s, size_t accepted)
{
	unsigned int status[3];

	if (s->reply.code != CODE_TOO_MUCH && s->reply.code != CODE_TOO_MANY)
		return false;
	if (reply_status(&s->reply, status))
		return status[1] == 5 && status[2] == 3;
	return accepted > 0;
}

/* The state of one transaction. */
struct turn {
	const struct errand *e;
	size_t accepted;
	bool closing; /* 421: nobody listens any more */
};

static void
note_rcpt(struct smtp *s, struct turn *t, size_t i)
{
	bool too_many = is_too_many(s, t->accepted);
	char letter = s->reply.code >= 500 && !too_many ? 'h' : 's';

	if (is_fine(s)) {
		t->accepted++;
		letter = 'r';
	}
	t->closing = s->reply.code == CODE_CLOSING;
	report_rcpt(s->report, i, letter, s->conn->ip, dislikes, &s->reply);
	s->report->rcpt[i].too_many = too_many;
}

/* The rest hears what the one before them heard. */
static void
note_rest(struct smtp *s, const struct turn *t, size_t from)
{
	size_t i;

	for (i = from; i < t->e->n; i++)
		if (s->report->rcpt[i].letter == 0)
			report_rcpt(s->report, i, 's', s->conn->ip, dislikes,
			    &s->reply);
}

/* Send a group of RCPTs, maybe with MAIL before and DATA after them. */
static int
send_group(struct smtp *s, const struct turn *t, size_t from, size_t to)
{
	size_t i;

	buf_reset(&s->out);
	if (from == 0 && s->conn->pipelining)
		put_mail(s, t->e);
	for (i = from; i < to; i++)
		if (s->report->rcpt[i].letter == 0)
			put_rcpt(s, t->e->rcpt[i]);
	if (to == t->e->n && s->conn->pipelining)
		buf_puts(&s->out, "DATA\r\n");
	return send_out(s, false);
}

/* The verdict on MAIL. SMTP_KEPT: accepted. */
static enum smtp_end
judge_mail(struct smtp *s)
{
	if (is_fine(s))
		return SMTP_KEPT;
	/* a server may have grown tired of this connection */
	if (refuse(s, connected, " but sender was rejected.") ==
		SMTP_ELSEWHERE ||
	    (s->reply.code < 500 && s->conn->messages > 0))
		return SMTP_STALE;
	return SMTP_OVER;
}

static enum smtp_end
stale(struct smtp *s)
{
	(void)die(s, died);
	return SMTP_STALE;
}

/* MAIL by itself, for servers that want one command at a time. */
static enum smtp_end
mail_alone(struct smtp *s, const struct errand *e)
{
	int r;

	buf_reset(&s->out);
	put_mail(s, e);
	r = send_out(s, false);
	if (r == 0)
		r = conn_reply(s->conn, &s->reply);
	return r < 0 ? stale(s) : judge_mail(s);
}

/* Read the replies to a group. */
static enum smtp_end
read_group(struct smtp *s, struct turn *t, size_t from, size_t to)
{
	size_t i;

	if (from == 0 && s->conn->pipelining) {
		enum smtp_end end;

		if (conn_reply(s->conn, &s->reply) < 0)
			return stale(s);
		end = judge_mail(s);
		if (end != SMTP_KEPT)
			return end;
	}
	for (i = from; i < to && !t->closing; i++) {
		if (s->report->rcpt[i].letter != 0)
			continue;
		if (conn_reply(s->conn, &s->reply) < 0)
			return die(s, died);
		note_rcpt(s, t, i);
	}
	if (t->closing)
		note_rest(s, t, i);
	return SMTP_KEPT;
}

/* MAIL and all RCPTs, as many at once as the server allows. */
static enum smtp_end
address_all(struct smtp *s, struct turn *t)
{
	size_t batch = s->conn->pipelining ? LIMIT_BATCH : 1;
	enum smtp_end end = SMTP_KEPT;
	size_t from, to;

	if (!s->conn->pipelining)
		end = mail_alone(s, t->e);
	for (from = 0; end == SMTP_KEPT && from < t->e->n && !t->closing;
	     from = to) {
		to = t->e->n - from > batch ? from + batch : t->e->n;
		if (send_group(s, t, from, to) < 0)
			return from == 0 ? stale(s) : die(s, died);
		end = read_group(s, t, from, to);
	}
	return end;
}

/* Nobody was accepted. With PIPELINING DATA is on its way all the same. */
static enum smtp_end
give_up(struct smtp *s, const struct turn *t)
{
	char letter = 'D';
	size_t i;

	for (i = 0; i < t->e->n; i++)
		if (s->report->rcpt[i].letter == 's')
			letter = 'Z';
	report_message(
	    s->report, letter, "Giving up on ", s->conn->ip, ".", NULL);
	if (t->closing)
		return SMTP_ELSEWHERE;
	if (s->conn->pipelining &&
	    (conn_reply(s->conn, &s->reply) < 0 || s->reply.code < 400))
		/* it waits for a message: leave without another word */
		conn_close(s->conn);
	return SMTP_OVER;
}

static enum smtp_end
start_data(struct smtp *s)
{
	int r = s->conn->pipelining ? conn_reply(s->conn, &s->reply)
				    : ask(s, "DATA", SPAN(""));

	if (r < 0)
		return die(s, died);
	/* 2xx would have us send the message as commands */
	if (s->reply.code < 300 || s->reply.code >= 400)
		return refuse(s, NULL, " failed on DATA command.");
	return SMTP_KEPT;
}

static enum smtp_end
judge_message(struct smtp *s)
{
	if (s->reply.code < 200 || s->reply.code >= 300) {
		(void)refuse(s, NULL, " failed after I sent the message.");
		return SMTP_OVER;
	}
	report_message(
	    s->report, 'K', NULL, s->conn->ip, " accepted message.", &s->reply);
	s->conn->messages++;
	return conn_spoke(s->conn) ? SMTP_OVER : SMTP_KEPT;
}

/*
 * Sending the message failed before its end was sent. The server may have
 * said why.
 */
static enum smtp_end
interrupted(struct smtp *s, int r)
{
	enum smtp_end end;

	if (r == E_TIMEOUT || conn_reply(s->conn, &s->reply) < 0 ||
	    s->reply.code < 400)
		end = die(s, died);
	else
		end = refuse(s, NULL, " failed after I sent the message.");
	/* it is in the middle of the data: no QUIT */
	conn_close(s->conn);
	return end;
}

static enum smtp_end
unreadable(struct smtp *s)
{
	report_message(s->report, 'Z', "Unable to read message. (#4.3.0)", NULL,
	    NULL, NULL);
	conn_close(s->conn);
	return SMTP_OVER;
}

static enum smtp_end
partial(struct smtp *s)
{
	report_message(s->report, 'D',
	    "SMTP cannot transfer messages with partial final lines. "
	    "(#5.6.2)",
	    NULL, NULL, NULL);
	conn_close(s->conn);
	return SMTP_OVER;
}

/*
 * The message and its end. A small one goes out in one write, its end
 * included; so nothing at all is sent of one that turns out to be bad.
 */
static enum smtp_end
send_message(struct smtp *s, struct message *m)
{
	struct body body = BODY_INIT;
	struct span piece = SPAN("");
	int r;

	/* an answer before the message cannot be about it */
	if (conn_spoke(s->conn))
		return interrupted(s, E_BUSY);
	message_rewind(m);
	buf_reset(&s->out);
	for (;;) {
		r = message_next(m, &piece);
		if (r < 0)
			return unreadable(s);
		if (piece.len == 0)
			break;
		body_put(&body, piece, &s->out);
		if (s->out.len < MESSAGE_PIECE)
			continue;
		r = send_out(s, true);
		if (r < 0)
			return interrupted(s, r);
		buf_reset(&s->out);
	}
	if (body_end(&body, &s->out) < 0)
		return partial(s);
	r = send_out(s, true);
	if (r < 0)
		return interrupted(s, r);
	if (conn_reply(s->conn, &s->reply) < 0) {
		(void)die(s, died_late);
		return SMTP_OVER;
	}
	return judge_message(s);
}

/* What must not be said to any server. SMTP_KEPT: nothing of the kind. */
static enum smtp_end
check(struct smtp *s, const struct errand *e)
{
	size_t i;

	if (!address_is_sendable(e->sender)) {
		report_message(s->report, 'D',
		    "Sorry, SMTP cannot carry this sender address. (#5.1.7)",
		    NULL, NULL, NULL);
		return SMTP_OVER;
	}
	for (i = 0; i < e->n; i++)
		if (s->report->rcpt[i].letter == 0 &&
		    !address_is_sendable(e->rcpt[i]))
			report_rcpt(s->report, i, 'h', NULL,
			    "Sorry, SMTP cannot carry this address. (#5.1.3)",
			    NULL);
	if (e->bounces_8bit && e->message->facts.has_8bit &&
	    !s->conn->eightbit) {
		report_message(s->report, 'D', connected, s->conn->ip,
		    " but it does not take 8-bit messages. (#5.6.3)", NULL);
		return SMTP_OVER;
	}
	return SMTP_KEPT;
}

enum smtp_end
smtp_send(struct smtp *s, const struct errand *e)
{
	struct turn turn = { .e = e };
	enum smtp_end end = check(s, e);

	if (end == SMTP_KEPT)
		end = address_all(s, &turn);
	if (end != SMTP_KEPT)
		return end;
	if (turn.accepted == 0)
		return give_up(s, &turn);
	if (turn.closing)
		return die(s, died);
	end = start_data(s);
	return end == SMTP_KEPT ? send_message(s, e->message) : end;
}

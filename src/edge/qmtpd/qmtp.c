/*
 * qmtp - the conversation: see qmtp.h
 */
#include "qmtp.h"

#include "base/err.h"
#include "crlf.h"
#include "limits.h"
#include "mail/netstring.h"
#include "queue/envelope.h"
#include "serve/handin.h"
#include "sys/spool.h"

enum { REPLY_BYTES = 1024 };

/* What becomes of a recipient, a byte for each. */
enum verdict { TAKEN = 'K', NOT_OURS = 'n', UNUSABLE = 'u', TOO_MANY = 'm' };

struct message {
	struct spool spool;
	uint64_t stored; /* bytes of it */
	struct crlf crlf;
	bool has_crlf;
	bool is_bad_sender;
	struct buf recipients; /* their netstrings, as they came */
	struct buf verdicts;
	struct buf envelope;
	uint32_t taken; /* of recipients */
};

static void
keep(const struct qmtp *q, struct message *m, struct span bytes)
{
	m->stored += bytes.len;
	if (admit_is_too_big(q->admit, m->stored))
		spool_free(&m->spool);
	else
		spool_put(&m->spool, bytes);
}

/* Bytes of the message as they came. */
static void
eat(const struct qmtp *q, struct message *m, struct span bytes)
{
	char out[sizeof(q->net.in.data) + 1];

	if (m->has_crlf)
		bytes = (struct span){ out, crlf_eat(&m->crlf, bytes, out) };
	keep(q, m, bytes);
}

/* The first byte says how lines end. */
static int
read_kind(struct qmtp *q, struct message *m)
{
	struct span bytes;
	int r = netin_peek(&q->net, &bytes);

	if (r < 0)
		return r;
	if (bytes.p[0] != '\n' && bytes.p[0] != '\r')
		return E_SYNTAX;
	m->has_crlf = bytes.p[0] == '\r';
	netin_take(&q->net, 1);
	return 0;
}

static int
read_text(struct qmtp *q, struct message *m, size_t left)
{
	char last[1];

	while (left > 0) {
		struct span bytes;
		int r = netin_peek(&q->net, &bytes);

		if (r < 0)
			return r;
		bytes = span_head(bytes, left);
		eat(q, m, bytes);
		left -= bytes.len;
		netin_take(&q->net, bytes.len);
	}
	keep(q, m, (struct span){ last, crlf_end(&m->crlf, last) });
	return 0;
}

/* The message; told to end, we do so only before its first byte. */
static int
read_message(struct qmtp *q, struct message *m)
{
	struct span bytes;
	size_t length = 0;
	int r;

	q->net.may_stop = true;
	r = netin_peek(&q->net, &bytes);
	q->net.may_stop = false;
	if (r == 0)
		r = netin_length(&q->net, &length);
	if (r == 0 && length == 0)
		r = E_SYNTAX;
	if (r == 0)
		r = read_kind(q, m);
	if (r == 0)
		r = read_text(q, m, length - 1);
	return r < 0 ? r : netin_comma(&q->net);
}

static int
read_sender(struct qmtp *q, struct message *m)
{
	struct buf sender = BUF_INIT(HANDIN_ADDRESS_BYTES);
	size_t length;
	int r = netin_length(&q->net, &length);

	if (r < 0)
		return r;
	if (length < HANDIN_ADDRESS_BYTES) {
		r = netin_put(&q->net, length, &sender);
		if (r == 0) {
			m->is_bad_sender =
			    !handin_is_address(buf_span(&sender), 0);
			envelope_put_sender(
			    &m->envelope, buf_span(&sender), 0, SPAN(""));
		}
	} else {
		m->is_bad_sender = true;
		r = netin_drop(&q->net, length);
	}
	buf_free(&sender);
	return r < 0 ? r : netin_comma(&q->net);
}

static int
read_recipients(struct qmtp *q, struct message *m)
{
	size_t length;
	int r = netin_length(&q->net, &length);

	if (r == 0 && length > RECIPIENTS_BYTES)
		r = E_TOOBIG;
	if (r == 0)
		r = netin_put(&q->net, length, &m->recipients);
	return r < 0 ? r : netin_comma(&q->net);
}

static int
judge(const struct qmtp *q, struct message *m, struct span addr,
    enum verdict *verdict)
{
	size_t more = q->relayclient != NULL ? strlen(q->relayclient) : 0;
	struct buf b = BUF_INIT(HANDIN_ADDRESS_BYTES);
	bool is_ours = false;
	int r;

	if (!handin_is_address(addr, more))
		return 0;
	buf_put(&b, addr);
	r = buf_err(&b);
	if (r == 0)
		r = admit_rcpt(q->admit, q->relayclient, &b, &is_ours);
	if (r == 0)
		r = buf_err(&b);
	if (r < 0)
		goto out;
	*verdict = !is_ours                     ? NOT_OURS
		   : m->taken >= RECIPIENTS_MAX ? TOO_MANY
						: TAKEN;
	if (*verdict == TAKEN) {
		m->taken++;
		envelope_put_rcpt(&m->envelope,
		    &(const struct recipient){ .addr = buf_span(&b) });
	}
out:
	buf_free(&b);
	return r;
}

/* Decide about each recipient. */
static int
judge_all(const struct qmtp *q, struct message *m)
{
	struct span rest = buf_span(&m->recipients);

	while (rest.len > 0) {
		enum verdict verdict = UNUSABLE;
		struct span addr;
		int r = netstring_get(&rest, NETIN_MAX, &addr);

		if (r == E_EOF)
			r = E_SYNTAX;
		if (r == 0)
			r = judge(q, m, addr, &verdict);
		if (r < 0)
			return r;
		buf_putc(&m->verdicts, (char)verdict);
	}
	envelope_put_end(&m->envelope);
	return buf_err(&m->verdicts);
}

/* The answer for those who are not refused on their own. */
static int
conclude(const struct qmtp *q, struct message *m, struct buf *answer)
{
	struct submitted done;

	if (admit_is_too_big(q->admit, m->stored))
		buf_puts(answer, "Dsorry, that message size exceeds my "
				 "databytes limit (#5.3.4)");
	else if (m->is_bad_sender)
		buf_puts(answer, "Dunacceptable sender (#5.1.7)");
	else if (m->taken > 0) {
		handin(q->peer, SPAN("QMTP"), q->peer->host, &m->spool,
		    &m->envelope, &done);
		handin_answer(&done, answer);
	}
	return buf_err(answer);
}

static struct span
answer_to(char verdict, const struct buf *answer)
{
	switch (verdict) {
	case NOT_OURS:
		return SPAN("Dsorry, that domain isn't in my list of allowed "
			    "rcpthosts (#5.7.1)");
	case UNUSABLE:
		return SPAN("Dsorry, I can't handle that recipient (#5.1.3)");
	case TOO_MANY:
		return SPAN("Zsorry, too many recipients (#4.5.3)");
	default:
		return buf_span(answer);
	}
}

/* An answer for each recipient, in their order. */
static int
say_all(struct qmtp *q, const struct message *m, const struct buf *answer)
{
	struct span verdicts = buf_span(&m->verdicts);
	struct buf one = BUF_INIT(REPLY_BYTES);
	int r = 0;

	for (size_t i = 0; r == 0 && i < verdicts.len; i++) {
		buf_reset(&one);
		netstring_put(&one, answer_to(verdicts.p[i], answer));
		r = buf_err(&one);
		if (r == 0)
			out_put(&q->net.out, buf_span(&one));
	}
	buf_free(&one);
	return r;
}

/* One message, from its first byte to the answers. */
static int
take(struct qmtp *q)
{
	struct buf answer = BUF_INIT(REPLY_BYTES);
	struct message m = { .spool = SPOOL_INIT,
		.crlf = CRLF_INIT,
		.recipients = BUF_INIT(RECIPIENTS_BYTES),
		.verdicts = BUF_INIT(RECIPIENTS_BYTES),
		.envelope = BUF_INIT(ENVELOPE_MAX) };
	int r = read_message(q, &m);

	if (r == 0)
		r = read_sender(q, &m);
	if (r == 0)
		r = read_recipients(q, &m);
	if (r == 0)
		r = judge_all(q, &m);
	if (r == 0)
		r = conclude(q, &m, &answer);
	if (r == 0)
		r = say_all(q, &m, &answer);
	spool_free(&m.spool);
	buf_free(&m.recipients);
	buf_free(&m.verdicts);
	buf_free(&m.envelope);
	buf_free(&answer);
	return r;
}

int
qmtp_run(struct qmtp *q)
{
	int r = 0;

	while (r == 0)
		r = take(q);
	return netin_close(&q->net, r);
}

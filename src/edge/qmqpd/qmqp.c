/*
 * qmqp - the conversation: see qmqp.h
 */
#include "qmqp.h"

#include "base/err.h"
#include "mail/netstring.h"
#include "queue/envelope.h"
#include "serve/handin.h"
#include "sys/spool.h"

enum { REPLY_BYTES = 1024 };

struct message {
	struct spool spool;
	struct buf addresses; /* netstrings: the sender, then recipients */
	struct buf envelope;
	bool is_bad; /* an address is none */
};

/* The message: left bytes of it, verbatim. */
static int
read_text(struct qmqp *q, struct message *m, size_t left)
{
	while (left > 0) {
		struct span bytes;
		int r = netin_peek(&q->net, &bytes);

		if (r < 0)
			return r;
		bytes = span_head(bytes, left);
		spool_put(&m->spool, bytes);
		left -= bytes.len;
		netin_take(&q->net, bytes.len);
	}
	return netin_comma(&q->net);
}

/* All of the netstring that has the others in it. */
static int
read_all(struct qmqp *q, struct message *m)
{
	size_t whole, length, used;
	uint64_t began;
	int r;

	r = netin_length(&q->net, &whole);
	if (r < 0)
		return r;
	began = q->net.taken;
	r = netin_length(&q->net, &length);
	if (r < 0)
		return r;
	used = (size_t)(q->net.taken - began);
	/* the message and its comma are inside */
	if (used >= whole || length >= whole - used)
		return E_SYNTAX;
	r = read_text(q, m, length);
	if (r < 0)
		return r;
	used += length + 1;
	if (whole - used > m->addresses.max)
		return E_TOOBIG;
	r = netin_put(&q->net, whole - used, &m->addresses);
	return r < 0 ? r : netin_comma(&q->net);
}

/* The next address. What is cut short will never be complete. */
static int
next(struct span *rest, struct message *m, struct span *addr)
{
	int r = netstring_get(rest, NETIN_MAX, addr);

	if (r == 0 && !handin_is_address(*addr, 0))
		m->is_bad = true;
	return r == E_EOF ? E_SYNTAX : r;
}

static int
read_addresses(struct message *m)
{
	struct span rest = buf_span(&m->addresses);
	struct span addr;
	int r = next(&rest, m, &addr);

	if (r < 0)
		return r;
	envelope_put_sender(&m->envelope, addr, 0, SPAN(""));
	while (rest.len > 0) {
		r = next(&rest, m, &addr);
		if (r < 0)
			return r;
		envelope_put_rcpt(
		    &m->envelope, &(const struct recipient){ .addr = addr });
	}
	envelope_put_end(&m->envelope);
	return 0;
}

static int
answer(struct qmqp *q, struct message *m)
{
	struct buf text = BUF_INIT(REPLY_BYTES), reply = BUF_INIT(REPLY_BYTES);
	struct submitted done;
	int r;

	if (m->is_bad) {
		buf_puts(&text, "Dsorry, I can't accept addresses like that "
				"(#5.1.3)");
	} else {
		handin(q->peer, SPAN("QMQP"), q->peer->host, &m->spool,
		    &m->envelope, &done);
		handin_answer(&done, &text);
	}
	r = buf_err(&text);
	if (r == 0) {
		netstring_put(&reply, buf_span(&text));
		r = buf_err(&reply);
	}
	if (r == 0)
		out_put(&q->net.out, buf_span(&reply));
	buf_free(&text);
	buf_free(&reply);
	return r;
}

int
qmqp_run(struct qmqp *q)
{
	struct message m = { .spool = SPOOL_INIT,
		.addresses = BUF_INIT(ENVELOPE_MAX),
		.envelope = BUF_INIT(ENVELOPE_MAX) };
	int r = read_all(q, &m);

	if (r == 0)
		r = read_addresses(&m);
	if (r == 0)
		r = answer(q, &m);
	spool_free(&m.spool);
	buf_free(&m.addresses);
	buf_free(&m.envelope);
	return netin_close(&q->net, r);
}

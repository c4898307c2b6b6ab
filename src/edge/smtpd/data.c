/*
 * data - take a message and hand it in
 *
 * The message is read to its true end whatever is wrong with it, and only
 * then answered (contract edges.md 1.6, 1.7).
 */
#include <errno.h>

#include "base/ascii.h"
#include "base/err.h"
#include "hops.h"
#include "limits.h"
#include "mail/dots.h"
#include "serve/handin.h"
#include "session.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "sys/spool.h"

enum { REPLY_BYTES = 1024 };

struct data {
	struct dots dots;
	struct hops hops;
	struct spool spool;
	uint64_t wire;   /* bytes read */
	uint64_t stored; /* bytes they make */
	int64_t began;
};

static bool
is_too_big(const struct session *s, const struct data *d)
{
	return admit_is_too_big(&s->policy->admit, d->stored);
}

/* Whether what has come justifies the time it took. */
static bool
is_too_slow(const struct session *s, const struct data *d)
{
	int64_t took = clock_ms() - d->began;
	uint64_t may = d->wire / DATA_BYTES_PER_S + s->policy->timeout_s;

	return took > 0 && (uint64_t)took / 1000 > may;
}

/* What a piece of the wire holds goes into the spool, unless in vain. */
static void
eat(struct session *s, struct data *d, struct span bytes)
{
	char stored[sizeof(s->in.data)];
	struct span rest = bytes;
	size_t n = dots_eat(&d->dots, &rest, stored);
	size_t eaten = bytes.len - rest.len;

	hops_eat(&d->hops, span_head(bytes, eaten));
	in_skip(&s->in, eaten);
	d->wire += eaten;
	d->stored += n;
	if (is_too_big(s, d) || d->dots.fault != DOTS_CLEAN ||
	    d->hops.n >= HOPS_MAX)
		spool_free(&d->spool);
	else
		spool_put(&d->spool, (struct span){ stored, n });
}

/* Read up to the end of the message. */
static int
receive(struct session *s, struct data *d)
{
	while (!dots_is_over(&d->dots)) {
		struct span bytes;
		int r = session_peek(s, &bytes);

		/* told to end: a message under way is taken first */
		if (err_is(r, EINTR))
			continue;
		if (r == 0 && bytes.len == 0)
			r = E_EOF;
		if (r < 0)
			return r;
		eat(s, d, bytes);
		if (is_too_slow(s, d))
			return E_TIMEOUT;
	}
	return 0;
}

/* What cannot be stored safely: the reply, or NULL. */
static const char *
fault_reply(const struct data *d)
{
	switch (d->dots.fault) {
	case DOTS_BARE_LF:
		return "550 5.6.0 bare LF in message, see "
		       "https://cr.yp.to/docs/smtplf.html (#5.6.0)";
	case DOTS_BARE_CR:
		return "550 5.6.0 bare CR in message, see "
		       "https://cr.yp.to/docs/smtplf.html (#5.6.0)";
	case DOTS_NUL:
		return "550 5.6.0 NUL in message, see "
		       "https://cr.yp.to/docs/smtplf.html (#5.6.0)";
	case DOTS_CLEAN:
		break;
	}
	return NULL;
}

static const char *
refusal(const struct session *s, const struct data *d)
{
	if (d->hops.n >= HOPS_MAX)
		return "554 5.4.6 too many hops, this message is looping "
		       "(#5.4.6)";
	if (is_too_big(s, d))
		return "552 5.3.4 sorry, that message size exceeds my "
		       "databytes limit (#5.3.4)";
	return NULL;
}

/* The length of an enhanced code "5.1.2" of this class at the start of s. */
static size_t
enhanced_code(struct span s, char class)
{
	size_t i = 1;

	if (s.len < 5 || s.p[0] != class)
		return 0;
	for (int part = 0; part < 2; part++) {
		size_t digits = 0;

		if (i >= s.len || s.p[i] != '.')
			return 0;
		i++;
		while (i < s.len && digits < 3 &&
		       ascii_is_digit((unsigned char)s.p[i])) {
			i++;
			digits++;
		}
		if (digits == 0)
			return 0;
	}
	return i;
}

/*
 * "Zqq timeout (#4.3.0)" becomes "451 4.3.0 qq timeout (#4.3.0)". A text
 * that begins with its enhanced code keeps it; one without any gets X.3.0.
 */
static void
put_verdict(struct buf *reply, struct span text)
{
	char class = text.p[0] == 'D' ? '5' : '4';
	struct span words = span_tail(text, 1);
	size_t mark = span_rfind(words, '#');
	struct span code = span_tail(words, mark + 1);
	size_t n = enhanced_code(code, class);

	buf_puts(reply, class == '5' ? "554 " : "451 ");
	if (enhanced_code(words, class) == 0) {
		buf_put(reply, n > 0          ? span_head(code, n)
			       : class == '5' ? SPAN("5.3.0")
					      : SPAN("4.3.0"));
		buf_putc(reply, ' ');
	}
	buf_put(reply, words);
}

static void
put_acceptance(struct buf *reply, const struct submitted *done)
{
	buf_puts(reply, "250 2.6.0 ok ");
	buf_putu(reply, (uintmax_t)clock_real());
	buf_puts(reply, " qp ");
	buf_putu(reply, done->qp);
}

static void
log_outcome(const struct session *s, const struct data *d,
    const struct submitted *done, struct span reply)
{
	bool is_taken = done != NULL && done->code == SUBMIT_OK;
	struct buf line;
	struct span rest, sender;

	session_log_begin(s, &line);
	buf_puts(&line, is_taken ? "accepted " : "refused message ");
	if (is_taken) {
		buf_putu(&line, done->id);
		buf_puts(&line, " qp ");
		buf_putu(&line, done->qp);
		buf_putc(&line, ' ');
	}
	buf_puts(&line, "bytes ");
	buf_putu(&line, d->stored);
	if (buf_err(&s->envelope) == 0) {
		rest = buf_span(&s->envelope);
		buf_puts(&line, " sender <");
		if (span_field(&rest, &sender))
			log_safe(&line, span_tail(sender, 1));
		buf_puts(&line, ">");
	}
	buf_puts(&line, " recipients ");
	buf_putu(&line, s->recipients);
	if (!is_taken) {
		buf_puts(&line, ": ");
		buf_put(&line, reply);
	}
	session_log_end(s, &line);
}

/* Decide, answer, log: in this order, for the peer is waiting. */
static enum verb_end
conclude(struct session *s, struct data *d)
{
	const char *fault = fault_reply(d);
	const char *reason = fault != NULL ? fault : refusal(s, d);
	struct buf reply = BUF_INIT(REPLY_BYTES);
	struct submitted done = { .code = SUBMIT_BUG };
	const char *words;
	bool is_told;

	if (reason != NULL) {
		buf_puts(&reply, reason);
	} else {
		buf_putc(&s->envelope, '\0');
		handin(s->peer, SPAN("SMTP"), buf_span(&s->helo), &d->spool,
		    &s->envelope, &done);
		if (done.code == SUBMIT_OK)
			put_acceptance(&reply, &done);
		else
			put_verdict(&reply, span_cstr(submit_text(&done)));
	}
	if (buf_cstr(&reply, &words) < 0)
		words = "451 4.3.0 out of memory (#4.3.0)";
	session_say(s, words);
	is_told = session_flush(s) == 0;
	log_outcome(s, d, reason == NULL ? &done : NULL, span_cstr(words));
	buf_free(&reply);
	if (done.code == SUBMIT_OK) {
		s->bad_commands = 0;
		s->bad_recipients = 0;
		s->idle_commands = 0;
	}
	if (!is_told)
		return VERB_GONE;
	return fault != NULL ? VERB_CLOSE : VERB_NEXT;
}

enum verb_end
data_take(struct session *s)
{
	struct data d = { .dots = DOTS_INIT,
		.hops = HOPS_INIT,
		.spool = SPOOL_INIT,
		.began = clock_ms() };
	enum verb_end end;
	int r;

	session_say(s, "354 go ahead");
	r = session_flush(s);
	if (r == 0)
		r = receive(s, &d);
	end = r < 0 ? session_broken(s, r) : conclude(s, &d);
	spool_free(&d.spool);
	session_reset(s);
	return end;
}

/*
 * report - how a delivery went: see report.h
 */
#include "report.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"

enum {
	LINE_MAX_TEXT = 1500, /* our own words: an address or host at most */
	ONE_MAX = REPLY_TEXT_MAX + LINE_MAX_TEXT,
	PER_RCPT = 3 * ONE_MAX /* refused, then merged: two texts more */
};

int
report_begin(struct report *r, size_t n)
{
	struct rcpt_report *rcpt = mem_new(n, sizeof(*rcpt));
	size_t room;

	if (rcpt == NULL || num_mul(n, PER_RCPT, &room) < 0) {
		mem_free(rcpt);
		return E_NOMEM;
	}
	report_free(r);
	r->rcpt = rcpt;
	r->n = n;
	r->texts = BUF_INIT(room);
	r->message = BUF_INIT(ONE_MAX);
	return 0;
}

void
report_free(struct report *r)
{
	mem_free(r->rcpt);
	buf_free(&r->texts);
	buf_free(&r->message);
	*r = REPORT_INIT;
}

static void
put_line(struct buf *b, const char *before, const char *ip, const char *after,
    const struct reply *remote)
{
	if (before != NULL)
		buf_puts(b, before);
	if (ip != NULL)
		buf_puts(b, ip);
	if (after != NULL)
		buf_puts(b, after);
	buf_putc(b, '\n');
	if (remote == NULL || reply_text(remote).len == 0)
		return;
	buf_puts(b, "Remote host said: ");
	buf_put(b, reply_text(remote));
}

void
report_rcpt(struct report *r, size_t i, char letter, const char *ip,
    const char *words, const struct reply *remote)
{
	struct rcpt_report *one = &r->rcpt[i];

	one->letter = letter;
	one->too_many = false;
	one->at = r->texts.len;
	one->len = 0;
	if (letter == 'r')
		return;
	put_line(&r->texts, NULL, ip, words, remote);
	one->len = r->texts.len - one->at;
}

void
report_message(struct report *r, char letter, const char *before,
    const char *ip, const char *after, const struct reply *remote)
{
	r->letter = letter;
	buf_reset(&r->message);
	put_line(&r->message, before, ip, after, remote);
}

void
report_text(struct report *r, char letter, struct span text)
{
	r->letter = letter;
	buf_reset(&r->message);
	buf_put(&r->message, text);
}

static struct span
text_of(const struct buf *b)
{
	if (buf_err(b) < 0)
		return SPAN("");
	return buf_span(b);
}

static struct span
rcpt_text(const struct report *r, size_t i)
{
	const struct rcpt_report *one = &r->rcpt[i];

	return span_head(span_tail(text_of(&r->texts), one->at), one->len);
}

/* A server may send NULs; reply.h has replaced them: none can be here. */
void
report_classic(const struct report *r, struct buf *out)
{
	size_t i;

	for (i = 0; i < r->n; i++) {
		if (r->rcpt[i].letter == 0)
			continue;
		buf_putc(out, r->rcpt[i].letter);
		buf_put(out, rcpt_text(r, i));
		buf_putc(out, '\0');
	}
	buf_putc(out, r->letter);
	buf_put(out, text_of(&r->message));
	buf_putc(out, '\0');
}

/* D is worse than Z is worse than K. */
static int
rank(char letter)
{
	if (letter == 'K')
		return 2;
	return letter == 'Z' ? 1 : 0;
}

char
report_fold(const struct report *r, size_t i, struct buf *text)
{
	char letter = r->letter;

	if (r->rcpt[i].letter == 's')
		letter = 'Z';
	if (r->rcpt[i].letter == 'h')
		letter = 'D';
	buf_put(text, rcpt_text(r, i));
	if (rank(r->letter) <= rank(letter))
		buf_put(text, text_of(&r->message));
	return letter;
}

void
report_merge(struct report *r, size_t i, const struct report *other, size_t j)
{
	struct rcpt_report *one = &r->rcpt[i];
	char letter;

	one->at = r->texts.len;
	letter = report_fold(other, j, &r->texts);
	one->len = r->texts.len - one->at;
	one->too_many = false;
	one->letter = letter == 'D' ? 'h' : 's';
	if (letter == 'K') {
		/* the text of the first transaction says it all */
		one->letter = 'r';
		one->len = 0;
	}
}

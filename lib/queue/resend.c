/*
 * resend - send a message on: see resend.h
 */
#include "queue/resend.h"

#include "base/err.h"
#include "queue/envelope.h"
#include "queue/submit.h"
#include "sys/home.h"
#include "sys/log.h"
#include "sys/prog.h"
#include "sys/spool.h"

enum { WORDS_BYTES = 64 };

static void
compose(struct buf *b, struct span sender, char *const *address)
{
	buf_putc(b, 'F');
	buf_put(b, sender);
	buf_putc(b, '\0');
	for (; *address != NULL; address++) {
		buf_putc(b, 'T');
		buf_puts(b, *address);
		buf_putc(b, '\0');
	}
	buf_putc(b, '\0');
}

static void
say_number(uint64_t qp)
{
	struct buf b = BUF_INIT(WORDS_BYTES);
	const char *words;

	buf_puts(&b, "qp ");
	buf_putu(&b, qp);
	if (buf_cstr(&b, &words) == 0)
		log_line(words);
	buf_free(&b);
}

void
resend(const char *sender, char *const *addresses)
{
	struct submitted out = { .code = SUBMIT_HOME };
	struct buf envelope = BUF_INIT(ENVELOPE_MAX);
	struct spool message = SPOOL_INIT;
	struct span from = span_cstr(prog_need(sender, EX_HARD));
	struct span dtline = span_cstr(prog_need("DTLINE", EX_HARD));
	const char *text;
	int r;

	compose(&envelope, from, addresses);
	r = buf_err(&envelope);
	if (r < 0)
		prog_die(EX_SOFT, "unable to compose", r);
	r = spool_fill(&message, 0);
	if (r < 0)
		prog_die(EX_SOFT, "unable to read message", r);

	if (home_enter() == 0)
		submit(dtline, &message, buf_span(&envelope), &out);
	spool_free(&message);
	buf_free(&envelope);
	text = submit_text(&out);
	if (text[0] != 'K')
		prog_die(text[0] == 'D' ? EX_HARD : EX_SOFT, text + 1, 0);
	say_number(out.qp);
}

/*
 * forward - send a message on to other addresses
 *
 * Run by:   qmail-local(8), for a line "|forward ..." of a .qmail file
 * Runs as:  the owner of that .qmail file
 * Input:    the message on descriptor 0, from where it stands; NEWSENDER
 *           and DTLINE of the environment; addresses as operands
 * Trusts:   its environment and its operands, which the account owner
 *           wrote; nothing in the message
 * Output:   one message to the queue; its number on descriptor 2
 * Exits:    0 queued, 100 never, 111 try again later
 */
#include "base/err.h"
#include "queue/envelope.h"
#include "queue/submit.h"
#include "sys/env.h"
#include "sys/home.h"
#include "sys/log.h"
#include "sys/prog.h"
#include "sys/spool.h"

enum { NUMBER_BYTES = 64 };

static struct span
need(const char *name, const char *complaint)
{
	const char *value = env_get(name);

	if (value == NULL)
		prog_die(EX_HARD, complaint, 0);
	return span_cstr(value);
}

static void
compose(struct buf *b, struct span sender, char **address)
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
	struct buf b = BUF_INIT(NUMBER_BYTES);
	const char *words;

	buf_puts(&b, "qp ");
	buf_putu(&b, qp);
	if (buf_cstr(&b, &words) == 0)
		log_line(words);
	buf_free(&b);
}

int
main(int argc, char **argv)
{
	struct submitted out = { .code = SUBMIT_HOME };
	struct buf envelope = BUF_INIT(ENVELOPE_MAX);
	struct spool message = SPOOL_INIT;
	struct span sender, dtline;
	const char *text;
	int r;

	prog_start("forward");
	sender = need("NEWSENDER", "NEWSENDER not set");
	dtline = need("DTLINE", "DTLINE not set");
	compose(&envelope, sender, argc > 0 ? argv + 1 : argv);
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
	return 0;
}

/*
 * forward - hand the message to the queue again: see local.h
 *
 * Contract local.md 1.10.
 */
#include <unistd.h>

#include "base/err.h"
#include "queue/submit.h"
#include "sys/home.h"
#include "sys/prog.h"
#include "sys/spool.h"

#include "local.h"
#include "vars.h"

static int
copy(struct message *m, struct spool *s)
{
	struct span piece;
	uint64_t at = 0;

	do {
		int r = message_read(m, at, &piece);

		if (r < 0)
			return r;
		spool_put(s, piece);
		at += piece.len;
	} while (piece.len > 0 && spool_err(s) == 0);
	return 0;
}

/* $QMAILQUEUE sees what every other program of the delivery sees. */
static void
submit_with(struct delivery *d, struct spool *s, struct submitted *out)
{
	char **ours = environ;

	environ = d->env.list;
	submit(buf_span(&d->dtline), s, buf_span(&d->envelope), out);
	environ = ours;
}

int
forward_all(struct delivery *d, uint64_t *qp)
{
	struct submitted out = { .code = SUBMIT_OK };
	struct spool s = SPOOL_INIT;
	const char *text;

	buf_putc(&d->envelope, '\0');
	if (buf_err(&d->envelope) < 0 ||
	    (d->env.list == NULL && vars_environment(d) < 0))
		out.code = SUBMIT_NOMEM;
	else if (home_enter() < 0)
		out.code = SUBMIT_HOME;
	else if (copy(&d->self->msg, &s) < 0)
		out.code = SUBMIT_READ;
	else
		submit_with(d, &s, &out);
	spool_free(&s);
	*qp = out.qp;
	text = submit_text(&out);
	if (text[0] == 'K')
		return 0;
	return report_fail(d->report, text[0] == 'D' ? EX_HARD : EX_SOFT,
	    WORDS("Unable to forward message: ", text + 1, "."));
}

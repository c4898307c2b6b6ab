/*
 * mboxrd - a message as it stands in an mbox: see mboxrd.h
 */
#include "mail/mboxrd.h"

#include "mail/date.h"

static const char from[] = "From ";

enum { FROM_LEN = sizeof(from) - 1 };

void
mboxrd_from(struct buf *b, struct span sender, int64_t when)
{
	buf_put(b, (struct span){ from, FROM_LEN });
	if (sender.len == 0)
		buf_puts(b, "MAILER-DAEMON");
	for (size_t i = 0; i < sender.len; i++) {
		char c = sender.p[i];

		buf_putc(b, c == ' ' || c == '\t' || c == '\n' ? '-' : c);
	}
	buf_putc(b, ' ');
	date_mbox(b, when);
	buf_putc(b, '\n');
}

/* The rest of a line, or of the piece. */
static void
put_plain(struct mboxrd *m, struct buf *b, struct span *piece)
{
	size_t at = span_find(*piece, '\n');
	struct span part = span_head(*piece, at + 1);

	buf_put(b, part);
	if (at < piece->len)
		*m = MBOXRD_INIT;
	*piece = span_tail(*piece, part.len);
}

/* What was held turned out to be no "From ", or is all of it. */
static void
put_held(struct mboxrd *m, struct buf *b)
{
	buf_put(b, (struct span){ from, m->held });
	m->held = 0;
	m->is_plain = true;
}

/* One byte of the start of a line. Since the '>'s of a line are all alike,
 * the one more may come behind them. False: it is not of the start. */
static bool
eat_start(struct mboxrd *m, struct buf *b, char c)
{
	if (m->held == 0 && c == '>') {
		buf_putc(b, c);
	} else if (m->held < FROM_LEN && c == from[m->held]) {
		if (++m->held == FROM_LEN) {
			buf_putc(b, '>');
			put_held(m, b);
		}
	} else {
		put_held(m, b);
		return false;
	}
	m->in_line = true;
	return true;
}

void
mboxrd_put(struct mboxrd *m, struct buf *b, struct span piece)
{
	while (piece.len > 0) {
		if (!m->is_plain && eat_start(m, b, piece.p[0]))
			piece = span_tail(piece, 1);
		else
			put_plain(m, b, &piece);
	}
	if (m->is_plain)
		m->in_line = true;
}

void
mboxrd_end(struct mboxrd *m, struct buf *b)
{
	put_held(m, b);
	if (m->in_line)
		buf_putc(b, '\n');
	buf_putc(b, '\n');
	*m = MBOXRD_INIT;
}

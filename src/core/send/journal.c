/*
 * journal - the lines of the log: see journal.h
 */
#include "journal.h"

#include "base/err.h"
#include "queue/store.h"
#include "sys/fd.h"

struct buf *
journal_begin(struct journal *j)
{
	j->begun = j->text.len;
	return &j->text;
}

void
journal_end(struct journal *j)
{
	buf_putc(&j->text, '\n');
	if (buf_err(&j->text) < 0) {
		/* whole lines only */
		buf_reset(&j->text);
		return;
	}
	if (j->text.len >= JOURNAL_FULL)
		journal_flush(j);
}

void
journal_say(struct journal *j, const char *words)
{
	buf_puts(journal_begin(j), words);
	journal_end(j);
}

void
journal_say_id(
    struct journal *j, const char *before, uint64_t id, const char *after)
{
	struct buf *b = journal_begin(j);

	buf_puts(b, before);
	buf_putu(b, id);
	buf_puts(b, after);
	journal_end(j);
}

void
journal_say_file(struct journal *j, const char *before, const char *folder,
    uint64_t id, const char *after)
{
	struct buf *b = journal_begin(j);

	buf_puts(b, before);
	buf_puts(b, folder);
	buf_putc(b, '/');
	buf_putu(b, id % STORE_SPLIT);
	buf_putc(b, '/');
	buf_putu(b, id);
	buf_puts(b, after);
	journal_end(j);
}

void
journal_flush(struct journal *j)
{
	if (j->text.len == 0)
		return;
	/* as ever: a logger that reads slowly slows us, one that has gone
	 * does not */
	err_ignore(fd_write(j->fd, buf_span(&j->text), FD_FOREVER));
	buf_reset(&j->text);
}

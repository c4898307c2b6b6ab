/*
 * qmail-tcpto - list the hosts that timed out lately
 *
 * Run by:   the operator
 * Runs as:  root or a member of the group qmail, who may enter the queue
 * Input:    queue/lock/tcpto
 * Trusts:   nothing in it: every content is a table
 * Output:   a line per host on descriptor 1, also what prevents them
 * Exits:    0 done, 111 it could not be done
 */
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "queue/tcptable.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/file.h"
#include "sys/home.h"
#include "sys/prog.h"

enum { TEXT_MAX = TCPTABLE_RECORDS * 128 };

/* Say on descriptor 1 why there is no list, where people look for it. */
static void NORETURN
die(const char *what, int r)
{
	struct buf line = BUF_INIT(TEXT_MAX);

	buf_puts(&line, "fatal: unable to ");
	buf_puts(&line, what);
	buf_puts(&line, ": ");
	buf_puts(&line, err_text(r));
	buf_putc(&line, '\n');
	if (buf_err(&line) == 0) /* there is no other place */
		err_ignore(fd_write(1, buf_span(&line), FD_FOREVER));
	exit(EX_SOFT);
}

static void
put_record(struct buf *b, const struct tcptable_record *r, int64_t now)
{
	for (size_t i = 0; i < sizeof(r->ip); i++) {
		if (i > 0)
			buf_putc(b, '.');
		buf_putu(b, r->ip[i]);
	}
	buf_puts(b, " timed out ");
	/* a clock that was set back gives no time ago */
	buf_putu(b, now > r->when ? (uintmax_t)(now - r->when) : 0);
	buf_puts(b, " seconds ago; # recent timeouts: ");
	buf_putu(b, r->count);
	buf_putc(b, '\n');
}

static void
read_table(struct tcptable *t)
{
	int fd = -1;
	int r = home_enter();

	if (r == 0 && chdir(TCPTABLE_FOLDER) < 0)
		r = err_sys();
	if (r < 0)
		die("chdir", r);
	r = file_open_read(FILE_CWD, TCPTABLE_FILE, &fd);
	if (r < 0)
		die("open tcpto", r);
	r = tcptable_lock(fd);
	if (r < 0)
		die("lock tcpto", r);
	r = tcptable_read(fd, t);
	/* an empty file is one that nobody has written to yet */
	if (r < 0 && r != E_EOF)
		die("read tcpto", r);
	fd_close(&fd);
}

int
main(void)
{
	struct tcptable table = { .record = { { .count = 0 } } };
	struct buf text = BUF_INIT(TEXT_MAX);
	int64_t now;
	int r;

	prog_start("qmail-tcpto");
	read_table(&table);
	now = clock_real();
	for (size_t i = 0; i < TCPTABLE_RECORDS; i++)
		if (table.record[i].count > 0)
			put_record(&text, &table.record[i], now);
	r = buf_err(&text);
	if (r == 0)
		r = fd_write(1, buf_span(&text), FD_FOREVER);
	buf_free(&text);
	return r < 0 ? EX_SOFT : 0;
}

/*
 * report - what a delivery says: see report.h
 */
#include "report.h"

#include "base/err.h"
#include "sys/fd.h"

enum { LINE_BYTES = 1024 * 1024 };

static void
put(struct report *r, int fd, struct span s)
{
	if (r->is_kept)
		buf_put(&r->kept, span_head(s, REPORT_MAX - r->kept.len));
	else
		/* a report nobody hears changes nothing of the delivery */
		err_ignore(fd_write(fd, s, FD_FOREVER));
}

static void
put_line(struct report *r, int fd, const char *const words[])
{
	struct buf line = BUF_INIT(LINE_BYTES);

	for (; *words != NULL; words++)
		buf_puts(&line, *words);
	buf_putc(&line, '\n');
	if (buf_err(&line) == 0)
		put(r, fd, buf_span(&line));
	buf_free(&line);
}

void
report_say(struct report *r, const char *const words[])
{
	put_line(r, 1, words);
}

void
report_warn(struct report *r, const char *const words[])
{
	put_line(r, 2, words);
}

int
report_fail(struct report *r, int code, const char *const words[])
{
	put_line(r, 2, words);
	return code;
}

void
report_put(struct report *r, struct span s)
{
	put(r, 1, s);
}

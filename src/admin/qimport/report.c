/*
 * report - a line for each message, and the sum of them: see report.h
 */
#include "report.h"

#include "base/err.h"
#include "sys/fd.h"

enum { LINE_LIMIT = 64 * 1024 * 1024 };

void
report_init(struct report *r)
{
	*r = (struct report){ .out = OUT_INIT(1, FD_FOREVER, LINE_LIMIT),
		.line = BUF_INIT(LINE_LIMIT) };
}

void
report_free(struct report *r)
{
	buf_free(&r->line);
	out_free(&r->out);
}

struct buf *
report_begin(struct report *r)
{
	buf_reset(&r->line);
	return &r->line;
}

struct buf *
report_message(struct report *r, uint64_t n)
{
	struct buf *b = report_begin(r);

	buf_puts(b, "msg ");
	buf_putu(b, n);
	buf_puts(b, ": ");
	return b;
}

void
report_end(struct report *r)
{
	buf_putc(&r->line, '\n');
	if (buf_err(&r->line) == 0)
		out_put(&r->out, buf_span(&r->line));
	else
		r->out.err = buf_err(&r->line);
	/* at once: so that it is said before we may be killed; a failure
	 * stays there, and mail is more important */
	err_ignore(out_flush(&r->out));
}

void
report_put_count(struct buf *b, uint64_t n, const char *thing)
{
	buf_putu(b, n);
	buf_putc(b, ' ');
	buf_puts(b, thing);
	if (n != 1)
		buf_putc(b, 's');
}

void
report_total(struct report *r)
{
	const struct {
		const char *word;
		uint64_t n;
	} sums[] = {
		{ "taken ", r->taken },
		{ ", taken before ", r->before },
		{ ", nothing to do ", r->nothing },
		{ ", never accepted ", r->refused },
		{ ", left: messages ", r->left },
		{ ", recipients ", r->rcpts },
		{ ", other files ", r->files },
	};
	struct buf *b = report_begin(r);

	buf_puts(b, "total: ");
	for (size_t i = 0; i < sizeof(sums) / sizeof(*sums); i++) {
		buf_puts(b, sums[i].word);
		buf_putu(b, sums[i].n);
	}
	report_end(r);
}

bool
report_is_all(const struct report *r)
{
	return r->left + r->rcpts + r->files == 0 && r->out.err == 0;
}

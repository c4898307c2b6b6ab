/*
 * log - one event, one line, one write: see log.h
 */
#include "sys/log.h"

#include "base/err.h"
#include "sys/fd.h"
#include "sys/prog.h"

enum { LINE_MAX_BYTES = 65536 };

void
log_safe(struct buf *line, struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if (c == '\n')
			buf_putc(line, '/');
		else
			buf_putc(line,
			    c == '%' || c < 33 || c > 126 ? '_' : (char)c);
	}
}

static void
write_line(const char *what, const char *why)
{
	struct buf line = BUF_INIT(LINE_MAX_BYTES);

	buf_puts(&line, prog_name());
	buf_puts(&line, ": ");
	buf_put(&line, span_head(span_cstr(what), LINE_MAX_BYTES / 2));
	if (why != NULL) {
		buf_puts(&line, ": ");
		buf_puts(&line, why);
	}
	buf_putc(&line, '\n');
	if (buf_err(&line) == 0) {
		/* nobody is left to be told that the log is broken */
		err_ignore(fd_write(2, buf_span(&line), FD_FOREVER));
	}
	buf_free(&line);
}

void
log_line(const char *words)
{
	write_line(words, NULL);
}

void
log_err(const char *what, int r)
{
	write_line(what, err_text(r));
}

/*
 * say - one line, made of parts: see say.h
 */
#include "say.h"

#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/log.h"
#include "sys/prog.h"

enum { LINE_LIMIT = 64 * 1024, US = 1000 * 1000, US_DIGITS = 6 };

static void
put(struct buf *line, const char *const parts[])
{
	for (; *parts != NULL; parts++)
		buf_puts(line, *parts);
}

/* Somebody who cannot be told anything is not told that either. */
static void
write_line(int fd, struct buf *line)
{
	buf_putc(line, '\n');
	if (buf_err(line) == 0)
		err_ignore(fd_write(fd, buf_span(line), FD_FOREVER));
	buf_free(line);
}

void
say_die(int code, const char *const parts[], int r)
{
	struct buf words = BUF_INIT(LINE_LIMIT);
	const char *text;

	put(&words, parts);
	prog_die(code, buf_cstr(&words, &text) == 0 ? text : parts[0], r);
}

void
say_warn(const char *const parts[])
{
	struct buf words = BUF_INIT(LINE_LIMIT);
	const char *text;

	put(&words, parts);
	log_line(buf_cstr(&words, &text) == 0 ? text : parts[0]);
	buf_free(&words);
}

void
say(const char *const parts[])
{
	struct buf line = BUF_INIT(LINE_LIMIT);

	put(&line, parts);
	write_line(1, &line);
}

void
say_log(const char *const parts[])
{
	struct buf line = BUF_INIT(LINE_LIMIT);
	uint64_t now = clock_real_us();
	char digits[NUMBER_MAX];
	size_t n;

	buf_putu(&line, now / US);
	buf_putc(&line, '.');
	n = strlen(say_number(now % US, digits));
	for (; n < US_DIGITS; n++)
		buf_putc(&line, '0');
	buf_puts(&line, digits);
	buf_putc(&line, ' ');
	put(&line, parts);
	write_line(2, &line);
}

const char *
say_number(uint64_t n, char space[NUMBER_MAX])
{
	struct buf digits = BUF_INIT(NUMBER_MAX - 1);
	struct span s = SPAN("");

	buf_putu(&digits, n);
	if (buf_err(&digits) == 0)
		s = buf_span(&digits);
	memcpy(space, s.p, s.len);
	space[s.len] = '\0';
	buf_free(&digits);
	return space;
}

/*
 * log - the lines of qmail-log(5), gathered and written once a turn
 */
#include "base/err.h"
#include "send.h"
#include "sys/fd.h"

enum { LOG_FLUSH = 48 * 1024 };

/* A line that does not fit is lost; the next ones are not. */
static void
check(struct send *s)
{
	if (s->log.err != 0)
		buf_reset(&s->log);
	else if (s->log.len > LOG_FLUSH)
		slog_flush(s);
}

void
slog(struct send *s, const char *words)
{
	buf_puts(&s->log, words);
	buf_putc(&s->log, '\n');
	check(s);
}

void
slog_id(struct send *s, const char *before, uint64_t id, const char *after)
{
	buf_puts(&s->log, before);
	buf_putu(&s->log, id);
	buf_puts(&s->log, after);
	buf_putc(&s->log, '\n');
	check(s);
}

void
slog_status(struct send *s)
{
	buf_puts(&s->log, "status:");
	for (int i = 0; i < CHANNELS; i++) {
		const struct spawner *c = &s->channels[i];

		buf_putc(&s->log, ' ');
		buf_puts(&s->log, c->name);
		buf_putc(&s->log, ' ');
		buf_putu(&s->log, c->inflight);
		buf_putc(&s->log, '/');
		buf_putu(&s->log, c->limit);
	}
	slog(s, s->is_stopping ? " exitasap" : "");
}

void
slog_flush(struct send *s)
{
	if (s->log.len > 0) {
		/* mail goes on without its log */
		err_ignore(fd_write(s->log_fd, buf_span(&s->log), FD_FOREVER));
	}
	buf_reset(&s->log);
}

/*
 * reply - what an SMTP server answers: see reply.h
 */
#include "mail/reply.h"

#include "base/ascii.h"
#include "base/err.h"
#include "base/num.h"

enum { STATUS_PART_MAX = 999, CODE_MIN = 200, CODE_MAX = 599 };

void
reply_reset(struct reply *r)
{
	buf_reset(&r->text);
	r->code = 0;
	r->lines = 0;
	r->bytes = 0;
	r->column = 0;
}

void
reply_free(struct reply *r)
{
	buf_free(&r->text);
	reply_reset(r);
}

static void
keep(struct reply *r, char c)
{
	if (r->text.len < REPLY_TEXT_MAX)
		buf_putc(&r->text, (char)(c != '\0' ? c : '?'));
}

/* The number a line begins with, or 0. */
static int
code_of(const struct reply *r)
{
	uint64_t n;

	if (r->column < 3)
		return 0;
	if (num_parse((struct span){ r->head, 3 }, CODE_MAX, &n) < 0)
		return 0;
	return n >= CODE_MIN ? (int)n : 0;
}

/* A line ended. Whether it was the last of the answer. */
static bool
end_line(struct reply *r)
{
	bool more = r->column >= REPLY_HEAD && r->head[3] == '-';

	if (r->lines++ == 0)
		r->code = code_of(r);
	r->column = 0;
	return !more;
}

int
reply_feed(struct reply *r, struct span in, size_t *used)
{
	size_t i;

	for (i = 0; i < in.len; i++) {
		char c = in.p[i];

		*used = i + 1;
		if (++r->bytes > REPLY_BYTES_MAX || r->lines == REPLY_LINES_MAX)
			return E_TOOBIG;
		if (c == '\r')
			continue;
		keep(r, c);
		if (c == '\n') {
			if (end_line(r))
				return buf_err(&r->text);
			continue;
		}
		if (r->column < REPLY_HEAD)
			r->head[r->column] = c;
		r->column++;
	}
	*used = in.len;
	return E_EOF;
}

struct span
reply_text(const struct reply *r)
{
	if (buf_err(&r->text) < 0)
		return SPAN("");
	return buf_span(&r->text);
}

bool
reply_offers(const struct reply *r, struct span keyword, struct span *args)
{
	struct span rest = reply_text(r);
	struct span line;

	(void)span_line(&rest, &line); /* the server's name */
	while (span_line(&rest, &line)) {
		line = span_trim_end(span_tail(line, REPLY_HEAD));
		if (!span_starts_nocase(line, keyword))
			continue;
		line = span_tail(line, keyword.len);
		/* "AUTH=LOGIN" is how some old servers wrote it */
		if (line.len > 0 && line.p[0] != ' ' && line.p[0] != '=')
			continue;
		if (args != NULL)
			*args = span_tail(line, 1);
		return true;
	}
	return false;
}

bool
reply_status(const struct reply *r, unsigned int status[3])
{
	struct span s = span_tail(reply_text(r), REPLY_HEAD);
	int part;

	for (part = 0; part < 3; part++) {
		size_t n = 0;
		uint64_t value;

		while (n < s.len && ascii_is_digit((unsigned char)s.p[n]))
			n++;
		if (num_parse(span_head(s, n), STATUS_PART_MAX, &value) < 0)
			return false;
		status[part] = (unsigned int)value;
		s = span_tail(s, n);
		if (part < 2 && (s.len == 0 || s.p[0] != '.'))
			return false;
		s = span_tail(s, 1);
	}
	return true;
}

/*
 * report - the ways qmail-inject gives up: see report.h
 */
#include "report.h"

#include "base/buf.h"
#include "base/err.h"
#include "sys/prog.h"

enum { SHOWN = 4096 }; /* bytes of what is wrong */

static NORETURN void
die_showing(const char *what, struct span s)
{
	struct buf line = BUF_INIT(2 * SHOWN);
	const char *text;

	if (span_ends(s, SPAN("\n")))
		s.len--;
	s = span_head(s, SHOWN);
	buf_puts(&line, what);
	for (size_t i = 0; i < s.len; i++)
		buf_putc(&line, s.p[i] == '\0' ? '?' : s.p[i]);
	if (buf_cstr(&line, &text) < 0)
		text = what;
	prog_die(EX_HARD, text, 0);
}

void
die_address(struct span addr)
{
	die_showing("unable to parse address: ", addr);
}

void
die_field(struct span field)
{
	die_showing("unable to parse this line:\n", field);
}

void
die_failed(int r)
{
	if (r == E_TOOBIG)
		prog_die(EX_HARD, "header too big", 0);
	prog_die(EX_SOFT, r == E_NOMEM ? "out of memory" : "read error", 0);
}

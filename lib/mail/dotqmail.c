/*
 * dotqmail - .qmail files: see dotqmail.h
 */
#include "mail/dotqmail.h"

#include "base/ascii.h"

enum { FOLDER_MAX = 64 };

void
dotqmail_safe(struct buf *b, struct span ext)
{
	for (size_t i = 0; i < ext.len; i++) {
		char c = ascii_lower((unsigned char)ext.p[i]);

		if (c == '.')
			c = ':';
		buf_putc(b, c);
	}
}

/* The next place, from the right, where "default" may begin. */
static bool
next_default(struct dotqmail_names *n)
{
	if (n->is_over)
		return false;
	if (n->at == 0) {
		n->is_over = true;
		return false;
	}
	do
		n->at--;
	while (n->at > 0 && n->safe.p[n->at - 1] != '-');
	return true;
}

bool
dotqmail_name(struct dotqmail_names *n, struct buf *b, size_t *at)
{
	const struct span word = SPAN("default");

	buf_puts(b, ".qmail");
	buf_put(b, n->dash);
	if (!n->was_exact) {
		n->was_exact = true;
		n->at = n->safe.len + 1;
		buf_put(b, n->safe);
		*at = n->safe.len;
		if (span_ends(n->safe, word))
			*at -= word.len;
		return true;
	}
	if (!next_default(n))
		return false;
	buf_put(b, span_head(n->safe, n->at));
	buf_put(b, word);
	*at = n->at;
	return true;
}

static struct span
strip(struct span s)
{
	while (s.len > 0 && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
		s.len--;
	return s;
}

struct line
dotqmail_line(struct span line)
{
	const struct span lmtp = SPAN("lmtp:"), folder = SPAN("folder:");
	struct span s = strip(line), rest = span_tail(s, 1);

	if (span_starts(s, lmtp))
		return (struct line){ LINE_LMTP, span_tail(s, lmtp.len) };
	if (span_starts(s, folder))
		return (struct line){ LINE_FOLDER, span_tail(s, folder.len) };
	switch (s.len > 0 ? s.p[0] : '\0') {
	case '\0':
		return (struct line){ LINE_BLANK, s };
	case '#':
		return (struct line){ LINE_NOTHING, s };
	case '|':
		return (struct line){ LINE_PROGRAM, rest };
	case '.':
	case '/':
		return (struct line){
			span_ends(s, SPAN("/")) ? LINE_MAILDIR : LINE_MBOX, s
		};
	case '&':
		return (struct line){ LINE_FORWARD, rest };
	case '+':
		return (struct line){ span_eq(rest, SPAN("list"))
					  ? LINE_FORWARD_ONLY
					  : LINE_NOTHING,
			rest };
	default:
		return (struct line){ LINE_FORWARD, s };
	}
}

bool
dotqmail_is_folder(struct span name)
{
	const struct span others = SPAN("-_+=.");
	bool was_dot = true;

	if (name.len > FOLDER_MAX || span_eq_nocase(name, SPAN("Trash")) ||
	    span_starts_nocase(name, SPAN("Trash.")))
		return false;
	for (size_t i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.p[i];
		bool is_dot = c == '.';

		if (!ascii_is_alnum(c) &&
		    span_find(others, name.p[i]) == others.len)
			return false;
		if (is_dot && was_dot)
			return false;
		was_dot = is_dot;
	}
	return !was_dot;
}

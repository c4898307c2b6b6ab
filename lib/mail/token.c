/*
 * token - the words and signs of an address field: see token.h
 */
#include "mail/token.h"

#include "base/err.h"
#include "base/mem.h"

enum { FOLD_AT = 78, CAP_FIRST = 32 };

/* Signs that are tokens by themselves, in the order of enum token_kind. */
static const char signs[] = ".,@<>:;";

void
tokens_free(struct tokens *t)
{
	mem_free(t->v);
	buf_free(&t->text);
	*t = TOKENS_INIT;
}

void
tokens_reset(struct tokens *t)
{
	t->n = 0;
	buf_reset(&t->text);
}

int
tokens_put(struct tokens *t, struct token k)
{
	if (t->n == t->cap) {
		size_t cap = t->cap == 0 ? CAP_FIRST : t->cap * 2;
		struct token *v = mem_resize(t->v, cap, sizeof(*v));

		if (v == NULL)
			return E_NOMEM;
		t->v = v;
		t->cap = cap;
	}
	t->v[t->n++] = k;
	return 0;
}

void
tokens_reverse(struct tokens *t)
{
	for (size_t i = 0, j = t->n; i + 1 < j; i++) {
		struct token k = t->v[i];

		t->v[i] = t->v[--j];
		t->v[j] = k;
	}
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool
ends_atom(char c)
{
	const struct span enders = SPAN("([\"<>;:@,.");

	return is_blank(c) || span_find(enders, c) < enders.len;
}

/* The text of an atom at s, appended; how many bytes it takes of s. */
static size_t
scan_atom(struct span s, struct buf *text)
{
	size_t i = 0;

	while (i < s.len && !ends_atom(s.p[i])) {
		if (s.p[i] == '\\' && i + 1 < s.len)
			i++;
		buf_putc(text, s.p[i++]);
	}
	return i;
}

/*
 * The same of a string or a literal, whose opening byte is s.p[0]. 0: it
 * does not end.
 */
static size_t
scan_delimited(struct span s, char close, struct buf *text)
{
	for (size_t i = 1; i < s.len; i++) {
		if (s.p[i] == close)
			return i + 1;
		if (s.p[i] == '\\' && i + 1 < s.len)
			i++;
		else if (s.p[i] == '\r' || s.p[i] == '\n')
			continue; /* a folded line */
		buf_putc(text, s.p[i]);
	}
	return 0;
}

/* The same of a comment, whose inner parentheses vanish. */
static size_t
scan_comment(struct span s, struct buf *text)
{
	size_t depth = 1;

	for (size_t i = 1; i < s.len; i++) {
		char c = s.p[i];

		if (c == '(') {
			depth++;
			continue;
		}
		if (c == ')') {
			if (--depth == 0)
				return i + 1;
			continue;
		}
		if (c == '\\' && i + 1 < s.len)
			c = s.p[++i];
		else if (c == '\r' || c == '\n')
			continue;
		buf_putc(text, c);
	}
	return 0;
}

/* What kind of token begins with c, or -1. Atoms are what is left. */
static int
kind_of(char c)
{
	const char *sign = c == '\0' ? NULL : strchr(signs, c);

	if (sign != NULL)
		return (int)TOKEN_DOT + (int)(sign - signs);
	switch (c) {
	case '(':
		return TOKEN_COMMENT;
	case '"':
		return TOKEN_STRING;
	case '[':
		return TOKEN_LITERAL;
	case ')':
	case ']':
		return -1;
	default:
		return TOKEN_ATOM;
	}
}

/* One token at the start of s; how many bytes it takes, 0 for an error. */
static size_t
scan_one(struct span s, struct buf *text, enum token_kind *kind)
{
	int k = kind_of(s.p[0]);

	if (k < 0)
		return 0;
	*kind = (enum token_kind)k;
	switch (k) {
	case TOKEN_ATOM:
		return scan_atom(s, text);
	case TOKEN_COMMENT:
		return scan_comment(s, text);
	case TOKEN_STRING:
		return scan_delimited(s, '"', text);
	case TOKEN_LITERAL:
		return scan_delimited(s, ']', text);
	default:
		return 1;
	}
}

int
tokens_scan(struct tokens *t, struct span s)
{
	tokens_reset(t);
	if (span_find(s, '\0') < s.len)
		return E_SYNTAX;
	/* no text is longer than its source: tokens may point into it now */
	if (buf_room(&t->text, s.len) == NULL)
		return buf_err(&t->text);
	while (s.len > 0) {
		size_t begun = t->text.len, used;
		enum token_kind kind;
		int r;

		if (is_blank(s.p[0])) {
			s = span_tail(s, 1);
			continue;
		}
		used = scan_one(s, &t->text, &kind);
		if (used == 0)
			return E_SYNTAX;
		r = tokens_put(t, (struct token){ kind,
				      span_tail(buf_span(&t->text), begun) });
		if (r < 0)
			return r;
		s = span_tail(s, used);
	}
	return 0;
}

void
tokens_plain(const struct tokens *t, struct buf *out)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct token *k = &t->v[i];

		switch (k->kind) {
		case TOKEN_COMMENT:
			break;
		case TOKEN_LITERAL:
			buf_putc(out, '[');
			buf_put(out, k->text);
			buf_putc(out, ']');
			break;
		case TOKEN_ATOM:
		case TOKEN_STRING:
			buf_put(out, k->text);
			break;
		case TOKEN_DOT:
		case TOKEN_COMMA:
		case TOKEN_AT:
		case TOKEN_LEFT:
		case TOKEN_RIGHT:
		case TOKEN_COLON:
		case TOKEN_SEMI:
			buf_putc(out, signs[k->kind - TOKEN_DOT]);
		}
	}
}

/* Whether an atom came to hold, by backslashes, what atoms cannot say. */
static bool
needs_quotes(struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if (c < 32 || c > 126 || c == ')' || c == ']' || c == '\\' ||
		    ends_atom(text.p[i]))
			return true;
	}
	return false;
}

/* A line end that came in by a backslash must not begin another field. */
static void
put_escaped(struct buf *out, char open, struct span text, char close)
{
	const struct span escaped = SPAN("\"[]()\\");

	buf_putc(out, open);
	for (size_t i = 0; i < text.len; i++) {
		char c = text.p[i];

		if (span_find(escaped, c) < escaped.len)
			buf_putc(out, '\\');
		buf_putc(out, c == '\r' || c == '\n' ? ' ' : c);
	}
	buf_putc(out, close);
}

static void
put_token(struct buf *out, const struct token *k)
{
	switch (k->kind) {
	case TOKEN_ATOM:
		if (needs_quotes(k->text))
			put_escaped(out, '"', k->text, '"');
		else
			buf_put(out, k->text);
		return;
	case TOKEN_STRING:
		put_escaped(out, '"', k->text, '"');
		return;
	case TOKEN_LITERAL:
		put_escaped(out, '[', k->text, ']');
		return;
	case TOKEN_COMMENT:
		put_escaped(out, '(', k->text, ')');
		return;
	case TOKEN_DOT:
	case TOKEN_COMMA:
	case TOKEN_AT:
	case TOKEN_LEFT:
	case TOKEN_RIGHT:
	case TOKEN_COLON:
	case TOKEN_SEMI:
		buf_putc(out, signs[k->kind - TOKEN_DOT]);
	}
}

static bool
is_apart(const struct token *before, const struct token *k)
{
	if (before->kind == TOKEN_COLON || before->kind == TOKEN_COMMA ||
	    k->kind == TOKEN_LEFT)
		return true;
	return (token_is_word(before) || before->kind == TOKEN_COMMENT) &&
	       (token_is_word(k) || k->kind == TOKEN_COMMENT);
}

int
tokens_field(const struct tokens *t, struct span name, struct buf *out)
{
	struct buf element = BUF_INIT(out->max);
	size_t line = name.len + 1; /* bytes of the last line so far */
	bool is_first = true;
	int r = 0;

	buf_put(out, name);
	buf_putc(out, ':');
	for (size_t i = 0; i < t->n; i++) {
		const struct token *k = &t->v[i];

		if (element.len > 0 && is_apart(&t->v[i - 1], k))
			buf_putc(&element, ' ');
		put_token(&element, k);
		if (k->kind != TOKEN_COMMA && i + 1 < t->n)
			continue;
		r = buf_err(&element);
		if (r < 0)
			break;
		if (is_first || line + 1 + element.len <= FOLD_AT) {
			buf_putc(out, ' ');
			line += 1 + element.len;
		} else {
			buf_puts(out, "\n  ");
			line = 2 + element.len;
		}
		buf_put(out, buf_span(&element));
		buf_reset(&element);
		is_first = false;
	}
	buf_putc(out, '\n');
	buf_free(&element);
	return r < 0 ? r : buf_err(out);
}

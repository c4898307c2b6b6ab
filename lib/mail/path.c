/*
 * path - the arguments of MAIL and RCPT: see path.h
 */
#include "mail/path.h"

#include <arpa/inet.h>

#include "base/ascii.h"
#include "base/err.h"
#include "mail/address.h"

/* What is not read yet, and what has been found wrong. */
struct cursor {
	struct span rest;
	enum path_verdict verdict;
};

/* Give up. An address beyond ASCII is told from other nonsense. */
static bool
fail(struct cursor *c)
{
	bool is_high = c->rest.len > 0 && (unsigned char)c->rest.p[0] >= 128;

	c->verdict = is_high ? PATH_EIGHTBIT : PATH_SYNTAX;
	return false;
}

static bool
is_next(const struct cursor *c, char what)
{
	return c->rest.len > 0 && c->rest.p[0] == what;
}

static bool
skip(struct cursor *c, char what)
{
	if (!is_next(c, what))
		return fail(c);
	c->rest = span_tail(c->rest, 1);
	return true;
}

static bool
is_blank(unsigned char c)
{
	return c == ' ' || c == '\t';
}

static bool
is_atext(unsigned char c)
{
	return ascii_is_alnum(c) ||
	       (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

static bool
is_host_byte(unsigned char c)
{
	return ascii_is_alnum(c) || c == '-';
}

typedef bool byte_fn(unsigned char c);

/* The bytes of one kind that come next. */
static struct span
take_run(struct cursor *c, byte_fn *is_kind)
{
	size_t n = 0;
	struct span s;

	while (n < c->rest.len && is_kind((unsigned char)c->rest.p[n]))
		n++;
	s = span_head(c->rest, n);
	c->rest = span_tail(c->rest, n);
	return s;
}

static bool
is_all_digits(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!ascii_is_digit((unsigned char)s.p[i]))
			return false;
	return true;
}

/* One label of a domain. */
static bool
read_label(struct cursor *c, struct span *label)
{
	*label = take_run(c, is_host_byte);
	if (label->len == 0 || label->len > PATH_LABEL_MAX ||
	    label->p[0] == '-' || label->p[label->len - 1] == '-')
		return fail(c);
	return true;
}

/* Labels with dots between them; one dot behind them is left out. */
static bool
read_hostname(struct cursor *c, struct span *name)
{
	const char *start = c->rest.p;
	struct span label;

	for (;;) {
		if (!read_label(c, &label))
			return false;
		*name = (struct span){ start,
			(size_t)(label.p + label.len - start) };
		if (!is_next(c, '.'))
			break;
		c->rest = span_tail(c->rest, 1);
		if (c->rest.len == 0 ||
		    !is_host_byte((unsigned char)c->rest.p[0]))
			break;
	}
	/* "192.0.2.1" without brackets is no name */
	if (name->len > PATH_DOMAIN_MAX || is_all_digits(label))
		return fail(c);
	return true;
}

static bool
read_literal(struct cursor *c, struct span *literal)
{
	size_t end = span_find(c->rest, ']');
	uint8_t ip[16];

	*literal = span_head(c->rest, end + 1);
	if (end == c->rest.len || path_literal(*literal, ip) == 0)
		return fail(c);
	c->rest = span_tail(c->rest, end + 1);
	return true;
}

static bool
read_domain(struct cursor *c, struct span *domain)
{
	return is_next(c, '[') ? read_literal(c, domain)
			       : read_hostname(c, domain);
}

/* Behind the opening quote, up to and with the closing one. */
static bool
read_quoted(struct cursor *c, struct buf *local)
{
	while (!is_next(c, '"')) {
		if (is_next(c, '\\'))
			c->rest = span_tail(c->rest, 1);
		if (c->rest.len == 0 ||
		    !ascii_is_print((unsigned char)c->rest.p[0]))
			return fail(c);
		buf_putc(local, c->rest.p[0]);
		c->rest = span_tail(c->rest, 1);
	}
	c->rest = span_tail(c->rest, 1);
	return true;
}

static bool
read_dot_string(struct cursor *c, struct buf *local)
{
	for (;;) {
		struct span atom = take_run(c, is_atext);

		if (atom.len == 0)
			return fail(c);
		buf_put(local, atom);
		if (!is_next(c, '.'))
			return true;
		buf_putc(local, '.');
		c->rest = span_tail(c->rest, 1);
	}
}

/* "@a.example,@b.example:" is read, and forgotten. */
static bool
read_route(struct cursor *c)
{
	struct span domain;

	do {
		if (!skip(c, '@') || !read_domain(c, &domain))
			return false;
		if (is_next(c, ':'))
			return skip(c, ':');
	} while (skip(c, ','));
	return false;
}

/* Local part, and the domain if there is one. */
static bool
read_mailbox(struct cursor *c, struct buf *addr)
{
	const char *start = c->rest.p;
	struct span domain;

	if (is_next(c, '"')) {
		c->rest = span_tail(c->rest, 1);
		if (!read_quoted(c, addr))
			return false;
	} else if (!read_dot_string(c, addr)) {
		return false;
	}
	if (is_next(c, '@')) {
		c->rest = span_tail(c->rest, 1);
		if (!read_domain(c, &domain))
			return false;
		buf_putc(addr, '@');
		buf_put(addr, domain);
	}
	if ((size_t)(c->rest.p - start) > PATH_MAX_BYTES) {
		c->verdict = PATH_TOO_LONG;
		return false;
	}
	return true;
}

/* In angle brackets; empty is a matter for the caller. */
static bool
read_path(struct cursor *c, struct buf *addr)
{
	if (!skip(c, '<'))
		return false;
	if (is_next(c, '>'))
		return skip(c, '>');
	if (is_next(c, '@') && !read_route(c))
		return false;
	return read_mailbox(c, addr) && skip(c, '>');
}

/* Without brackets only what cannot be misread: atoms, '@', a name. */
static bool
read_plain(struct cursor *c, struct buf *addr)
{
	struct span local, domain;

	if (is_next(c, '"'))
		return fail(c);
	return read_mailbox(c, addr) && buf_err(addr) == 0 &&
	       address_split(buf_span(addr), &local, &domain) &&
	       domain.p[0] != '[';
}

/* RCPT needs a local part. */
static bool
suits(enum path_kind kind, struct span addr)
{
	return kind == PATH_MAIL || (addr.len > 0 && addr.p[0] != '@');
}

/* Behind FROM: or TO:, into an empty addr. */
static enum path_verdict
parse(enum path_kind kind, struct cursor *c, struct buf *addr)
{
	(void)take_run(c, is_blank);
	if (!(is_next(c, '<') ? read_path(c, addr) : read_plain(c, addr)))
		return c->verdict;
	/* parameters stand off by a blank */
	if (c->rest.len > 0 && !is_blank((unsigned char)c->rest.p[0])) {
		(void)fail(c);
		return c->verdict;
	}
	/* whoever made addr too small will hear of it */
	if (buf_err(addr) == 0 && !suits(kind, buf_span(addr)))
		return PATH_SYNTAX;
	return PATH_OK;
}

enum path_verdict
path_parse(
    enum path_kind kind, struct span arg, struct buf *addr, struct span *params)
{
	struct span word = kind == PATH_MAIL ? SPAN("FROM:") : SPAN("TO:");
	/* a quoted pair takes two bytes and leaves one */
	struct buf found = BUF_INIT(arg.len);
	struct cursor c = { span_tail(arg, word.len), PATH_SYNTAX };
	enum path_verdict v;

	if (!span_starts_nocase(arg, word))
		return PATH_NO_WORD;
	v = parse(kind, &c, &found);
	if (v == PATH_OK && buf_err(&found) == 0)
		buf_put(addr, buf_span(&found));
	else if (v == PATH_OK)
		addr->err = buf_err(&found);
	*params = c.rest;
	buf_free(&found);
	return v;
}

static bool
is_keyword_byte(unsigned char c)
{
	return ascii_is_alnum(c) || c == '-';
}

static bool
is_value_byte(unsigned char c)
{
	return c > 32 && c < 127 && c != '=';
}

int
path_param(struct span *params, struct path_param *out)
{
	struct cursor c = { .rest = *params };

	*out = (struct path_param){ .value = SPAN("") };
	(void)take_run(&c, is_blank);
	*params = c.rest;
	if (c.rest.len == 0)
		return E_EOF;
	out->name = take_run(&c, is_keyword_byte);
	if (out->name.len == 0 || out->name.p[0] == '-')
		return E_SYNTAX;
	if (is_next(&c, '=')) {
		c.rest = span_tail(c.rest, 1);
		out->has_value = true;
		out->value = take_run(&c, is_value_byte);
		if (out->value.len == 0)
			return E_SYNTAX;
	}
	if (c.rest.len > 0 && !is_blank((unsigned char)c.rest.p[0]))
		return E_SYNTAX;
	*params = c.rest;
	return 0;
}

size_t
path_literal(struct span domain, uint8_t ip[16])
{
	char text[INET6_ADDRSTRLEN + 1];
	struct span s;
	bool is_six;

	if (domain.len < 2 || domain.p[0] != '[' ||
	    !span_ends(domain, SPAN("]")))
		return 0;
	s = (struct span){ domain.p + 1, domain.len - 2 };
	is_six = span_starts_nocase(s, SPAN("IPv6:"));
	if (is_six)
		s = span_tail(s, 5);
	if (s.len >= sizeof(text) || memchr(s.p, '\0', s.len) != NULL)
		return 0;
	memcpy(text, s.p, s.len);
	text[s.len] = '\0';
	if (inet_pton(is_six ? AF_INET6 : AF_INET, text, ip) != 1)
		return 0;
	return is_six ? 16 : 4;
}

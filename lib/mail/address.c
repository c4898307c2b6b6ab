/*
 * address - addresses inside the system: see address.h
 */
#include "mail/address.h"

bool
address_split(struct span a, struct span *local, struct span *domain)
{
	size_t at = span_rfind(a, '@');

	*local = span_head(a, at);
	*domain = span_tail(a, at + 1);
	return at < a.len;
}

/* Whether a byte cannot stand in an atom (RFC 5322 3.2.3, but for dots). */
static bool
is_special(char c)
{
	const struct span specials = SPAN("\"()<>[]\\,:;@");
	unsigned char byte = (unsigned char)c;

	return byte <= ' ' || byte >= 127 ||
	       span_find(specials, c) < specials.len;
}

static bool
needs_quotes(struct span local)
{
	/* as if there were a dot on either side: then none may adjoin */
	bool was_dot = true;

	for (size_t i = 0; i < local.len; i++) {
		bool is_dot = local.p[i] == '.';

		if (is_special(local.p[i]) || (is_dot && was_dot))
			return true;
		was_dot = is_dot;
	}
	return was_dot;
}

void
address_quote_local(struct buf *b, struct span local)
{
	if (!needs_quotes(local)) {
		buf_put(b, local);
		return;
	}
	buf_putc(b, '"');
	for (size_t i = 0; i < local.len; i++) {
		char c = local.p[i];

		if (c == '\r' || c == '\n' || c == '"' || c == '\\')
			buf_putc(b, '\\');
		buf_putc(b, c);
	}
	buf_putc(b, '"');
}

void
address_quote(struct buf *b, struct span a)
{
	struct span local, domain;
	bool has_domain = address_split(a, &local, &domain);

	if (a.len == 0)
		return;
	address_quote_local(b, local);
	if (has_domain) {
		buf_putc(b, '@');
		buf_put(b, domain);
	}
}

/* Whether text can stand between the angle brackets as it is. */
static bool
is_safe(struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if (c <= ' ' || c == 127 || c == '<' || c == '>')
			return false;
	}
	return true;
}

/* Quoting makes anything safe but line ends and other controls. */
static bool
is_quotable(struct span local)
{
	for (size_t i = 0; i < local.len; i++) {
		unsigned char c = (unsigned char)local.p[i];

		if (c < ' ' || c == 127)
			return false;
	}
	return true;
}

bool
address_is_sendable(struct span a)
{
	struct span local, domain;

	if (!address_split(a, &local, &domain))
		return is_safe(a);
	return is_quotable(local) && is_safe(domain);
}

void
address_put_path(struct buf *b, struct span a)
{
	if (span_find(a, '@') < a.len)
		address_quote(b, a);
	else
		buf_put(b, a);
}

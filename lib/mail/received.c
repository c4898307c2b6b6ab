/*
 * received - the Received line of a message from the network: see received.h
 */
#include "mail/received.h"

#include "base/ascii.h"
#include "mail/date.h"

static bool
is_harmless(unsigned char c)
{
	return ascii_is_alnum(c) ||
	       (c != '\0' && strchr(".@%+/=:-[]", c) != NULL);
}

static void
put_safe(struct buf *b, struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		buf_putc(b, is_harmless((unsigned char)s.p[i]) ? s.p[i] : '?');
}

void
received_put(struct buf *b, const struct received *r)
{
	buf_puts(b, "Received: from ");
	put_safe(b, r->host);
	if (!span_eq_nocase(r->host, r->helo)) {
		buf_puts(b, " (HELO ");
		put_safe(b, r->helo);
		buf_putc(b, ')');
	}
	buf_puts(b, " (");
	if (r->has_info) {
		put_safe(b, r->info);
		buf_putc(b, '@');
	}
	put_safe(b, r->ip);
	buf_puts(b, ")\n  by ");
	put_safe(b, r->local);
	buf_puts(b, " with ");
	buf_put(b, r->with);
	buf_puts(b, "; ");
	date_822(b, r->when);
	buf_putc(b, '\n');
}

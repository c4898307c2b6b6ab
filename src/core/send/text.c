/*
 * text - words about recipients: see text.h
 */
#include "text.h"

#include "base/err.h"

static struct span
verp_suffix(void)
{
	return SPAN("-@[]");
}

void
text_paragraph(struct buf *b, struct span addr, struct span report)
{
	size_t begun = b->len;
	size_t len;
	char *p;

	buf_putc(b, '<');
	buf_put(b, addr);
	buf_puts(b, ">:\n");
	buf_put(b, report);
	if (report.len > 0 && report.p[report.len - 1] != '\n')
		buf_putc(b, '\n');
	if (buf_err(b) < 0)
		return;

	p = b->p + begun;
	len = b->len - begun;
	for (size_t i = 0; i < addr.len; i++)
		if (p[1 + i] == '\n')
			p[1 + i] = '_';
	for (size_t i = 0; i < len; i++)
		if (p[i] == '\0')
			p[i] = '?';
	for (size_t i = len - 2; i > 0; i--)
		if (p[i] == '\n' && p[i - 1] == '\n')
			p[i] = '/';
	buf_putc(b, '\n');
}

bool
text_is_verp(struct span sender)
{
	return span_ends(sender, verp_suffix());
}

struct span
text_plain_sender(struct span sender)
{
	if (!text_is_verp(sender))
		return sender;
	return span_head(sender, sender.len - verp_suffix().len);
}

bool
text_is_unreached(struct span text)
{
	/* no connection, a connection that broke; no answer from the DNS;
	 * a greeting or a name that was refused */
	static const char *const signs[] = { "(#4.4.", "but greeting failed",
		"but my name was rejected", "(#4.1.2)" };

	struct span line = SPAN("");

	/* what follows the first line is the other host's to say */
	(void)span_line(&text, &line);
	for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++)
		if (span_contains(line, span_cstr(signs[i])))
			return true;
	return false;
}

void
text_sender(struct buf *b, struct span sender, struct span rcpt)
{
	struct span plain = text_plain_sender(sender);
	size_t at = span_rfind(plain, '@');
	size_t to = span_rfind(rcpt, '@');

	if (plain.len == sender.len || at == plain.len || to == rcpt.len) {
		buf_put(b, sender);
		return;
	}
	buf_put(b, span_head(plain, at));
	buf_put(b, span_head(rcpt, to));
	buf_putc(b, '=');
	buf_put(b, span_tail(rcpt, to + 1));
	buf_put(b, span_tail(plain, at));
}

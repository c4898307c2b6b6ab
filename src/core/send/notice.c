/*
 * notice - the text of a bounce: see notice.h
 */
#include "notice.h"

#include "base/ascii.h"
#include "base/num.h"
#include "mail/address.h"
#include "mail/date.h"

enum { DIAGNOSTIC_MAX = 900 }; /* a line has at most 998 bytes */

static void
put_boundary(struct buf *b, const struct notice *n)
{
	buf_puts(b, "=_");
	buf_putu(b, n->id);
	buf_putc(b, '_');
	buf_putu(b, (uintmax_t)n->now);
}

static void
put_part(struct buf *b, const struct notice *n, const char *type)
{
	buf_puts(b, "\n--");
	put_boundary(b, n);
	buf_puts(b, "\nContent-Type: ");
	buf_puts(b, type);
	buf_puts(b, "\n\n");
}

static void
put_header(struct buf *b, const struct notice *n)
{
	buf_puts(b, "Date: ");
	date_822(b, n->now);
	buf_puts(b, "\nFrom: ");
	address_quote_local(b, n->from);
	buf_putc(b, '@');
	buf_put(b, n->host);
	buf_puts(b, "\nTo: ");
	address_quote(b, n->to);
	buf_puts(b, n->kind == NOTICE_DELAY ? "\nSubject: delay notice\n"
					    : "\nSubject: failure notice\n");
	if (n->is_report) {
		buf_puts(b, "Auto-Submitted: auto-replied\n"
			    "MIME-Version: 1.0\n"
			    "Content-Type: multipart/report; "
			    "report-type=delivery-status;\n\tboundary=\"");
		put_boundary(b, n);
		buf_puts(b, "\"\n");
	}
}

static void
put_words(struct buf *b, const struct notice *n)
{
	buf_puts(b, "Hi. This is the qmail-send program at ");
	buf_put(b, n->host);
	switch (n->kind) {
	case NOTICE_FAILURE:
		buf_puts(b, ".\nI'm afraid I wasn't able to deliver your "
			    "message to the following addresses.\n"
			    "This is a permanent error; I've given up. "
			    "Sorry it didn't work out.\n\n");
		break;
	case NOTICE_DOUBLE:
		buf_puts(b, ".\nI tried to deliver a bounce message to this "
			    "address, but the bounce bounced!\n\n");
		break;
	case NOTICE_DELAY:
		buf_puts(b, ".\nI haven't been able to deliver your message "
			    "to the following addresses yet.\n"
			    "There is nothing you need to do: I'll keep "
			    "trying until\n");
		date_822(b, n->until);
		buf_puts(b, ".\n\n");
		break;
	}
	buf_put(b, n->text);
}

/* What stands between QSBMF's paragraphs and the message. */
static void
put_break(struct buf *b, const struct notice *n)
{
	if (n->is_header) {
		buf_puts(b, "--- Below this line is the header of the "
			    "message.\n\n");
	} else if (n->copied < n->size) {
		buf_puts(b, "--- Below this line is the beginning of the "
			    "message, which has ");
		buf_putu(b, n->size);
		buf_puts(b, " bytes.\n\n");
	} else {
		buf_puts(b, n->kind == NOTICE_DOUBLE
				? "--- Below this line is the original "
				  "bounce.\n\n"
				: "--- Below this line is a copy of the "
				  "message.\n\n");
	}
}

static void
put_return_path(struct buf *b, const struct notice *n)
{
	buf_puts(b, "Return-Path: <");
	address_quote(b, n->sender);
	buf_puts(b, ">\n");
}

/* --- the report of RFC 3464 --- */

/* Whether s begins with an enhanced status code; its length. */
static size_t
status_length(struct span s)
{
	size_t i = 1, digits;

	if (s.len < 5 || (s.p[0] != '4' && s.p[0] != '5'))
		return 0;
	for (int part = 0; part < 2; part++) {
		if (i >= s.len || s.p[i++] != '.')
			return 0;
		digits = 0;
		while (i < s.len && ascii_is_digit((unsigned char)s.p[i])) {
			i++;
			digits++;
		}
		if (digits == 0 || digits > 3)
			return 0;
	}
	/* "5.6.7.8" is an IP address */
	if (i + 1 < s.len && s.p[i] == '.' &&
	    ascii_is_digit((unsigned char)s.p[i + 1]))
		return 0;
	return i < s.len && ascii_is_alnum((unsigned char)s.p[i]) ? 0 : i;
}

/* The first code in a text, where a word or "#" may begin one. */
static struct span
find_status(const struct notice *n, struct span text)
{
	bool may_begin = true;

	if (span_ends(text, SPAN("been in the queue too long.\n")))
		return SPAN("4.4.7");
	for (size_t i = 0; i < text.len; i++) {
		char c = text.p[i];

		if (may_begin && status_length(span_tail(text, i)) > 0)
			return span_head(span_tail(text, i),
			    status_length(span_tail(text, i)));
		may_begin = !ascii_is_alnum((unsigned char)c) && c != '.';
	}
	return n->kind == NOTICE_DELAY ? SPAN("4.0.0") : SPAN("5.0.0");
}

/* On one line, printable and not too long. */
static void
put_flat(struct buf *b, struct span text)
{
	text = span_trim_end(span_head(text, DIAGNOSTIC_MAX));
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if (c == '\n' || c == '\t')
			buf_putc(b, ' ');
		else
			buf_putc(b, (char)(ascii_is_print(c) ? c : '?'));
	}
}

/* What xtext stands for (RFC 3461 4); what is no xtext stays. */
static void
put_xtext(struct buf *b, struct span s)
{
	uint64_t byte;

	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '+' && s.len - i > 2 &&
		    num_hex((struct span){ s.p + i + 1, 2 }, &byte) == 0 &&
		    ascii_is_print((unsigned char)byte)) {
			buf_putc(b, (char)byte);
			i += 2;
		} else {
			put_flat(b, (struct span){ s.p + i, 1 });
		}
	}
}

static void
put_diagnostic(struct buf *b, struct span text)
{
	const struct span said = SPAN("Remote host said: ");

	if (text.len == 0)
		return;
	buf_puts(b, "Diagnostic-Code: ");
	for (struct span rest = text, line; span_line(&rest, &line);) {
		if (!span_starts(line, said))
			continue;
		/* what follows it is the rest of the reply */
		buf_puts(b, "smtp; ");
		text = span_tail(text, (size_t)(line.p - text.p) + said.len);
		put_flat(b, text);
		buf_putc(b, '\n');
		return;
	}
	buf_puts(b, "x-qmail; ");
	put_flat(b, text);
	buf_putc(b, '\n');
}

static void
put_recipient(
    struct buf *b, const struct notice *n, struct span addr, struct span text)
{
	struct span orcpt = n->orcpt(n->ctx, addr);
	size_t type = span_find(orcpt, ';');

	buf_putc(b, '\n');
	if (type < orcpt.len) {
		buf_puts(b, "Original-Recipient: ");
		put_flat(b, span_head(orcpt, type));
		buf_puts(b, "; ");
		put_xtext(b, span_tail(orcpt, type + 1));
		buf_putc(b, '\n');
	}
	buf_puts(b, "Final-Recipient: rfc822; ");
	address_quote(b, addr);
	buf_puts(b, n->kind == NOTICE_DELAY ? "\nAction: delayed\nStatus: "
					    : "\nAction: failed\nStatus: ");
	buf_put(b, find_status(n, text));
	buf_putc(b, '\n');
	put_diagnostic(b, text);
	if (n->kind == NOTICE_DELAY) {
		buf_puts(b, "Will-Retry-Until: ");
		date_822(b, n->until);
		buf_putc(b, '\n');
	}
}

/* The next paragraph of *rest: "<ADDR>:", its report, an empty line. */
static bool
next_paragraph(struct span *rest, struct span *addr, struct span *report)
{
	struct span line;

	do
		if (!span_line(rest, &line))
			return false;
	while (line.len < 3);
	*addr = span_tail(span_head(line, line.len - 2), 1);
	*report = (struct span){ rest->p, 0 };
	while (span_line(rest, &line) && line.len > 0)
		report->len = (size_t)(line.p + line.len - report->p) + 1;
	return true;
}

static void
put_status(struct buf *b, const struct notice *n)
{
	struct span rest = n->text, addr, report;

	put_part(b, n, "message/delivery-status");
	buf_puts(b, "Reporting-MTA: dns; ");
	buf_put(b, n->host);
	if (n->envid.len > 0) {
		buf_puts(b, "\nOriginal-Envelope-Id: ");
		put_xtext(b, n->envid);
	}
	buf_puts(b, "\nArrival-Date: ");
	date_822(b, n->arrival);
	buf_putc(b, '\n');
	while (next_paragraph(&rest, &addr, &report))
		put_recipient(b, n, addr, report);
}

static void
put_report(struct buf *b, const struct notice *n)
{
	put_part(
	    b, n, "text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit");
	put_words(b, n);
	put_status(b, n);
	put_part(b, n,
	    n->is_header ? "text/rfc822-headers\nContent-Transfer-Encoding: "
			   "8bit"
			 : "message/rfc822\nContent-Transfer-Encoding: 8bit");
}

void
notice_head(struct buf *b, const struct notice *n)
{
	put_header(b, n);
	if (n->is_report) {
		put_report(b, n);
	} else {
		buf_putc(b, '\n');
		put_words(b, n);
		put_break(b, n);
	}
	put_return_path(b, n);
}

void
notice_tail(struct buf *b, const struct notice *n)
{
	if (!n->is_report)
		return;
	buf_puts(b, "\n--");
	put_boundary(b, n);
	buf_puts(b, "--\n");
}

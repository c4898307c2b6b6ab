/*
 * qreceipt - tell a sender who asked for it that a message was delivered
 *
 * Run by:   qmail-local(8), for a line "|qreceipt address" of a .qmail file
 * Runs as:  the owner of that .qmail file
 * Input:    the message on descriptor 0; SENDER of the environment
 * Trusts:   its operand, which the account owner wrote; nothing in the
 *           message: whom a notice goes to is the envelope's sender
 * Output:   a message to the queue, if the header asks for one
 * Exits:    0 sent, or not asked for; 100 never, 111 try again later
 *
 * Contract local.md 4.1.
 */
#include "base/err.h"
#include "mail/address.h"
#include "mail/addrlist.h"
#include "mail/date.h"
#include "mail/header.h"
#include "queue/envelope.h"
#include "queue/submit.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/home.h"
#include "sys/prog.h"

enum {
	HEADER_MAX = 1024 * 1024, /* what is behind is not looked at */
	ADDRESS_BYTES = 64 * 1024
};

struct receipt {
	struct span address;    /* that we are */
	struct span message_id; /* the field; empty: none */
	bool is_wanted;
	struct tokens in, out;
};

static int
compare(void *ctx, struct span addr)
{
	struct receipt *r = ctx;

	r->is_wanted = r->is_wanted || span_eq(addr, r->address);
	return 0;
}

/* "unable to parse this: FIELD" */
static void NORETURN
die_unparsed(struct span field)
{
	struct buf b = BUF_INIT(HEADER_MAX + 64);
	const char *words;

	buf_puts(&b, "unable to parse this: ");
	for (size_t i = 0; i < field.len; i++)
		buf_putc(&b, field.p[i] == '\0' ? '?' : field.p[i]);
	if (buf_cstr(&b, &words) < 0)
		prog_die(EX_SOFT, "out of memory", 0);
	prog_die(EX_HARD, words, 0);
}

static void
read_request(struct receipt *r, struct span field, struct span body)
{
	int e;

	tokens_reset(&r->in);
	tokens_reset(&r->out);
	e = tokens_scan(&r->in, body);
	if (e == 0)
		e = addrlist_parse(&r->in, NULL, compare, r, &r->out);
	if (e == E_SYNTAX)
		die_unparsed(field);
	if (e < 0)
		prog_die(EX_SOFT, "unable to read the header", e);
}

/* Read all of the header that is there, and that we look at. */
static void
read_header(struct receipt *r, struct buf *header)
{
	struct span s, field;
	enum header_part part;
	size_t got = 1;
	bool is_all;
	int e = 0;

	while (e == 0 && got > 0 && header->len < header->max)
		e = fd_read_buf(
		    0, header, header->max - header->len, FD_FOREVER, &got);
	if (e < 0)
		prog_die(EX_SOFT, "unable to read message", e);
	is_all = got == 0;
	s = buf_span(header);
	while ((part = header_next(&s, is_all, &field)) == HEADER_FIELD ||
	       part == HEADER_MBOX) {
		struct span name, body;

		if (part == HEADER_MBOX)
			continue;
		header_split(field, &name, &body);
		if (span_eq_nocase(
			name, SPAN("notice-requested-upon-delivery-to")))
			read_request(r, span_trim_end(field), body);
		else if (r->message_id.len == 0 &&
			 span_eq_nocase(name, SPAN("message-id")))
			r->message_id = field;
	}
}

/* Bytes of a stranger on a line of ours. */
static void
put_safe(struct buf *b, struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		buf_putc(b, s.p[i] == '\n' || s.p[i] == '\r' || s.p[i] == '\0'
				? '_'
				: s.p[i]);
}

static void
compose(struct spool *out, const struct receipt *r, struct span sender)
{
	struct buf b = BUF_INIT(HEADER_MAX + ADDRESS_BYTES);
	struct buf to = BUF_INIT(ADDRESS_BYTES);

	address_quote(&to, sender);
	if (buf_err(&to) < 0)
		prog_die(EX_SOFT, "out of memory", 0);
	buf_puts(&b, "Date: ");
	date_822(&b, clock_real());
	buf_puts(&b, "\nFrom: DELIVERY NOTICE SYSTEM <");
	put_safe(&b, buf_span(&to));
	buf_puts(&b, ">\nTo: <");
	put_safe(&b, buf_span(&to));
	buf_puts(&b, ">\nSubject: success notice\n"
		     "Auto-Submitted: auto-replied\n\n"
		     "Hi! A message you sent was delivered to this address, as "
		     "you had asked to be told:\n\n");
	put_safe(&b, r->address);
	buf_puts(&b, "\n");
	if (r->message_id.len > 0) {
		buf_puts(&b, "\nIt was this one:\n\n");
		buf_put(&b, r->message_id);
		if (!span_ends(r->message_id, SPAN("\n")))
			buf_putc(&b, '\n');
	}
	if (buf_err(&b) < 0)
		prog_die(EX_SOFT, "out of memory", 0);
	spool_put(out, buf_span(&b));
	buf_free(&b);
	buf_free(&to);
}

static void
send(const struct receipt *r, struct span sender)
{
	struct submitted out = { .code = SUBMIT_HOME };
	struct buf envelope = BUF_INIT(ENVELOPE_MAX);
	struct spool notice = SPOOL_INIT;
	char letter;

	compose(&notice, r, sender);
	buf_put(&envelope, SPAN("F\0T"));
	buf_put(&envelope, sender);
	buf_put(&envelope, SPAN("\0\0"));
	if (buf_err(&envelope) < 0 || spool_err(&notice) < 0)
		prog_die(EX_SOFT, "unable to compose", 0);
	if (home_enter() == 0)
		submit(SPAN(""), &notice, buf_span(&envelope), &out);
	spool_free(&notice);
	buf_free(&envelope);
	letter = submit_text(&out)[0];
	if (letter == 'D')
		prog_die(EX_HARD, "permanent qmail-queue error", 0);
	if (letter != 'K')
		prog_die(EX_SOFT, "temporary qmail-queue error", 0);
}

int
main(int argc, char **argv)
{
	struct receipt r = { .in = TOKENS_INIT, .out = TOKENS_INIT };
	struct buf header = BUF_INIT(HEADER_MAX);
	struct span sender;

	prog_start("qreceipt");
	if (argc < 2)
		prog_usage("qreceipt deliveryaddress");
	sender = span_cstr(prog_need("SENDER", EX_HARD));
	if (sender.len == 0 || span_eq(sender, SPAN("#@[]")))
		return 0;
	r.address = span_cstr(argv[1]);
	read_header(&r, &header);
	if (r.is_wanted)
		send(&r, sender);
	tokens_free(&r.in);
	tokens_free(&r.out);
	buf_free(&header);
	return 0;
}

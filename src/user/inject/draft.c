/*
 * draft - a message while it is being completed: see draft.h
 */
#include "draft.h"

#include "base/err.h"
#include "fields.h"
#include "mail/address.h"
#include "mail/addrlist.h"
#include "mail/date.h"
#include "mail/header.h"
#include "report.h"

void
draft_free(struct draft *d)
{
	tokens_free(&d->out);
	tokens_free(&d->in);
	buf_free(&d->sender);
	buf_free(&d->tocc);
	buf_free(&d->resent);
	buf_free(&d->header);
	buf_free(&d->kept);
}

/* --- fields that are there --- */

/* The field whose addresses are being read. */
struct reading {
	struct draft *d;
	unsigned int deeds;
};

static void
put_rcpt(struct buf *list, struct span addr)
{
	buf_putc(list, 'T');
	buf_put(list, addr);
	buf_putc(list, '\0');
}

/* One address of a field. */
static int
found_address(void *ctx, struct span addr)
{
	const struct reading *r = ctx;
	struct draft *d = r->d;

	if ((r->deeds & DO_TO) != 0)
		put_rcpt(&d->header, addr);
	if ((r->deeds & DO_RESENT) != 0)
		put_rcpt(&d->resent, addr);
	if ((r->deeds & DO_FOLLOW) != 0 && addr.len > 0 &&
	    d->set->lists != NULL) {
		buf_put(&d->tocc, addr);
		buf_putc(&d->tocc, '\0');
		if (map_get(d->set->lists, addr, NULL))
			d->follows_list = true;
	}
	return 0;
}

/* The last address of Return-Path, which is found first. */
static int
found_sender(void *ctx, struct span addr)
{
	struct draft *d = ctx;

	if (!d->has_sender)
		buf_put(&d->sender, addr);
	d->has_sender = true;
	return 0;
}

/* Read the addresses of a field into d->out. */
static int
parse(struct draft *d, struct span body, addrlist_fn *fn, void *ctx)
{
	int r = tokens_scan(&d->in, body);

	tokens_reset(&d->out);
	if (r == 0)
		r = addrlist_parse(&d->in, &d->set->rules, fn, ctx, &d->out);
	return r;
}

/* A field as it came; only the LF at the end of the input may be missing. */
static void
keep(struct draft *d, struct span field)
{
	buf_put(&d->kept, field);
	if (!span_ends(field, SPAN("\n")))
		buf_putc(&d->kept, '\n');
}

static void
take_list(struct draft *d, struct span field, unsigned int deeds)
{
	struct reading reading = { d, deeds };
	struct span name, body;
	int r;

	header_split(field, &name, &body);
	r = parse(d, body, found_address, &reading);
	if (r == E_SYNTAX && (deeds & DO_TOLERATE) == 0)
		die_field(field);
	if (r < 0 && r != E_SYNTAX)
		die_failed(r);
	if ((deeds & DO_HIDE) != 0)
		return;
	if (r == E_SYNTAX) {
		keep(d, field);
		return;
	}
	r = tokens_field(&d->out, name, &d->kept);
	if (r < 0)
		die_failed(r);
}

static void
take_return_path(struct draft *d, struct span field)
{
	struct span name, body;
	int r;

	if (!d->wants_sender || (d->seen & field_bit(F_RETURN_PATH)) != 0)
		return;
	header_split(field, &name, &body);
	r = parse(d, body, found_sender, d);
	if (r == E_SYNTAX)
		die_field(field);
	if (r < 0)
		die_failed(r);
}

void
draft_field(struct draft *d, struct span field)
{
	struct span name, body;
	enum field f;
	unsigned int deeds;

	header_split(field, &name, &body);
	f = field_find(name);
	deeds = field_deeds(f);
	if ((f == F_FROM && d->set->drop_from) ||
	    (f == F_MESSAGE_ID && d->set->drop_message_id))
		return; /* as if it had not been there */
	if (f == F_RETURN_PATH)
		take_return_path(d, field);
	if (f < FIELDS)
		d->seen |= field_bit(f);
	if ((deeds & DO_REWRITE) != 0)
		take_list(d, field, deeds);
	else if ((deeds & DO_HIDE) == 0)
		keep(d, field);
}

void
draft_mbox(struct draft *d, struct span line)
{
	buf_puts(&d->kept, "MBOX-Line: ");
	keep(d, line);
}

bool
draft_is_resent(const struct draft *d)
{
	return (d->seen &
		   (field_bit(F_RESENT_DATE) | field_bit(F_RESENT_MESSAGE_ID) |
		       field_bit(F_RESENT_FROM) | field_bit(F_RESENT_TO) |
		       field_bit(F_RESENT_CC) | field_bit(F_RESENT_BCC) |
		       field_bit(F_RESENT_SENDER) |
		       field_bit(F_RESENT_REPLY_TO))) != 0;
}

/* --- fields that are missing --- */

static bool
lacks(const struct draft *d, enum field f)
{
	return (d->seen & field_bit(f)) == 0;
}

/* Append text, whose line ends must not begin another field, as one line. */
static void
put_line(struct buf *b, struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		buf_putc(b,
		    text.p[i] == '\n' || text.p[i] == '\r' ? '?' : text.p[i]);
}

/* A user name from the environment, as a local part. */
static void
put_user(struct buf *b, struct span user)
{
	struct buf line = BUF_INIT(LINE_LIMIT);

	put_line(&line, user);
	if (buf_err(&line) < 0)
		die_failed(buf_err(&line));
	address_quote_local(b, buf_span(&line));
	buf_free(&line);
}

void
draft_put_address(struct buf *out, struct span addr)
{
	struct buf line = BUF_INIT(ENVELOPE_MAX);

	put_line(&line, addr);
	if (buf_err(&line) < 0)
		die_failed(buf_err(&line));
	address_quote(out, buf_span(&line));
	buf_free(&line);
}

static void
put_host(struct buf *b, struct span host)
{
	if (host.len > 0) {
		buf_putc(b, '@');
		buf_put(b, host);
	}
}

/* A name, so that reading it again gives the same bytes, but on one line. */
static void
put_name(struct buf *b, char open, struct span name, char close)
{
	buf_putc(b, open);
	for (size_t i = 0; i < name.len; i++) {
		char c = name.p[i];

		if (c == '"' || c == '(' || c == ')' || c == '\\')
			buf_putc(b, '\\');
		buf_putc(b, c == '\n' || c == '\r' ? ' ' : c);
	}
	buf_putc(b, close);
}

/* The body of From, to be completed as if it had been typed. */
static void
put_author(const struct settings *s, struct buf *b)
{
	if (s->has_name && !s->name_in_comment) {
		put_name(b, '"', s->name, '"');
		buf_puts(b, " <");
	}
	put_user(b, s->user);
	put_host(b, s->host);
	if (s->has_name && !s->name_in_comment)
		buf_putc(b, '>');
	if (s->has_name && s->name_in_comment) {
		buf_putc(b, ' ');
		put_name(b, '(', s->name, ')');
	}
}

static void
add_from(struct draft *d, struct span name, struct buf *out)
{
	struct buf field = BUF_INIT(8 * LINE_LIMIT);
	struct reading nobody = { d, 0 };
	size_t body;
	int r;

	buf_put(&field, name);
	buf_puts(&field, ": ");
	body = field.len;
	put_author(d->set, &field);
	r = buf_err(&field);
	if (r == 0)
		r = parse(d, span_tail(buf_span(&field), body), found_address,
		    &nobody);
	if (r == 0)
		r = tokens_field(&d->out, name, out);
	if (r == E_SYNTAX)
		die_field(buf_span(&field));
	if (r < 0)
		die_failed(r);
	buf_free(&field);
}

static void
add_message_id(struct draft *d, struct buf *out)
{
	buf_puts(out, "Message-ID: <");
	date_digits(out, d->set->now);
	buf_putc(out, '.');
	buf_putu(out, (uintmax_t)d->set->pid);
	buf_puts(out, ".qmail@");
	put_line(out, buf_span(&d->set->idhost));
	buf_puts(out, ">\n");
}

/* To and Cc again, the last first, for replies to a list only. */
static void
add_followup(struct draft *d, struct buf *out)
{
	struct span rest = buf_span(&d->tocc);
	const char *between = "Mail-Followup-To: ";

	while (rest.len > 0) {
		struct span addr;
		size_t nul;

		rest.len--;
		nul = span_rfind(rest, '\0');
		addr = nul < rest.len ? span_tail(rest, nul + 1) : rest;
		buf_puts(out, between);
		draft_put_address(out, addr);
		rest.len -= addr.len;
		between = ",\n  ";
	}
	buf_putc(out, '\n');
}

static void
add_plain(struct draft *d, struct buf *out)
{
	if (lacks(d, F_DATE)) {
		buf_puts(out, "Date: ");
		date_822(out, d->set->now);
		buf_putc(out, '\n');
	}
	if (lacks(d, F_MESSAGE_ID))
		add_message_id(d, out);
	if (lacks(d, F_FROM))
		add_from(d, SPAN("From"), out);
	if (lacks(d, F_TO) && lacks(d, F_CC))
		buf_puts(out, "Cc: recipient list not shown: ;\n");
	if (lacks(d, F_FOLLOWUP) && d->follows_list)
		add_followup(d, out);
}

static void
add_resent(struct draft *d, struct buf *out)
{
	if (lacks(d, F_RESENT_DATE)) {
		buf_puts(out, "Resent-Date: ");
		date_822(out, d->set->now);
		buf_putc(out, '\n');
	}
	if (lacks(d, F_RESENT_MESSAGE_ID)) {
		buf_puts(out, "Resent-");
		add_message_id(d, out);
	}
	if (lacks(d, F_RESENT_FROM))
		add_from(d, SPAN("Resent-From"), out);
	if (lacks(d, F_RESENT_TO) && lacks(d, F_RESENT_CC))
		buf_puts(out, "Resent-Cc: recipient list not shown: ;\n");
}

void
draft_added(struct draft *d, struct buf *out)
{
	if (draft_is_resent(d))
		add_resent(d, out);
	else
		add_plain(d, out);
}

/* --- the envelope --- */

/* Complete text as one address; its internal form is appended. */
static int
complete(struct draft *d, struct span text, struct buf *out)
{
	int r = tokens_scan(&d->in, text);

	if (r == 0)
		r = addrlist_complete(&d->set->rules, &d->in);
	if (r < 0)
		return r;
	tokens_plain(&d->in, out);
	return buf_err(out);
}

void
draft_default_sender(struct draft *d, struct buf *sender)
{
	const struct settings *s = d->set;
	struct buf user = BUF_INIT(LINE_LIMIT), text = BUF_INIT(8 * LINE_LIMIT);
	int r;

	buf_put(&user, s->sender_user);
	if (s->verp_message) {
		buf_putc(&user, '-');
		buf_putu(&user, (uintmax_t)s->now);
		buf_putc(&user, '.');
		buf_putu(&user, (uintmax_t)s->pid);
	}
	if (s->verp_recipient)
		buf_putc(&user, '-');
	r = buf_err(&user);
	if (r < 0)
		die_failed(r);
	put_user(&text, buf_span(&user));
	put_host(&text, s->sender_host);
	r = buf_err(&text);
	if (r == 0)
		r = complete(d, buf_span(&text), sender);
	if (r == E_SYNTAX)
		die_address(buf_span(&text));
	if (r < 0)
		die_failed(r);
	buf_free(&text);
	buf_free(&user);
}

void
draft_argument(struct draft *d, const char *arg, struct buf *out)
{
	struct buf text = BUF_INIT(8 * LINE_LIMIT);
	int r;

	address_quote(&text, span_cstr(arg));
	r = buf_err(&text);
	if (r == 0)
		r = complete(d, buf_span(&text), out);
	if (r == E_SYNTAX)
		die_address(span_cstr(arg));
	if (r < 0)
		die_failed(r);
	buf_free(&text);
}

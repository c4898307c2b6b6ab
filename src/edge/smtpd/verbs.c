/*
 * verbs - one function for each SMTP command, and the table of them
 *
 * Replies: the enhanced code (RFC 2034), then the words qmail-smtpd has
 * always said (contract edges.md 1.3 to 1.5).
 */
#include "base/err.h"
#include "base/num.h"
#include "limits.h"
#include "mail/address.h"
#include "mail/path.h"
#include "session.h"
#include "sys/log.h"

static const char syntax_reply[] = "501 5.5.4 syntax error (#5.5.4)";
static const char size_reply[] =
    "552 5.3.4 sorry, that message size exceeds my databytes limit (#5.3.4)";
static const char memory_reply[] = "421 4.3.0 out of memory (#4.3.0)";
static const char controls_reply[] =
    "421 4.3.0 unable to read controls (#4.3.0)";

static enum verb_end
close_with(struct session *s, const char *reply)
{
	session_say(s, reply);
	session_log(s, reply);
	return VERB_CLOSE;
}

static enum verb_end
bad_command(struct session *s, const char *reply)
{
	return session_blame(s, &s->bad_commands, BAD_COMMANDS_MAX, reply);
}

/* A command that moves no mail: harmless, and not for ever. */
static enum verb_end
idle_command(struct session *s, const char *reply)
{
	return session_blame(s, &s->idle_commands, IDLE_COMMANDS_MAX, reply);
}

/* "CODE TEXT", or with a '-' between them, with our greeting as the text. */
static void
say_greeting(struct session *s, const char *head)
{
	out_puts(&s->out, head);
	out_put(&s->out, buf_span(&s->policy->greeting));
	session_say(s, "");
}

/* HELO and EHLO: forget the transaction, keep the name. */
static bool
greet(struct session *s, struct span name)
{
	session_reset(s);
	buf_reset(&s->helo);
	buf_put(&s->helo, name);
	return ++s->idle_commands <= IDLE_COMMANDS_MAX;
}

static enum verb_end
too_much(struct session *s)
{
	return close_with(s, "421 4.7.0 too many errors (#4.7.0)");
}

static enum verb_end
do_helo(struct session *s, struct span arg)
{
	if (!greet(s, arg))
		return too_much(s);
	say_greeting(s, "250 ");
	return VERB_FLUSH;
}

static enum verb_end
do_ehlo(struct session *s, struct span arg)
{
	struct buf size = BUF_INIT(64);
	const char *line;

	if (!greet(s, arg))
		return too_much(s);
	say_greeting(s, "250-");
	session_say(s, "250-PIPELINING");
	buf_puts(&size, "250-SIZE ");
	buf_putu(&size, s->policy->admit.databytes);
	if (buf_cstr(&size, &line) == 0)
		session_say(s, line);
	session_say(s, "250-8BITMIME");
	session_say(s, "250 ENHANCEDSTATUSCODES");
	buf_free(&size);
	return VERB_FLUSH;
}

/* The reply to an argument that is no path; codes differ by kind. */
static const char *
path_reply(enum path_kind kind, enum path_verdict v)
{
	switch (v) {
	case PATH_EIGHTBIT:
		return "553 5.6.7 address needs SMTPUTF8 (#5.6.7)";
	case PATH_TOO_LONG:
		return "555 5.5.4 syntax error (#5.5.4)";
	case PATH_SYNTAX:
		return kind == PATH_MAIL
			   ? "501 5.1.7 sender address syntax error (#5.1.7)"
			   : "501 5.1.3 recipient address syntax error "
			     "(#5.1.3)";
	case PATH_NO_WORD:
	case PATH_OK:
		break;
	}
	return syntax_reply;
}

typedef const char *param_fn(const struct session *s, struct span value);

/* SIZE=n (RFC 1870): NULL, or the reply that refuses it. */
static const char *
check_size(const struct session *s, struct span value)
{
	uint64_t n;
	int r = value.len > 20 ? E_SYNTAX : num_parse(value, UINT64_MAX, &n);

	if (r == E_SYNTAX)
		return syntax_reply;
	/* more than can be counted is more than any limit */
	if (r == E_TOOBIG)
		return size_reply;
	if (admit_is_too_big(&s->policy->admit, n))
		return size_reply;
	return NULL;
}

/* BODY=7BIT or 8BITMIME (RFC 6152): the same to us. */
static const char *
check_body(const struct session *s, struct span value)
{
	(void)s;
	return span_eq_nocase(value, SPAN("7BIT")) ||
		       span_eq_nocase(value, SPAN("8BITMIME"))
		   ? NULL
		   : syntax_reply;
}

static const struct param {
	const char *name;
	param_fn *check;
} mail_params[] = { { "SIZE", check_size }, { "BODY", check_body } };

enum { MAIL_PARAMS = sizeof(mail_params) / sizeof(*mail_params) };

static const char *
check_param(
    const struct session *s, const struct path_param *p, bool seen[MAIL_PARAMS])
{
	for (size_t i = 0; i < MAIL_PARAMS; i++) {
		if (!span_eq_nocase(p->name, span_cstr(mail_params[i].name)))
			continue;
		if (seen[i] || !p->has_value)
			return syntax_reply;
		seen[i] = true;
		return mail_params[i].check(s, p->value);
	}
	return "555 5.5.4 unknown parameter (#5.5.4)";
}

/* NULL, or the reply that refuses the parameters. */
static const char *
check_mail_params(const struct session *s, struct span params)
{
	bool seen[MAIL_PARAMS] = { false };
	const char *reply = NULL;
	struct path_param p;
	int r = 0;

	while (reply == NULL && (r = path_param(&params, &p)) == 0)
		reply = check_param(s, &p, seen);
	return reply == NULL && r == E_SYNTAX ? syntax_reply : reply;
}

/* We offer none for RCPT yet. */
static const char *
check_rcpt_params(struct span params)
{
	struct path_param p;
	int r = path_param(&params, &p);

	if (r == E_EOF)
		return NULL;
	return r < 0 ? syntax_reply : "555 5.5.4 unknown parameter (#5.5.4)";
}

/* Append letter, address and NUL to the envelope. */
static void
put_record(struct session *s, char letter, const struct buf *addr)
{
	buf_putc(&s->envelope, letter);
	buf_put(&s->envelope, buf_span(addr));
	buf_putc(&s->envelope, '\0');
}

/* What there is to say about an address that could not be made. */
static const char *
failure_reply(int r)
{
	return r == E_NOMEM ? memory_reply
			    : "421 4.3.0 unable to figure out my IP addresses "
			      "(#4.3.0)";
}

static enum verb_end
do_mail(struct session *s, struct span arg)
{
	struct buf addr = BUF_INIT(ADDRESS_BYTES);
	enum verb_end end;
	struct span params;
	const char *reply;
	enum path_verdict v;
	int r;

	if (s->has_mail)
		return bad_command(s, "503 5.5.1 one MAIL at a time (#5.5.1)");
	v = path_parse(PATH_MAIL, arg, &addr, &params);
	reply = v == PATH_OK ? check_mail_params(s, params)
			     : path_reply(PATH_MAIL, v);
	if (reply != NULL) {
		/* too large is no error of the client's */
		end = reply == size_reply ? idle_command(s, reply)
					  : bad_command(s, reply);
		goto out;
	}
	r = policy_localize(s->policy, &addr);
	if (r == 0)
		r = buf_err(&addr);
	if (r < 0) {
		end = close_with(s, failure_reply(r));
		goto out;
	}
	session_reset(s);
	put_record(s, 'F', &addr);
	if (buf_err(&s->envelope) < 0) {
		end = close_with(s, memory_reply);
		goto out;
	}
	s->has_mail = true;
	s->is_bad_sender = policy_is_bad_sender(s->policy, buf_span(&addr));
	end = idle_command(s, "250 2.1.0 ok");
	if (end == VERB_FLUSH)
		end = VERB_NEXT;
out:
	buf_free(&addr);
	return end;
}

static void
log_refusal(const struct session *s, struct span rcpt, const char *reply)
{
	struct span rest = buf_span(&s->envelope);
	struct span sender;
	struct buf line;

	session_log_begin(s, &line);
	buf_puts(&line, "refused <");
	log_safe(&line, rcpt);
	buf_puts(&line, "> sender <");
	if (span_field(&rest, &sender))
		log_safe(&line, span_tail(sender, 1));
	buf_puts(&line, "> helo ");
	log_safe(&line, span_head(buf_span(&s->helo), 256));
	buf_puts(&line, ": ");
	buf_puts(&line, reply);
	session_log_end(s, &line);
}

static enum verb_end
refuse(struct session *s, struct span rcpt, const char *reply)
{
	enum verb_end end;

	log_refusal(s, rcpt, reply);
	end = session_blame(s, &s->bad_recipients, BAD_RECIPIENTS_MAX, reply);
	return end == VERB_FLUSH ? VERB_NEXT : end;
}

/* An address that is one: may mail go there? */
static enum verb_end
decide(struct session *s, struct buf *addr)
{
	bool is_ours;
	int r;

	if (s->is_bad_sender)
		return refuse(s, buf_span(addr),
		    "553 5.7.1 sorry, your envelope sender is in my "
		    "badmailfrom list (#5.7.1)");
	r = admit_rcpt(&s->policy->admit, s->relayclient, addr, &is_ours);
	if (r < 0)
		return close_with(s, controls_reply);
	if (!is_ours)
		return refuse(s, buf_span(addr),
		    "553 5.7.1 sorry, that domain isn't in my list of allowed "
		    "rcpthosts (#5.7.1)");
	if (s->recipients >= RECIPIENTS_MAX) {
		session_say(s, "452 4.5.3 too many recipients (#4.5.3)");
		return VERB_NEXT;
	}
	if (buf_err(addr) == 0)
		put_record(s, 'T', addr);
	if (buf_err(addr) < 0 || buf_err(&s->envelope) < 0)
		return close_with(s, memory_reply);
	s->recipients++;
	session_say(s, "250 2.1.5 ok");
	return VERB_NEXT;
}

static enum verb_end
do_rcpt(struct session *s, struct span arg)
{
	struct buf addr = BUF_INIT(ADDRESS_BYTES);
	enum verb_end end;
	struct span params;
	const char *reply;
	enum path_verdict v;
	int r;

	if (!s->has_mail)
		return bad_command(s, "503 5.5.1 MAIL first (#5.5.1)");
	v = path_parse(PATH_RCPT, arg, &addr, &params);
	reply =
	    v == PATH_OK ? check_rcpt_params(params) : path_reply(PATH_RCPT, v);
	if (reply != NULL) {
		end = refuse(s, arg, reply);
		goto out;
	}
	r = policy_localize(s->policy, &addr);
	if (r == 0)
		r = buf_err(&addr);
	end = r < 0 ? close_with(s, failure_reply(r)) : decide(s, &addr);
out:
	buf_free(&addr);
	return end;
}

static enum verb_end
do_data(struct session *s, struct span arg)
{
	(void)arg;
	if (!s->has_mail)
		return bad_command(s, "503 5.5.1 MAIL first (#5.5.1)");
	if (s->recipients == 0)
		return bad_command(s, "503 5.5.1 RCPT first (#5.5.1)");
	return data_take(s);
}

static enum verb_end
do_rset(struct session *s, struct span arg)
{
	enum verb_end end;

	(void)arg;
	session_reset(s);
	end = idle_command(s, "250 2.0.0 flushed");
	return end == VERB_FLUSH ? VERB_NEXT : end;
}

static enum verb_end
do_noop(struct session *s, struct span arg)
{
	(void)arg;
	return idle_command(s, "250 2.0.0 ok");
}

static enum verb_end
do_vrfy(struct session *s, struct span arg)
{
	(void)arg;
	return idle_command(s, "252 2.1.5 send some mail, i'll try my best");
}

static enum verb_end
do_help(struct session *s, struct span arg)
{
	(void)arg;
	return idle_command(s, "214 2.0.0 see qmail-smtpd(8)");
}

static enum verb_end
do_quit(struct session *s, struct span arg)
{
	(void)arg;
	say_greeting(s, "221 2.0.0 ");
	return VERB_QUIT;
}

/* A browser, or somebody who makes one talk to us: there is no mail here. */
static enum verb_end
do_http(struct session *s, struct span arg)
{
	(void)arg;
	return close_with(s, "421 4.7.0 this is no web server (#4.7.0)");
}

typedef enum verb_end verb_fn(struct session *s, struct span arg);

static const struct verb {
	const char *name;
	verb_fn *fn;
} verbs[] = {
	{ "MAIL", do_mail },
	{ "RCPT", do_rcpt },
	{ "DATA", do_data },
	{ "QUIT", do_quit },
	{ "EHLO", do_ehlo },
	{ "HELO", do_helo },
	{ "RSET", do_rset },
	{ "NOOP", do_noop },
	{ "VRFY", do_vrfy },
	{ "HELP", do_help },
	{ "GET", do_http },
	{ "POST", do_http },
	{ "HEAD", do_http },
	{ "PUT", do_http },
	{ "CONNECT", do_http },
	{ "OPTIONS", do_http },
	{ "Host:", do_http },
};

/* Controls have no place in a command; the tab is no worse than a letter. */
static bool
has_control(struct span line, bool *has_nul)
{
	bool found = false;

	*has_nul = false;
	for (size_t i = 0; i < line.len; i++) {
		unsigned char c = (unsigned char)line.p[i];

		found |= (c < 32 && c != '\t') || c == 127;
		*has_nul |= c == '\0';
	}
	return found;
}

enum verb_end
verbs_do(struct session *s, struct span line)
{
	struct span verb = span_head(line, span_find(line, ' '));
	struct span arg = span_tail(line, verb.len);
	bool has_nul;

	if (has_control(line, &has_nul)) {
		enum verb_end end = bad_command(
		    s, "500 5.5.2 control character in command (#5.5.2)");

		return has_nul ? VERB_CLOSE : end;
	}
	while (arg.len > 0 && arg.p[0] == ' ')
		arg = span_tail(arg, 1);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		if (span_eq_nocase(verb, span_cstr(verbs[i].name)))
			return verbs[i].fn(s, arg);
	return bad_command(s, "502 5.5.1 unimplemented (#5.5.1)");
}

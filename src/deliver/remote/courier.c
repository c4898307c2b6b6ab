/*
 * courier - carries messages to hosts: see courier.h
 */
#include "courier.h"

#include <errno.h>

#include "base/err.h"
#include "base/mem.h"
#include "limits.h"
#include "sys/clock.h"
#include "targets.h"

enum { KEY_MAX = 4096 };

static const char no_connection[] =
    "Sorry, I wasn't able to establish an SMTP connection. (#4.4.1)";
static const char no_resources[] =
    "System resources temporarily unavailable. (#4.3.0)";

void
courier_init(struct courier *c, int given)
{
	*c = (struct courier){ .settings = SETTINGS_INIT,
		.conn = { .fd = -1 },
		.key = BUF_INIT(KEY_MAX),
		.smtp = { .reply = REPLY_INIT, .out = BUF_INIT(LIMIT_OUT) },
		.trial = REPORT_INIT };
	c->smtp.conn = &c->conn; /* so a courier stays where it is */
	tcpto_open(&c->tcpto, given);
}

void
courier_free(struct courier *c)
{
	courier_hang_up(c);
	settings_free(&c->settings);
	tcpto_close(&c->tcpto);
	buf_free(&c->key);
	reply_free(&c->smtp.reply);
	buf_free(&c->smtp.out);
	report_free(&c->trial);
}

void
courier_hang_up(struct courier *c)
{
	conn_quit(&c->conn);
}

int64_t
courier_deadline(const struct courier *c)
{
	int64_t idle = c->last_used + LIMIT_IDLE_MS;
	int64_t age = c->conn.opened + LIMIT_AGE_MS;

	if (c->conn.fd < 0)
		return INT64_MAX;
	return idle < age ? idle : age;
}

static void
say(struct report *report, char letter, const char *words)
{
	report_message(report, letter, words, NULL, NULL, NULL);
}

/*
 * Send those again that came too late in a full transaction: one server
 * takes 100 recipients at a time, another 10.
 */
static enum smtp_end
send_rest(struct courier *c, const struct errand *e, struct report *main,
    struct report *part, size_t *index, struct span *rcpt)
{
	struct errand rest = *e;
	enum smtp_end end;
	size_t i;

	rest.rcpt = rcpt;
	rest.n = 0;
	for (i = 0; i < main->n; i++) {
		if (!main->rcpt[i].too_many)
			continue;
		index[rest.n] = i;
		rcpt[rest.n++] = e->rcpt[i];
	}
	if (rest.n == 0 || report_begin(part, rest.n) < 0)
		return SMTP_OVER;
	c->smtp.report = part;
	end = smtp_send(&c->smtp, &rest);
	for (i = 0; i < rest.n; i++)
		if (end != SMTP_KEPT || !part->rcpt[i].too_many)
			report_merge(main, index[i], part, i);
	return end;
}

static bool
is_unfinished(const struct report *report)
{
	size_t i;

	for (i = 0; i < report->n; i++)
		if (report->rcpt[i].too_many)
			return true;
	return false;
}

/* The message to all recipients, in as many transactions as it takes. */
static enum smtp_end
send_all(struct courier *c, const struct errand *e, struct report *report)
{
	struct report part = REPORT_INIT;
	struct span *rcpt = NULL;
	size_t *index = NULL;
	enum smtp_end end;
	int round;

	c->smtp.report = report;
	end = smtp_send(&c->smtp, e);
	if (end != SMTP_KEPT || !is_unfinished(report))
		return end;
	rcpt = mem_new(e->n, sizeof(*rcpt));
	index = mem_new(e->n, sizeof(*index));
	for (round = 0; rcpt != NULL && index != NULL && end == SMTP_KEPT &&
			round < LIMIT_ROUNDS && is_unfinished(report);
	     round++)
		end = send_rest(c, e, report, &part, index, rcpt);
	mem_free(rcpt);
	mem_free(index);
	report_free(&part);
	/* the message as such was accepted, whatever came later */
	return end == SMTP_KEPT ? SMTP_KEPT : SMTP_OVER;
}

/* After a conversation: keep the connection or not. */
static void
part(struct courier *c, enum smtp_end end)
{
	c->last_used = clock_ms();
	if (end != SMTP_KEPT || c->conn.messages >= LIMIT_MESSAGES)
		courier_hang_up(c);
}

/* Whether the connection at hand leads where this message goes. */
static bool
is_usable(const struct courier *c, const struct buf *key)
{
	return c->conn.fd >= 0 && buf_err(key) == 0 && buf_err(&c->key) == 0 &&
	       span_eq(buf_span(&c->key), buf_span(key)) &&
	       clock_ms() < courier_deadline(c);
}

/* A failure that says something about us, not about the other host. */
static bool
is_ours(int r)
{
	return r == E_NOMEM || err_is(r, EMFILE) || err_is(r, ENFILE) ||
	       err_is(r, ENOBUFS);
}

/* Connect, minding the table of those who did not answer. */
static int
connect_to(struct courier *c, const struct ip *ip, uint16_t port)
{
	bool known;
	int r;

	if (tcpto_file_skips(&c->tcpto, ip, &known))
		return E_TIMEOUT;
	r = conn_open(
	    &c->conn, ip, port, c->settings.connect_ms, c->settings.timeout_ms);
	if (r == E_TIMEOUT)
		tcpto_file_note(&c->tcpto, ip);
	else if (known)
		tcpto_file_clear(&c->tcpto, ip);
	return r;
}

/* One host. */
static enum smtp_end
try_host(struct courier *c, const struct errand *e, struct report *report)
{
	enum smtp_end end;

	c->smtp.report = report;
	end = smtp_greet(&c->smtp, buf_span(&c->settings.helohost));
	if (end == SMTP_KEPT)
		end = send_all(c, e, report);
	part(c, end);
	return end == SMTP_STALE ? SMTP_ELSEWHERE : end;
}

static void
swap(struct report *a, struct report *b)
{
	struct report t = *a;

	*a = *b;
	*b = t;
}

/*
 * Try the hosts in turn. Of several that did not do it, one that may do it
 * later is believed before one that never will; else the first.
 */
static void
try_all(struct courier *c, const struct targets *targets,
    const struct errand *e, struct report *report)
{
	size_t i;

	for (i = 0; i < targets->n; i++) {
		const struct ip *ip = &targets->at[i].ip;
		enum smtp_end end;
		int r = connect_to(c, ip, targets->port);

		if (is_ours(r) ||
		    (r == 0 && report_begin(&c->trial, e->n) < 0)) {
			say(report, 'Z', no_resources);
			courier_hang_up(c);
			return;
		}
		if (r < 0)
			continue;
		end = try_host(c, e, &c->trial);
		if (end != SMTP_ELSEWHERE || report->letter == 0 ||
		    (report->letter == 'D' && c->trial.letter == 'Z'))
			swap(report, &c->trial);
		if (end != SMTP_ELSEWHERE)
			return;
	}
	if (report->letter == 0)
		say(report, 'Z', no_connection);
}

static void
find_and_send(struct courier *c, struct span host, const struct route *route,
    const struct errand *e, struct report *report)
{
	struct targets *targets = mem_new(1, sizeof(*targets));

	if (targets == NULL) {
		say(report, 'Z', "Out of memory. (#4.3.0)");
		return;
	}
	if (targets_find(host, route, targets, report) == 0)
		try_all(c, targets, e, report);
	mem_free(targets);
}

/* Over the connection at hand. False: it was of no use, nothing is said. */
static bool
send_again(struct courier *c, const struct errand *e, struct report *report)
{
	enum smtp_end end = send_all(c, e, report);

	if (end != SMTP_STALE && end != SMTP_ELSEWHERE) {
		part(c, end);
		return true;
	}
	/* from the beginning, as if there had been no connection */
	conn_close(&c->conn);
	if (report_begin(report, e->n) < 0) {
		say(report, 'Z', "Out of memory. (#4.3.0)");
		return true;
	}
	return false;
}

static void
carry(struct courier *c, struct span host, const struct span *given,
    const struct errand *e, struct report *report, struct buf *key)
{
	struct span value = SPAN("");
	struct route route;

	if (given != NULL)
		value = *given;
	else if (!route_find(c->settings.routes, host, e->sender, &value))
		value = SPAN("");
	route = route_parse(value);
	if (route.has_login) {
		say(report, 'Z',
		    "Sorry, control/smtproutes asks for a login: not supported "
		    "yet. (#4.3.5)");
		return;
	}
	route_key(value, host, key);
	if (is_usable(c, key)) {
		if (send_again(c, e, report))
			return;
	} else {
		courier_hang_up(c);
	}
	/* a key that is too long is good for nothing: never again */
	buf_reset(&c->key);
	if (buf_err(key) == 0)
		buf_put(&c->key, buf_span(key));
	find_and_send(c, host, &route, e, report);
}

void
courier_send(struct courier *c, struct span host, const struct span *given,
    const struct errand *e, struct report *report)
{
	struct errand errand = *e;
	struct buf key = BUF_INIT(KEY_MAX);
	bool changed = false;

	if (settings_refresh(&c->settings, &changed) < 0) {
		say(report, 'Z', "Unable to read control files. (#4.3.0)");
		courier_hang_up(c);
		return;
	}
	if (changed)
		courier_hang_up(c);
	errand.bounces_8bit = c->settings.bounces_8bit;
	carry(c, host, given, &errand, report, &key);
	buf_free(&key);
}

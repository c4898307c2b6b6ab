/*
 * why-route - ours or another host's, and by which way: see why-private.h
 */
#include <stddef.h>

#include "base/err.h"
#include "conf/control.h"
#include "conf/overrides.h"
#include "conf/smtproutes.h"
#include "say.h"
#include "sys/file.h"
#include "when.h"
#include "why-private.h"

/* --- local or remote --- */

static void
tell_nohost(struct why *w, const struct routes_found *f)
{
	const char *file = "control/envnoathost";
	struct buf line = BUF_INIT(CONTROL_MAX);

	/* as control_line_me() has it */
	if (control_line("envnoathost", &line) == E_ABSENT)
		file = control_line("me", &line) == 0 ? "control/me" : NULL;
	buf_free(&line);
	(void)why_step(w, "envnoathost", file, file != NULL ? 1 : 0,
	    WHY(SPAN("there is no @ in it; it becomes "), f->address));
}

/* The line of a file with this key; 0 if it has gone by now. */
static size_t
set_line(const char *name, struct span key)
{
	size_t line;

	return control_set_line(name, key, &line) == 0 ? line : 0;
}

static size_t
table_line(const char *name, struct span key)
{
	size_t line;

	return control_table_line(name, key, &line) == 0 ? line : 0;
}

static void
tell_percent(struct why *w, const struct routes_found *f)
{
	(void)why_step(w, "percenthack", "control/percenthack",
	    set_line("percenthack", f->key),
	    WHY(f->key, SPAN(" is there; the address becomes "), f->address));
}

static void
tell_locals(struct why *w, const struct routes_found *f)
{
	(void)why_step(w, "locals", "control/locals",
	    set_line("locals", f->key), WHY(f->key, SPAN(" is local")));
}

static void
tell_me(struct why *w, const struct routes_found *f)
{
	(void)why_step(w, "locals", "control/me", 1,
	    WHY(SPAN("there is no control/locals, and this is "), f->key,
		SPAN(": local")));
}

static struct span
virtual_kind(enum routes_step step)
{
	if (step == ROUTES_VIRTUAL_ADDRESS)
		return SPAN("the address ");
	if (step == ROUTES_VIRTUAL_DOMAIN)
		return SPAN("the domain ");
	if (step == ROUTES_VIRTUAL_ENDING)
		return SPAN("all that ends in ");
	return SPAN("all that is not named");
}

static void
tell_virtual(struct why *w, const struct routes_found *f)
{
	size_t line = table_line("virtualdomains", f->key);
	struct span kind = virtual_kind(f->step);
	static const char file[] = "control/virtualdomains";

	if (f->prepend.len == 0)
		(void)why_step(w, "virtualdomains", file, line,
		    WHY(kind, f->key, SPAN(" is an exception: remote")));
	else
		(void)why_step(w, "virtualdomains", file, line,
		    WHY(kind, f->key, SPAN(" is virtual: local, as "),
			f->address));
}

static void
tell_nowhere(struct why *w, const struct routes_found *f)
{
	(void)why_step(w, "nowhere", NULL, 0,
	    WHY(SPAN("neither control/locals nor control/virtualdomains has "),
		f->key, SPAN(": remote")));
}

static void
tell_step(void *ctx, const struct routes_found *f)
{
	typedef void tell_fn(struct why * w, const struct routes_found *f);
	static tell_fn *const tell[] = { [ROUTES_NOHOST] = tell_nohost,
		[ROUTES_PERCENT] = tell_percent,
		[ROUTES_LOCALS] = tell_locals,
		[ROUTES_ME] = tell_me,
		[ROUTES_VIRTUAL_ADDRESS] = tell_virtual,
		[ROUTES_VIRTUAL_DOMAIN] = tell_virtual,
		[ROUTES_VIRTUAL_ENDING] = tell_virtual,
		[ROUTES_VIRTUAL_ALL] = tell_virtual,
		[ROUTES_NOWHERE] = tell_nowhere };

	tell[f->step](ctx, f);
}

enum routes_to
why_route(struct why *w, struct buf *final)
{
	return routes_explain(
	    w->routes, buf_span(&w->at->address), final, tell_step, w);
}

/* --- the way out --- */

/* Who gets the mail by this value of a route; *where for people. */
static void
describe(struct span value, struct buf *where)
{
	struct route route = route_parse(value);

	if (route.relay.len == 0)
		buf_puts(where, "the hosts that the DNS names for it");
	else
		buf_put(where, route.relay);
	if (route.relay.len > 0 || route.port != SMTPROUTES_PORT) {
		buf_puts(where, ", port ");
		buf_putu(where, route.port);
	}
	if (route.port == 0)
		buf_puts(where, ", which makes no sense");
}

/* A step that names a route; *where keeps the words. */
static void
tell_way(struct why *w, const char *file, size_t line, struct span key,
    struct span value, struct buf *where)
{
	struct route route = route_parse(value);
	json_t *doc;

	buf_reset(where);
	describe(value, where);
	doc = why_step(w, "route", file, line,
	    WHY(key.len > 0 ? key : SPAN("everything else"), SPAN(" goes to "),
		buf_span(where)));
	if (doc == NULL)
		return;
	doc_text(doc, "relay", route.relay);
	doc_number(doc, "port", route.port);
}

/* The last line of the overrides that has this key and still counts. */
static size_t
override_line(struct span rest, int64_t now, struct span key, int64_t *until)
{
	size_t found = 0, number = 0;
	struct override o;
	struct span line;

	while (span_line(&rest, &line)) {
		number++;
		if (override_parse(line, &o) < 0 || o.until <= now ||
		    !span_eq_nocase(o.domain, key))
			continue;
		found = number;
		*until = o.until;
	}
	return found;
}

/* By hand of the operator, for a while? */
static bool
take_override(struct why *w, struct span host, struct buf *where)
{
	struct buf text = BUF_INIT(CONTROL_MAX), end = BUF_INIT(WHY_TEXT_MAX);
	struct map *overrides = NULL;
	struct span key, value;
	bool is_found = false;
	int64_t until = 0;
	size_t line = 0;
	int r = file_read(FILE_CWD, OVERRIDES_FILE, &text);

	if (r == 0)
		r = overrides_parse(
		    buf_span(&text), w->now, &overrides, &until, &line);
	if (r < 0 && r != E_ABSENT)
		(void)why_step(w, "warning", OVERRIDES_FILE, line,
		    WHY(SPAN("not used: "), span_cstr(err_text(r))));
	/* SPAN: a sender that is not empty */
	if (r == 0 &&
	    route_find_key(overrides, host, SPAN("x"), &key, &value)) {
		line = override_line(buf_span(&text), w->now, key, &until);
		when_put_iso(&end, until);
		tell_way(w, OVERRIDES_FILE, line, key, value, where);
		(void)why_step(w, "until", OVERRIDES_FILE, line,
		    WHY(SPAN("an operator wants it so until "),
			buf_err(&end) == 0 ? buf_span(&end) : SPAN("?")));
		is_found = true;
	}
	map_destroy(&overrides);
	buf_free(&text);
	buf_free(&end);
	return is_found;
}

static bool
take_route(struct why *w, struct span host, struct buf *where)
{
	struct span key, value;

	if (!route_find_key(w->smtproutes, host, SPAN("x"), &key, &value))
		return false;
	tell_way(w, "control/smtproutes", table_line("smtproutes", key), key,
	    value, where);
	return true;
}

/* Bounces, which have an empty sender, may have a way of their own. */
static void
tell_bounces(struct why *w)
{
	struct buf where = BUF_INIT(WHY_TEXT_MAX);
	struct span value;

	if (w->smtproutes == NULL ||
	    !map_get(w->smtproutes, SPAN("!@"), &value))
		return;
	describe(value, &where);
	(void)why_step(w, "bounces", "control/smtproutes",
	    table_line("smtproutes", SPAN("!@")),
	    WHY(SPAN("but bounces go to "), buf_span(&where)));
	buf_free(&where);
}

void
why_remote(struct why *w, struct span final)
{
	struct span host = span_tail(final, span_rfind(final, '@') + 1);
	struct buf where = BUF_INIT(WHY_TEXT_MAX);

	if (!take_override(w, host, &where) && !take_route(w, host, &where)) {
		(void)why_step(w, "route", NULL, 0,
		    WHY(SPAN("there is no route for it: its MX, which is "
			     "looked up at delivery")));
		buf_puts(&where, "the MX of ");
		buf_put(&where, host);
	}
	tell_bounces(w);
	why_end(w, "remote", WHY(SPAN("sent to "), buf_span(&where)));
	buf_free(&where);
}

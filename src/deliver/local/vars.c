/*
 * vars - what programs are told about a delivery: see vars.h
 */
#include "vars.h"

#include "base/err.h"
#include "base/mem.h"
#include "mail/address.h"

enum { MINE_MAX = 24 };

static void
put_line(struct buf *b, struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		buf_putc(b, (char)(s.p[i] == '\n' ? '_' : s.p[i]));
}

void
vars_dtline(struct buf *b, struct span local, struct span domain)
{
	buf_puts(b, "Delivered-To: ");
	put_line(b, local);
	buf_putc(b, '@');
	put_line(b, domain);
	buf_putc(b, '\n');
}

void
vars_rpline(struct buf *b, struct span sender)
{
	size_t at;

	buf_puts(b, "Return-Path: <");
	at = b->len;
	address_quote(b, sender);
	if (buf_err(b) == 0)
		for (; at < b->len; at++)
			if (b->p[at] == '\n')
				b->p[at] = '_';
	buf_puts(b, ">\n");
}

struct span
vars_ext(struct span ext, unsigned int n)
{
	for (; n > 0; n--)
		ext = span_tail(ext, span_find(ext, '-') + 1);
	return ext;
}

struct span
vars_host(struct span host, unsigned int n)
{
	for (; n > 0; n--)
		host = span_head(host, span_rfind(host, '.'));
	return host;
}

/* One variable of the job. A value is one or three spans. */
struct var {
	const char *name;
	struct span value, more, rest;
	bool is_unset;
};

/* The names and values; the names alone say what is not inherited. */
static size_t
list_vars(const struct delivery *d, struct var *v)
{
	const struct work *j = d->job;
	const struct var all[] = {
		{ "USER", .value = j->user },
		{ "HOME", .value = j->home },
		{ "LOCAL", .value = j->local },
		{ "HOST", .value = j->domain },
		{ "RECIPIENT", j->local, SPAN("@"), j->domain, false },
		{ "SENDER", .value = j->sender },
		{ "NEWSENDER", .value = buf_span(&d->newsender) },
		{ "DTLINE", .value = buf_span(&d->dtline) },
		{ "RPLINE", .value = buf_span(&d->rpline) },
		{ "UFLINE", .value = buf_span(&d->ufline) },
		{ "EXT", .value = j->ext },
		{ "EXT2", .value = vars_ext(j->ext, 1) },
		{ "EXT3", .value = vars_ext(j->ext, 2) },
		{ "EXT4", .value = vars_ext(j->ext, 3) },
		{ "HOST2", .value = vars_host(j->domain, 1) },
		{ "HOST3", .value = vars_host(j->domain, 2) },
		{ "HOST4", .value = vars_host(j->domain, 3) },
		{ "DEFAULT", .value = d->deflt, .is_unset = !d->has_default },
	};
	size_t n = sizeof(all) / sizeof(*all);

	_Static_assert(sizeof(all) / sizeof(*all) <= MINE_MAX, "MINE_MAX");
	memcpy(v, all, sizeof(all));
	return n;
}

static bool
is_mine(const char *entry, const struct var *v, size_t n)
{
	struct span s = span_cstr(entry);
	struct span name = span_head(s, span_find(s, '='));

	for (size_t i = 0; i < n; i++)
		if (span_eq(name, span_cstr(v[i].name)))
			return true;
	return false;
}

static void
put_var(struct buf *b, const struct var *v)
{
	buf_puts(b, v->name);
	buf_putc(b, '=');
	buf_put(b, v->value);
	buf_put(b, v->more);
	buf_put(b, v->rest);
	buf_putc(b, '\0');
}

int
vars_environment(struct delivery *d)
{
	struct environment *e = &d->env;
	struct var v[MINE_MAX];
	size_t n = list_vars(d, v), count = 0;
	char *at;
	int r;

	for (size_t i = 0; i < n; i++)
		if (!v[i].is_unset)
			put_var(&e->text, &v[i]);
	r = buf_err(&e->text);
	if (r < 0)
		return r;
	while (d->self->environment[count] != NULL)
		count++;
	e->list = mem_new(count + n + 1, sizeof(*e->list));
	if (e->list == NULL)
		return E_NOMEM;

	count = 0;
	for (char *const *old = d->self->environment; *old != NULL; old++)
		if (!is_mine(*old, v, n))
			e->list[count++] = *old;
	at = e->text.p;
	for (size_t i = 0; i < n; i++) {
		if (v[i].is_unset)
			continue;
		e->list[count++] = at;
		at += strlen(at) + 1;
	}
	return 0;
}

void
vars_free(struct environment *e)
{
	mem_free(e->list);
	e->list = NULL;
	buf_free(&e->text);
}

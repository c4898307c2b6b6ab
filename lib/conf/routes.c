/*
 * routes - where a recipient's mail goes: see routes.h
 */
#include "conf/routes.h"

#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"
#include "conf/control.h"

enum { LINE_MAX_BYTES = 65536 };

struct routes {
	struct map *locals;
	struct map *virtuals;
	struct map *percents;
	struct buf me; /* as read at start: locals may fall back to it */
	bool has_me, is_me_local; /* locals is what me says */
	struct buf envnoathost;
};

/* Who is told of the steps; fn may be NULL. */
struct listener {
	routes_found_fn *fn;
	void *ctx;
};

/* A map from a control file; an empty one when the file does not exist. */
static int
read_map(const char *name, int (*read)(const char *, struct map **),
    struct map **out)
{
	int r = read(name, out);

	if (r != E_ABSENT)
		return r;
	*out = map_new();
	return *out == NULL ? E_NOMEM : 0;
}

static int
read_locals(const struct routes *r, struct map **out, bool *is_me)
{
	int e = control_set("locals", out);

	*is_me = e == E_ABSENT && r->has_me;
	if (!*is_me)
		return e;
	*out = map_new();
	if (*out == NULL)
		return E_NOMEM;
	return map_put(*out, buf_span(&r->me), SPAN(""));
}

int
routes_new(struct routes **out)
{
	struct routes *r = mem_new(1, sizeof(*r));
	int e;

	if (r == NULL)
		return E_NOMEM;
	r->me = BUF_INIT(LINE_MAX_BYTES);
	r->envnoathost = BUF_INIT(LINE_MAX_BYTES);
	e = control_line("me", &r->me);
	r->has_me = e == 0;
	if (e == 0 || e == E_ABSENT)
		e = read_locals(r, &r->locals, &r->is_me_local);
	if (e == 0)
		e = read_map("virtualdomains", control_table, &r->virtuals);
	if (e == 0)
		e = read_map("percenthack", control_set, &r->percents);
	if (e == 0)
		e = control_line_me(
		    "envnoathost", "envnoathost", &r->envnoathost);
	if (e < 0)
		routes_destroy(&r);
	else
		*out = r;
	return e;
}

void
routes_destroy(struct routes **r)
{
	if (*r == NULL)
		return;
	map_destroy(&(*r)->locals);
	map_destroy(&(*r)->virtuals);
	map_destroy(&(*r)->percents);
	buf_free(&(*r)->me);
	buf_free(&(*r)->envnoathost);
	mem_free(*r);
	*r = NULL;
}

int
routes_reread(struct routes *r, const char **file)
{
	struct map *locals = NULL, *virtuals = NULL;
	bool is_me;
	int e;

	*file = "locals";
	e = read_locals(r, &locals, &is_me);
	if (e == 0) {
		*file = "virtualdomains";
		e = read_map("virtualdomains", control_table, &virtuals);
	}
	if (e < 0) {
		map_destroy(&locals);
		return e;
	}
	map_destroy(&r->locals);
	map_destroy(&r->virtuals);
	r->locals = locals;
	r->is_me_local = is_me;
	r->virtuals = virtuals;
	return 0;
}

/* The prepend for a domain: its own, its endings', then the empty key's. */
static bool
find_domain(const struct routes *r, struct span domain, struct span *key,
    struct span *prepend)
{
	*key = domain;
	if (map_get(r->virtuals, domain, prepend))
		return true;
	for (size_t i = 0; i < domain.len; i++) {
		*key = span_tail(domain, i);
		if (domain.p[i] == '.' && map_get(r->virtuals, *key, prepend))
			return true;
	}
	*key = SPAN("");
	return domain.len > 0 && map_get(r->virtuals, *key, prepend);
}

static void
tell(const struct listener *l, enum routes_step step, struct span key,
    struct span prepend, struct span address)
{
	const struct routes_found f = {
		.step = step, .key = key, .prepend = prepend, .address = address
	};

	if (l->fn != NULL)
		l->fn(l->ctx, &f);
}

/*
 * user%host@relay, as long as relay is one of ours: drop "@relay" and turn
 * the last '%' into '@'.
 */
static void
undo_percents(const struct routes *r, struct buf *b, size_t begun,
    const struct listener *l)
{
	for (;;) {
		struct span addr = span_tail(buf_span(b), begun);
		size_t at = span_rfind(addr, '@');
		size_t percent = span_rfind(span_head(addr, at), '%');
		struct span key = span_tail(addr, at + 1);

		if (percent == at || !map_get(r->percents, key, NULL))
			return;
		b->p[begun + percent] = '@';
		/* the key is still behind the end when it is told */
		tell(l, ROUTES_PERCENT, key, SPAN(""), span_head(addr, at));
		buf_cut(b, begun + at);
	}
}

static enum routes_step
virtual_step(struct span whole, struct span domain, struct span key)
{
	if (key.len == whole.len)
		return ROUTES_VIRTUAL_ADDRESS;
	if (key.len == domain.len)
		return ROUTES_VIRTUAL_DOMAIN;
	return key.len > 0 ? ROUTES_VIRTUAL_ENDING : ROUTES_VIRTUAL_ALL;
}

/* What virtualdomains puts in front of the address, if it does. */
static enum routes_to
apply_virtual(const struct routes *r, struct buf *addr, size_t begun,
    const struct listener *l)
{
	struct span whole = span_tail(buf_span(addr), begun);
	struct span domain = span_tail(whole, span_rfind(whole, '@') + 1);
	struct span key = whole, prepend;
	enum routes_step step;
	struct buf copy;

	if (!map_get(r->virtuals, whole, &prepend) &&
	    !find_domain(r, domain, &key, &prepend)) {
		tell(l, ROUTES_NOWHERE, domain, SPAN(""), whole);
		return ROUTES_REMOTE;
	}
	step = virtual_step(whole, domain, key);
	if (prepend.len == 0) {
		tell(l, step, key, prepend, whole);
		return ROUTES_REMOTE;
	}
	/* the prepend goes in front of what is there */
	copy = BUF_INIT(whole.len);
	buf_put(&copy, whole);
	key = buf_err(&copy) < 0
		  ? SPAN("")
		  : span_tail(buf_span(&copy), whole.len - key.len);
	buf_cut(addr, begun);
	buf_put(addr, prepend);
	buf_putc(addr, '-');
	if (buf_err(&copy) == 0)
		buf_put(addr, buf_span(&copy));
	else
		addr->err = buf_err(&copy);
	if (buf_err(addr) == 0)
		tell(l, step, key, prepend, span_tail(buf_span(addr), begun));
	buf_free(&copy);
	return ROUTES_LOCAL;
}

enum routes_to
routes_explain(const struct routes *r, struct span rcpt, struct buf *addr,
    routes_found_fn *fn, void *ctx)
{
	const struct listener l = { .fn = fn, .ctx = ctx };
	size_t begun = addr->len;
	struct span whole, domain;

	buf_put(addr, rcpt);
	if (span_find(rcpt, '@') == rcpt.len) {
		buf_putc(addr, '@');
		buf_put(addr, buf_span(&r->envnoathost));
	}
	if (buf_err(addr) < 0)
		return ROUTES_REMOTE;
	whole = span_tail(buf_span(addr), begun);
	if (whole.len > rcpt.len)
		tell(&l, ROUTES_NOHOST, SPAN(""), SPAN(""), whole);
	if (map_size(r->percents) > 0)
		undo_percents(r, addr, begun, &l);

	whole = span_tail(buf_span(addr), begun);
	domain = span_tail(whole, span_rfind(whole, '@') + 1);
	if (map_get(r->locals, domain, NULL)) {
		tell(&l, r->is_me_local ? ROUTES_ME : ROUTES_LOCALS, domain,
		    SPAN(""), whole);
		return ROUTES_LOCAL;
	}
	return apply_virtual(r, addr, begun, &l);
}

enum routes_to
routes_apply(const struct routes *r, struct span rcpt, struct buf *addr)
{
	return routes_explain(r, rcpt, addr, NULL, NULL);
}

struct span
routes_strip(const struct routes *r, struct span addr)
{
	size_t at = span_rfind(addr, '@');
	struct span key, prepend;

	if (at == addr.len ||
	    !find_domain(r, span_tail(addr, at + 1), &key, &prepend) ||
	    prepend.len == 0 || !span_starts(addr, prepend) ||
	    addr.len == prepend.len || addr.p[prepend.len] != '-')
		return addr;
	return span_tail(addr, prepend.len + 1);
}

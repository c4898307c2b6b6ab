/*
 * addrlist - lists of addresses in header fields: see addrlist.h
 */
#include "mail/addrlist.h"

#include "base/err.h"

static const struct token comma = { TOKEN_COMMA, { "", 0 } };
static const struct token at_sign = { TOKEN_AT, { "", 0 } };
static const struct token dot = { TOKEN_DOT, { "", 0 } };

void
addrlist_rules_free(struct addrlist_rules *rules)
{
	tokens_free(&rules->host);
	tokens_free(&rules->domain);
	tokens_free(&rules->plus);
}

/* --- one address --- */

static bool
ends_in(const struct tokens *t, enum token_kind kind)
{
	return t->n > 0 && t->v[t->n - 1].kind == kind;
}

/* "x@[]" is complete as it is: VERP, and qmail's own "#@[]". */
static bool
is_final(const struct tokens *t)
{
	return t->n >= 2 && ends_in(t, TOKEN_LITERAL) &&
	       t->v[t->n - 1].text.len == 0 && t->v[t->n - 2].kind == TOKEN_AT;
}

/* Take away a source route: through the first ':', or everything. */
static void
drop_route(struct tokens *t)
{
	size_t n = 0;

	while (n < t->n && t->v[n].kind != TOKEN_COLON)
		n++;
	if (n < t->n)
		n++;
	for (size_t i = n; i < t->n; i++)
		t->v[i - n] = t->v[i];
	t->n -= n;
}

/* Append a sign and a name. */
static int
append(struct tokens *t, const struct token *sign, const struct tokens *name)
{
	int r = tokens_put(t, *sign);

	for (size_t i = 0; r == 0 && i < name->n; i++)
		r = tokens_put(t, name->v[i]);
	return r;
}

static bool
has_at(const struct tokens *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].kind == TOKEN_AT)
			return true;
	return false;
}

/* Whether what is behind the last '@' needs no domain. */
static bool
has_dot(const struct tokens *t)
{
	for (size_t i = t->n; i > 0 && t->v[i - 1].kind != TOKEN_AT; i--)
		if (t->v[i - 1].kind == TOKEN_DOT ||
		    t->v[i - 1].kind == TOKEN_LITERAL)
			return true;
	return false;
}

int
addrlist_complete(const struct addrlist_rules *rules, struct tokens *t)
{
	struct span last;
	int r = 0;

	if (t->n == 0 || is_final(t))
		return 0;
	if (t->v[0].kind == TOKEN_AT)
		drop_route(t);
	if (ends_in(t, TOKEN_DOT))
		t->n--;
	if (ends_in(t, TOKEN_AT))
		t->n--;
	if (t->n == 0 || rules == NULL)
		return 0;
	if (!has_at(t))
		r = append(t, &at_sign, &rules->host);
	if (r == 0 && ends_in(t, TOKEN_ATOM)) {
		last = t->v[t->n - 1].text;
		if (span_ends(last, SPAN("+"))) {
			t->v[t->n - 1].text = span_head(last, last.len - 1);
			r = append(t, &dot, &rules->plus);
		}
	}
	if (r == 0 && !has_dot(t))
		r = append(t, &dot, &rules->domain);
	return r;
}

/* --- the list --- */

/*
 * Everything is read from right to left, so that the separators behind an
 * address are known when it is reached; out, addr and comments grow in
 * that order and are turned round when they are complete.
 */
struct parse {
	const struct token *v; /* what is left: v[0] to v[n - 1] */
	size_t n;
	const struct addrlist_rules *rules;
	addrlist_fn *fn;
	void *ctx;
	struct tokens *out;
	struct tokens addr, comments;
	struct buf plain;
	bool is_group;
	/* whether an address begins directly at the right */
	bool has_right;
};

static enum token_kind
next_kind(const struct parse *p)
{
	return p->v[p->n - 1].kind;
}

/* The next token to the left goes unchanged into t. */
static int
move(struct parse *p, struct tokens *t)
{
	return tokens_put(t, p->v[--p->n]);
}

static int
put_comments(struct parse *p)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->comments.n; i++)
		r = tokens_put(p->out, p->comments.v[i]);
	tokens_reset(&p->comments);
	return r;
}

/* The collected tokens are an address, even if there are none. */
static int
finish_address(struct parse *p)
{
	int r;

	tokens_reverse(&p->addr);
	r = addrlist_complete(p->rules, &p->addr);
	if (r < 0)
		return r;
	buf_reset(&p->plain);
	tokens_plain(&p->addr, &p->plain);
	r = buf_err(&p->plain);
	if (r == 0)
		r = p->fn(p->ctx, buf_span(&p->plain));
	if (r == 0)
		r = put_comments(p);
	for (size_t i = p->addr.n; r == 0 && i > 0; i--)
		r = tokens_put(p->out, p->addr.v[i - 1]);
	tokens_reset(&p->addr);
	return r;
}

/* End the address being collected, if there is one. */
static int
flush(struct parse *p)
{
	return p->addr.n == 0 ? put_comments(p) : finish_address(p);
}

/* The same, and divide it from what follows to the left. */
static int
flush_comma(struct parse *p)
{
	bool has_address = p->addr.n > 0;
	int r = flush(p);

	return r == 0 && has_address ? tokens_put(p->out, comma) : r;
}

static int
do_comma(struct parse *p)
{
	int r = flush(p);

	p->has_right = false;
	return r < 0 ? r : move(p, p->out);
}

static int
do_semicolon(struct parse *p)
{
	bool has_right = p->has_right || p->addr.n > 0;
	int r;

	if (p->is_group)
		return E_SYNTAX;
	p->is_group = true;
	p->has_right = false;
	r = flush(p);
	if (r == 0 && has_right)
		r = tokens_put(p->out, comma);
	return r < 0 ? r : move(p, p->out);
}

/*
 * The name of a group, and the comma before it. The end of another group
 * stops it too, or that one's addresses would be lost.
 */
static int
do_colon(struct parse *p)
{
	bool is_comma = false;
	int r;

	if (!p->is_group)
		return E_SYNTAX;
	p->is_group = false;
	r = flush(p);
	if (r == 0)
		r = move(p, p->out);
	while (r == 0 && p->n > 0 && !is_comma && next_kind(p) != TOKEN_SEMI) {
		is_comma = next_kind(p) == TOKEN_COMMA;
		r = move(p, p->out);
	}
	p->has_right = !is_comma;
	return r;
}

static bool
is_phrase(enum token_kind kind)
{
	return kind == TOKEN_ATOM || kind == TOKEN_STRING ||
	       kind == TOKEN_COMMENT || kind == TOKEN_AT || kind == TOKEN_DOT;
}

/* An address in angle brackets, and the phrase before it. */
static int
do_right(struct parse *p)
{
	int r = flush_comma(p);

	if (r == 0)
		r = move(p, p->out);
	while (r == 0 && p->n > 0 && next_kind(p) != TOKEN_LEFT)
		r = move(
		    p, next_kind(p) == TOKEN_COMMENT ? &p->comments : &p->addr);
	if (r < 0)
		return r;
	if (p->n == 0)
		return E_SYNTAX;
	r = finish_address(p);
	if (r == 0)
		r = move(p, p->out);
	while (r == 0 && p->n > 0 && is_phrase(next_kind(p)))
		r = move(p, p->out);
	p->has_right = true;
	return r;
}

/* An atom, a string, a literal: two in a row are two addresses. */
static int
do_word(struct parse *p)
{
	int r = 0;

	if (p->addr.n > 0 && token_is_word(&p->addr.v[p->addr.n - 1]))
		r = flush_comma(p);
	return r < 0 ? r : move(p, &p->addr);
}

static int
do_part(struct parse *p)
{
	return move(p, &p->addr);
}

static int
do_comment(struct parse *p)
{
	return move(p, &p->comments);
}

typedef int step_fn(struct parse *p);

static step_fn *const steps[] = {
	[TOKEN_ATOM] = do_word,
	[TOKEN_STRING] = do_word,
	[TOKEN_LITERAL] = do_word,
	[TOKEN_COMMENT] = do_comment,
	[TOKEN_DOT] = do_part,
	[TOKEN_COMMA] = do_comma,
	[TOKEN_AT] = do_part,
	[TOKEN_LEFT] = do_part,
	[TOKEN_RIGHT] = do_right,
	[TOKEN_COLON] = do_colon,
	[TOKEN_SEMI] = do_semicolon,
};

int
addrlist_parse(const struct tokens *in, const struct addrlist_rules *rules,
    addrlist_fn *fn, void *ctx, struct tokens *out)
{
	struct parse p = { .v = in->v,
		.n = in->n,
		.rules = rules,
		.fn = fn,
		.ctx = ctx,
		.out = out,
		.addr = TOKENS_INIT,
		.comments = TOKENS_INIT,
		.plain = BUF_INIT(TOKENS_MAX_BYTES) };
	int r = 0;

	while (r == 0 && p.n > 0)
		r = steps[next_kind(&p)](&p);
	if (r == 0)
		r = flush(&p);
	if (r == 0)
		tokens_reverse(out);
	buf_free(&p.plain);
	tokens_free(&p.comments);
	tokens_free(&p.addr);
	return r;
}

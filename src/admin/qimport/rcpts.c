/*
 * rcpts - the recipients of a message: see rcpts.h
 */
#include "rcpts.h"

#include "base/err.h"
#include "base/num.h"
#include "classic.h"
#include "queue/envelope.h"
#include "sys/log.h"
#include "undo.h"

enum {
	TEXT_MAX = 16 * 1024 * 1024,
	ROUTED_MAX = 256 * 1024,
	/* without '@' it got one and a host name: more is not qmail's */
	STORED_MAX = 2 * ADDRESS_MAX
};

static const struct {
	char letter;
	const char *word;
} ways[] = {
	[ROUTES_LOCAL] = { 'l', "local " },
	[ROUTES_REMOTE] = { 'r', "remote " },
};

void
rcpts_init(struct rcpts *r, const struct routes *routes, struct span me)
{
	*r = (struct rcpts){ .routes = routes,
		.me = me,
		.taken = BUF_INIT(ENVELOPE_MAX),
		.left = BUF_INIT(TEXT_MAX),
		.details = BUF_INIT(TEXT_MAX),
		.addr = BUF_INIT(ROUTED_MAX),
		.scratch = BUF_INIT(ROUTED_MAX) };
}

void
rcpts_free(struct rcpts *r)
{
	buf_free(&r->taken);
	buf_free(&r->left);
	buf_free(&r->details);
	buf_free(&r->addr);
	buf_free(&r->scratch);
}

void
rcpts_begin(struct rcpts *r, const struct span *rest)
{
	buf_reset(&r->taken);
	buf_reset(&r->left);
	buf_reset(&r->details);
	r->ntaken = r->nleft = 0;
	r->is_rest = rest != NULL;
	r->only = rest != NULL ? *rest : SPAN("");
}

static void
take(struct rcpts *r, struct span addr)
{
	struct recipient to = { .addr = addr, .orcpt = SPAN("") };

	envelope_put_rcpt(&r->taken, &to);
	r->ntaken++;
}

void
rcpts_add_todo(struct rcpts *r, struct span file)
{
	struct span addr;
	uint64_t at = 0;

	while (classic_rcpt(&file, &at, &addr))
		take(r, addr);
}

/* The first place in r->only; it stays there. */
static bool
first_left(const struct rcpts *r, char *letter, uint64_t *at)
{
	struct span word = span_head(r->only, span_find(r->only, ','));

	if (word.len == 0)
		return false;
	*letter = word.p[0];
	return num_parse(span_tail(word, 1), UINT64_MAX, at) == 0;
}

/* Whether a recipient is to be looked at. Asked in their order. */
static bool
is_wanted(struct rcpts *r, char letter, uint64_t at)
{
	char other;
	uint64_t n;

	if (!r->is_rest)
		return true;
	/* what is in front was done with since, in the classic queue */
	while (first_left(r, &other, &n) &&
	       (other < letter || (other == letter && n < at)))
		r->only = span_tail(r->only, span_find(r->only, ',') + 1);
	return first_left(r, &other, &n) && other == letter && n == at;
}

/* "TAB local ADDRESS WHAT" */
static void
say(struct rcpts *r, enum routes_to to, struct span addr, const char *what)
{
	buf_putc(&r->details, '\t');
	buf_puts(&r->details, ways[to].word);
	log_safe(&r->details, addr);
	buf_puts(&r->details, what);
}

/* Where control files send the stored address today. */
static void
say_today(struct rcpts *r, struct span stored)
{
	enum routes_to to;

	buf_reset(&r->scratch);
	to = routes_apply(r->routes, stored, &r->scratch);
	buf_puts(&r->details, ": the control files now lead to ");
	buf_puts(&r->details, ways[to].word);
	if (buf_err(&r->scratch) == 0)
		log_safe(&r->details, buf_span(&r->scratch));
	buf_putc(&r->details, '\n');
}

static void
leave(struct rcpts *r, enum routes_to to, uint64_t at)
{
	if (r->left.len > 0)
		buf_putc(&r->left, ',');
	buf_putc(&r->left, ways[to].letter);
	buf_putu(&r->left, at);
	r->nleft++;
}

static void
add(struct rcpts *r, enum routes_to to, struct span stored, uint64_t at)
{
	enum undo u;

	if (stored.len > STORED_MAX) {
		say(r, to, span_head(stored, STORED_MAX), " left: too long\n");
		leave(r, to, at);
		return;
	}
	buf_reset(&r->addr);
	u = undo(r->routes, r->me, to, stored, &r->scratch, &r->addr);
	if (u == UNDO_NONE || buf_err(&r->addr) < 0) {
		say(r, to, stored, " left");
		say_today(r, stored);
		leave(r, to, at);
		return;
	}
	take(r, buf_span(&r->addr));
	if (u == UNDO_OTHER) {
		say(r, to, stored, " taken as ");
		log_safe(&r->details, buf_span(&r->addr));
		say_today(r, stored);
	}
}

void
rcpts_add_channel(struct rcpts *r, enum routes_to to, struct span file)
{
	struct span stored;
	uint64_t next = 0;

	while (classic_rcpt(&file, &next, &stored))
		if (is_wanted(r, ways[to].letter, next - 1))
			add(r, to, stored, next - 1);
}

int
rcpts_err(const struct rcpts *r)
{
	int e = buf_err(&r->taken);

	if (e == 0)
		e = buf_err(&r->left);
	return e == 0 ? buf_err(&r->details) : e;
}

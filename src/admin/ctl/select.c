/*
 * select - which messages a verb is for: see select.h
 */
#include "select.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "glob.h"
#include "mail/address.h"
#include "say.h"
#include "sys/prog.h"
#include "when.h"

enum { IDS_FIRST = 64 };

static int
add(struct ids *ids, uint64_t id)
{
	if (ids->n == ids->max) {
		size_t max = ids->max == 0 ? IDS_FIRST : ids->max * 2;
		uint64_t *list = mem_resize(ids->list, max, sizeof(*list));

		if (list == NULL)
			return E_NOMEM;
		ids->list = list;
		ids->max = max;
	}
	ids->list[ids->n++] = id;
	return 0;
}

static void
must_add(struct ids *ids, uint64_t id)
{
	int r = add(ids, id);

	if (r < 0)
		prog_die(EX_SOFT, "unable to list the queue", r);
}

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* By age, each once. */
static void
settle(struct ids *ids)
{
	size_t n = 0;

	if (ids->n == 0)
		return;
	qsort(ids->list, ids->n, sizeof(*ids->list), compare);
	for (size_t i = 0; i < ids->n; i++)
		if (i == 0 || ids->list[i] != ids->list[n - 1])
			ids->list[n++] = ids->list[i];
	ids->n = n;
}

int
ids_take(struct ids *ids, struct span bytes)
{
	uint64_t id;

	for (; bytes.len >= sizeof(id); bytes = span_tail(bytes, sizeof(id))) {
		int r;

		memcpy(&id, bytes.p, sizeof(id));
		r = add(ids, id);
		if (r < 0)
			return r;
	}
	return bytes.len == 0 ? 0 : E_SYNTAX;
}

void
ids_free(struct ids *ids)
{
	mem_free(ids->list);
	*ids = (struct ids){ .n = 0 };
}

void
select_args(struct select *s, struct arg args[SELECT_ARGS])
{
	const struct arg all[SELECT_ARGS] = {
		{ "--sender", NULL, &s->sender },
		{ "--recipient", NULL, &s->recipient },
		{ "--domain", NULL, &s->domain },
		{ "--older", NULL, &s->older },
		{ "--newer", NULL, &s->newer },
		{ "--held", &s->is_held, NULL },
		{ "--all", &s->is_all, NULL },
		{ NULL, NULL, NULL },
	};

	memcpy(args, all, sizeof(all));
}

static int64_t
read_age(const char *verb, const char *text, int64_t otherwise)
{
	int64_t age = otherwise;

	if (text != NULL && when_span(span_cstr(text), &age) < 0)
		say_die(EX_HARD,
		    PARTS(verb, ": no age: ", text,
			"; 90 is seconds, 30m, 12h and 5d are what they say"),
		    0);
	return age;
}

void
select_read(struct select *s, const char *verb, char *const *operands)
{
	uint64_t id;

	s->min_age = read_age(verb, s->older, 0);
	s->max_age = read_age(verb, s->newer, INT64_MAX);
	for (; *operands != NULL; operands++) {
		if (num_parse(span_cstr(*operands), UINT64_MAX, &id) < 0)
			say_die(EX_HARD,
			    PARTS(verb, ": no ID of a message: ", *operands),
			    0);
		must_add(&s->named, id);
	}
	settle(&s->named);
}

bool
select_is_any(const struct select *s)
{
	return s->named.n > 0 || s->sender != NULL || s->recipient != NULL ||
	       s->domain != NULL || s->older != NULL || s->newer != NULL ||
	       s->is_held || s->is_all;
}

static bool
is_like(const char *pattern, struct span text)
{
	return pattern == NULL || glob_match(span_cstr(pattern), text);
}

static bool
match_address(const struct select *s, struct span addr)
{
	struct span local, domain;

	if (!address_split(addr, &local, &domain))
		domain = SPAN("");
	return is_like(s->recipient, addr) && is_like(s->domain, domain);
}

/* One recipient that is left must fit all that is said of recipients. */
static bool
match_recipients(
    const struct select *s, struct reader *r, const struct message *m)
{
	struct span rest = m->env.rcpts, addr;

	if (s->recipient == NULL && s->domain == NULL)
		return true;
	for (uint32_t i = 0; envelope_rcpt(&rest, &addr); i++)
		if (!note_is_done(&m->note, i) &&
		    (match_address(s, addr) ||
			match_address(s, reader_way(r, m, addr).addr)))
			return true;
	return false;
}

bool
select_match(const struct select *s, struct reader *r, const struct message *m)
{
	int64_t age = r->now - envelope_birth(m->env.id);

	return age >= s->min_age && age <= s->max_age &&
	       (!s->is_held || m->note.is_held) &&
	       is_like(s->sender, m->env.sender) && match_recipients(s, r, m);
}

struct search {
	struct select *select;
	struct reader *reader;
	struct ids *found;
};

/* What kept it from being looked at. */
static int
look_at(struct search *q, uint64_t id)
{
	struct message m;
	int code = reader_load(q->reader, id, &m);

	if (code < 0 && code != E_ABSENT)
		q->select->code = EX_SOFT;
	if (code < 0)
		return code;
	if (select_match(q->select, q->reader, &m))
		must_add(q->found, id);
	message_free(&m);
	return 0;
}

static bool
look_at_next(void *ctx, uint64_t id, bool has_note)
{
	(void)has_note;
	/* what has gone since it was listed is of no interest */
	err_ignore(look_at(ctx, id));
	return true;
}

static void
look_at_named(struct search *q)
{
	struct select *s = q->select;
	char number[NUMBER_MAX];

	for (size_t i = 0; i < s->named.n; i++) {
		if (look_at(q, s->named.list[i]) != E_ABSENT)
			continue;
		say_warn(PARTS(
		    say_number(s->named.list[i], number), ": no such message"));
		if (s->code == 0)
			s->code = EX_HARD;
	}
}

void
select_find(struct select *s, struct reader *r, struct ids *out)
{
	struct search q = { .select = s, .reader = r, .found = out };
	int code;

	*out = (struct ids){ .n = 0 };
	if (s->named.n > 0) {
		look_at_named(&q);
		return;
	}
	code = store_each(r->store, look_at_next, &q);
	if (code < 0)
		prog_die(EX_SOFT, "unable to list the queue", code);
	settle(out);
}

void
select_free(struct select *s)
{
	ids_free(&s->named);
}

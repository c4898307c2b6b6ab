/*
 * discover - how qmail-send comes to know of messages: see send.h
 *
 * The trigger is only a hint: whoever may write to it can make us look for
 * a message, not make us believe in one. What it lost, a scan finds.
 */
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "schedule.h"
#include "send.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/log.h"

enum {
	TRIGGER_PIECE = 64 * 1024, /* what a FIFO holds */
	TRIGGER_LOST = 48 * 1024,  /* so much at once: some may be lost */
	ID_DIGITS = 20,
	SCAN_MS = 1500 * 1000, /* contract queue.md 2.6 */
	STEP_MS = 20,          /* of one turn, for new messages */
	STEP_BUSY_MS = 2,      /* for old ones, while mail is delivered */
	VERIFY_PIECE = 1024 * 1024,
	FIRST_FOUND = 1024
};

/* A message that may be new. */
static void
hear(struct send *s, uint64_t id, bool has_note)
{
	uint32_t slot;

	if (table_find(s->table, id) != TABLE_NONE)
		return;
	if (table_add(s->table, id, &slot) < 0) {
		s->must_scan = true; /* later, when there is memory */
		return;
	}
	table_at(s->table, slot)->has_note = has_note;
	list_push(s->table, has_note ? &s->old : &s->fresh, slot);
}

/* --- the trigger --- */

void
discover_prepare(struct send *s)
{
	bool has_work = s->verify.a != NULL ||
			s->fresh.n + s->old.n + s->big.n > 0 || s->must_scan ||
			s->scan_part < STORE_SPLIT;

	s->trigger_handle = wait_in(&s->wait, s->is_stopping ? -1 : s->trigger);
	if (!s->is_stopping)
		wait_until(&s->wait, has_work ? clock_ms() : s->scan_at);
}

static void
hear_lines(struct send *s)
{
	struct span rest = buf_span(&s->heard), line;
	uint64_t id;

	for (;;) {
		size_t lf = span_find(rest, '\n');

		if (lf == rest.len)
			break;
		line = span_head(rest, lf);
		rest = span_tail(rest, lf + 1);
		if (num_parse(line, UINT64_MAX, &id) == 0)
			hear(s, id, false);
	}
	/* what is no line by now is no ID */
	buf_drop(&s->heard,
	    rest.len > ID_DIGITS ? s->heard.len : s->heard.len - rest.len);
}

/* --- the scan --- */

struct found {
	uint64_t id;
	bool has_note;
};

struct scan {
	struct send *s;
	struct found *found;
	size_t n, cap;
	bool is_short; /* of memory */
};

static bool
find_message(void *ctx, uint64_t id, bool has_note)
{
	struct scan *k = ctx;

	if (table_find(k->s->table, id) != TABLE_NONE)
		return true;
	if (k->n == k->cap) {
		size_t cap = k->cap == 0 ? FIRST_FOUND : k->cap * 2;
		struct found *bigger =
		    mem_resize(k->found, cap, sizeof(*bigger));

		if (bigger == NULL) {
			k->is_short = true;
			return false;
		}
		k->found = bigger;
		k->cap = cap;
	}
	k->found[k->n++] = (struct found){ id, has_note };
	return true;
}

static int
by_age(const void *p, const void *q)
{
	const struct found *a = p, *b = q;

	return a->id < b->id ? -1 : a->id > b->id;
}

/* Note what was found. The directory has no order worth keeping: oldest
 * first. */
static void
hear_found(struct send *s, struct scan *k, int r)
{
	if (r < 0 || k->is_short) {
		journal_say(&s->journal,
		    "warning: trouble reading queue/todo; will try again later");
		s->scan_at = clock_ms() + SCHEDULE_TROUBLE_MS;
	}
	if (k->n > 0)
		qsort(k->found, k->n, sizeof(*k->found), by_age);
	for (size_t i = 0; i < k->n; i++)
		hear(s, k->found[i].id, k->found[i].has_note);
	mem_free(k->found);
}

void
discover_scan(struct send *s)
{
	struct scan k = { .s = s };

	s->must_scan = false;
	s->scan_part = STORE_SPLIT;
	s->scan_at = clock_ms() + SCAN_MS;
	hear_found(s, &k, store_each(s->store, find_message, &k));
}

/* Go on with a look at the queue, or begin one if it is time: a part in
 * each turn, since there may be millions. */
static void
scan_some(struct send *s)
{
	struct scan k = { .s = s };

	if (s->must_scan) {
		/* whatever came in meanwhile may be in a part that is over */
		s->must_scan = false;
		s->scan_part = 0;
		s->scan_at = clock_ms() + SCAN_MS;
	}
	if (s->scan_part >= STORE_SPLIT)
		return;
	hear_found(
	    s, &k, store_each_part(s->store, s->scan_part++, find_message, &k));
}

void
discover_ready(struct send *s)
{
	char *p;
	ssize_t n;

	if (wait_ready(&s->wait, s->trigger_handle)) {
		p = buf_room(&s->heard, TRIGGER_PIECE);
		n = p == NULL ? 0 : read(s->trigger, p, TRIGGER_PIECE);
		if (n > 0) {
			buf_grew(&s->heard, (size_t)n);
			hear_lines(s);
		}
		if (p == NULL || n >= TRIGGER_LOST)
			s->must_scan = true;
		if (p == NULL)
			buf_reset(&s->heard);
	}
	if (clock_ms() >= s->scan_at)
		s->must_scan = true;
	if (!s->is_stopping)
		scan_some(s);
}

/* --- looking at messages --- */

void
discover_announce(struct send *s, const struct active *a)
{
	struct entry *e = table_at(s->table, a->slot);
	struct buf *b;

	/* one with a note was announced before we were started */
	if (e->is_announced || e->has_note)
		return;
	e->is_announced = true;
	journal_say_id(&s->journal, "new msg ", a->id, "");
	b = journal_begin(&s->journal);
	buf_puts(b, "info msg ");
	buf_putu(b, a->id);
	buf_puts(b, ": bytes ");
	buf_putu(b, a->env.size);
	buf_puts(b, " from <");
	log_safe(b, a->env.sender);
	buf_puts(b, "> qp ");
	buf_putu(b, a->env.pid);
	buf_puts(b, " uid ");
	buf_putu(b, a->env.uid);
	journal_end(&s->journal);
}

/* It may be delivered: now, or when its time comes. */
static void
release(struct send *s, struct active *a)
{
	message_place(s, a);
	a->is_held = true;
	deliver_start(s);
	a->is_held = false;
	message_settle(s, a);
}

static void
look(struct send *s, uint32_t slot)
{
	struct active *a = message_load(s, slot);
	int r;

	if (a == NULL)
		return;
	discover_announce(s, a);
	if (table_at(s->table, slot)->want != WANT_NOTHING) {
		message_settle(s, a);
		return;
	}
	r = message_verify(s, a);
	if (r == 0) {
		release(s, a);
	} else if (r == E_BUSY) {
		message_unload(s, a);
		list_push(s->table, &s->big, slot);
	}
}

/* A message with a note: when is it due? Its envelope can wait. */
static void
look_at_note(struct send *s, uint32_t slot)
{
	bool must_hurry = s->hurry_old > 0;
	struct entry *e = table_at(s->table, slot);
	struct note n;

	if (must_hurry)
		s->hurry_old--;
	note_init(&n, e->id, 0);
	if (e->want == WANT_NOTHING && store_note_read(s->store, &n) == 0 &&
	    (n.next[CHANNEL_LOCAL] != 0 || n.next[CHANNEL_REMOTE] != 0)) {
		e->stage = STAGE_WAITING;
		e->is_held = n.is_held;
		e->is_warned = n.is_warned;
		for (enum channel c = CHANNEL_LOCAL; c < CHANNELS; c++)
			if (n.next[c] != 0 && !n.is_held)
				heap_put(s->table, (enum heap)c, slot,
				    must_hurry && n.next[c] > s->now
					? s->now
					: n.next[c]);
	} else {
		look(s, slot); /* it is over, or there is trouble */
	}
	note_free(&n);
}

/* Begin to verify the next large message. */
static void
open_big(struct send *s)
{
	struct verify *v = &s->verify;
	uint32_t slot = list_pop(s->table, &s->big);
	struct active *a;
	uint64_t size;
	int r;

	if (slot == TABLE_NONE)
		return;
	a = message_load(s, slot);
	if (a == NULL)
		return;
	if (table_at(s->table, slot)->want != WANT_NOTHING) {
		message_settle(s, a);
		return;
	}
	r = store_message(s->store, a->id, &v->fd, &size);
	if (r < 0) {
		message_unverified(s, a, r);
		return;
	}
	a->is_held = true;
	v->a = a;
	v->at = 0;
}

static void
verify_big(struct send *s)
{
	struct verify *v = &s->verify;
	struct active *a;
	int r;

	if (v->a == NULL)
		open_big(s);
	if (v->a == NULL)
		return;
	a = v->a;
	r = store_verify(
	    s->store, &a->env, v->fd, &v->at, v->hash, VERIFY_PIECE);
	if (r == E_BUSY)
		return;
	fd_close(&v->fd);
	v->a = NULL;
	a->is_held = false;
	if (r < 0) {
		(void)hash_end(v->hash);
		message_unverified(s, a, r);
		return;
	}
	table_at(s->table, a->slot)->is_verified = true;
	release(s, a);
}

/* How long one turn may look at old messages, of which there may be millions
 * after a start: new mail is not to wait for them. */
static int64_t
old_step(const struct send *s)
{
	for (size_t c = 0; c < CHANNELS; c++)
		if (s->spawners[c].running > 0)
			return STEP_BUSY_MS;
	return STEP_MS;
}

void
discover_step(struct send *s)
{
	int64_t begun = clock_ms();
	uint32_t slot;

	if (s->is_stopping)
		return;
	verify_big(s);
	do {
		slot = list_pop(s->table, &s->fresh);
		if (slot != TABLE_NONE)
			look(s, slot);
	} while (slot != TABLE_NONE && clock_ms() < begun + STEP_MS);
	if (slot != TABLE_NONE)
		return;
	begun = clock_ms();
	do {
		slot = list_pop(s->table, &s->old);
		if (slot != TABLE_NONE)
			look_at_note(s, slot);
	} while (slot != TABLE_NONE && clock_ms() < begun + old_step(s));
}

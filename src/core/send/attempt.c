/*
 * attempt - a pass over the recipients of a message on one channel: see
 * send.h
 */
#include "base/err.h"
#include "schedule.h"
#include "send.h"

enum {
	MANY_MAX = 1000, /* loaded messages with several destinations */
	MANY_WAIT = 60   /* seconds until a further one is looked at again */
};

/* Whether the operator wants no more of a message to be delivered. */
bool
attempt_must_stop(const struct send *s, const struct active *a)
{
	const struct entry *e = table_at(s->table, a->slot);

	return e->is_held || e->want != WANT_NOTHING;
}

/* The attempt is over, or cut off when s is stopping. */
static void
end_pass(struct send *s, struct active *a, enum channel c)
{
	struct pass *p = &a->pass[c];
	bool is_whole = p->open == 0 && !p->is_cut;

	p->is_on = p->is_cut = false;
	p->open = 0;
	if (p->ngroups > 1)
		s->nmany--;
	if (p->was_issued)
		a->note.attempts++;
	if (a->pending[c] > 0) {
		heap_put(s->table, (enum heap)c, a->slot,
		    is_whole ? p->next : p->began);
		if (attempt_must_stop(s, a))
			heap_drop(s->table, (enum heap)c, a->slot);
		/* a failure is logged, and the message is in the heap */
		(void)message_note(s, a, true);
		bounce_warn(s, a);
	}
	message_settle(s, a);
}

/* End the attempt if nothing more will come of it. */
void
attempt_check(struct send *s, struct active *a, enum channel c)
{
	const struct pass *p = &a->pass[c];

	if (p->is_on && p->jobs == 0 && p->open == 0)
		end_pass(s, a, c);
}

/* What to say of a destination that is left alone. */
static struct span
reason(const struct dest *d)
{
	if (d->why_len == 0)
		return SPAN("Sorry, I wasn't able to establish an SMTP "
			    "connection. (#4.4.1)\n");
	return (struct span){ d->why, d->why_len };
}

/*
 * The destination of g is left alone. Its recipients are not tried in this
 * attempt; if it is the last one, they fail for what is known already.
 */
void
attempt_pass_over(struct send *s, const struct group *g, enum channel c)
{
	struct active *a = g->a;
	const struct pass *p = &a->pass[c];
	struct span why = reason(dest_at(s->dests[c], g->dest));

	for (uint32_t i = g->from + g->issued; i < g->from + g->n; i++) {
		uint32_t index = p->order[i];
		const struct verdict v = { index, 'Z', why };

		if (p->is_last) {
			verdict_start(s, a, c, ++s->deliveries, index);
			verdict_judge(s, a, p, index, s->deliveries, &v);
			verdict_status(s);
		} else {
			note_set_why(&a->note, index, why);
		}
	}
	dest_release(s->dests[c], g->dest);
}

/* A group of a pass that begins: in line, or passed over. */
static void
open_group(struct send *s, struct group *g, enum channel c)
{
	if (dest_is_suspended(s->dests[c], g->dest)) {
		attempt_pass_over(s, g, c);
		return;
	}
	g->a->pass[c].open++;
	dest_join(s->dests[c], g);
}

/* Whether the pass, which has its groups, has to wait before it begins;
 * then its groups are released. */
static bool
must_wait(
    struct send *s, const struct active *a, enum channel c, bool was_first)
{
	const struct pass *p = &a->pass[c];
	uint32_t d = p->ngroups > 0 ? p->groups[0].dest : DEST_NONE;

	if (p->ngroups == 1 &&
	    (dest_is_suspended(s->dests[c], d)
		    ? !p->is_last
		    : !dest_may_start(s->dests[c], d, was_first))) {
		/* its time in the heap: to see whether it has expired */
		heap_put(s->table, (enum heap)c, a->slot, p->next);
		dest_stand(s->dests[c], d, a->slot);
	} else if (p->ngroups > 1 && s->nmany >= MANY_MAX) {
		heap_put(s->table, (enum heap)c, a->slot, s->now + MANY_WAIT);
	} else {
		return false;
	}
	for (uint32_t i = 0; i < p->ngroups; i++)
		dest_release(s->dests[c], p->groups[i].dest);
	return true;
}

/* Line up a pass, and decide by the clock what it is. E_NOMEM. */
static int
plan_pass(struct send *s, struct active *a, enum channel c)
{
	struct pass *p = &a->pass[c];
	int64_t birth = envelope_birth(a->id);

	p->was_issued = false;
	p->jobs = p->open = 0;
	p->began = s->now;
	p->next = schedule_next(&s->controls.schedule, c, birth, s->now);
	p->is_last = schedule_is_last(birth, s->now, s->controls.lifetime);
	return active_order(a, c, &s->ways, s->dests[c]);
}

/* Start an attempt at what is due, or was first in a line. */
void
attempt_begin(struct send *s, uint32_t slot, enum channel c, bool was_first)
{
	struct active *a;
	struct pass *p;
	int r;

	if (table_at(s->table, slot)->active == NULL)
		s->loads--;
	a = message_load(s, slot);
	if (a == NULL)
		return;
	r = message_verify(s, a);
	if (r == E_BUSY) {
		message_leave(s, slot);
		message_unload(s, a);
		/* in a list, and so not to be dropped by anybody else */
		table_at(s->table, slot)->stage = STAGE_FRESH;
		list_push(s->table, &s->big, slot);
	}
	if (r < 0)
		return;
	/* locals may have changed since it was put here */
	message_place(s, a);
	heap_drop(s->table, (enum heap)c, slot);
	if (a->pending[c] == 0 || table_at(s->table, slot)->is_held) {
		message_settle(s, a);
		return;
	}
	if (plan_pass(s, a, c) < 0) {
		heap_put(
		    s->table, (enum heap)c, slot, s->now + SCHEDULE_TROUBLE);
		message_settle(s, a);
		return;
	}
	if (must_wait(s, a, c, was_first)) {
		message_settle(s, a);
		return;
	}
	p = &a->pass[c];
	p->is_on = true;
	if (p->ngroups > 1)
		s->nmany++;
	for (uint32_t i = 0; i < p->ngroups; i++)
		open_group(s, &p->groups[i], c);
	attempt_check(s, a, c);
}

/* What is known of those who wait in line at p, as far as nothing else is. */
static void
tell_reason(struct active *a, enum channel c, const struct dest *p)
{
	struct span why;

	for (uint32_t i = 0; i < a->env.nrcpt; i++)
		if (!a->rcpts[i].is_done && a->rcpts[i].channel == c &&
		    !note_why(&a->note, i, &why))
			note_set_why(&a->note, i, reason(p));
}

/* The first of those whose time has come. */
void
attempt_begin_due(struct send *s, uint32_t slot, enum channel c)
{
	struct entry *e = table_at(s->table, slot);
	uint32_t d = e->dest[c];
	int64_t birth = envelope_birth(e->id);

	if (d == DEST_NONE) {
		attempt_begin(s, slot, c, false);
		return;
	}
	/* it is in line already: has it waited for too long? */
	if (dest_is_suspended(s->dests[c], d) &&
	    schedule_is_last(birth, s->now, s->controls.lifetime)) {
		dest_leave(s->dests[c], slot);
		attempt_begin(s, slot, c, false);
		return;
	}
	heap_put(s->table, (enum heap)c, slot,
	    schedule_next(&s->controls.schedule, c, birth, s->now));
	if (bounce_must_warn(s, e)) {
		struct active *a = message_load(s, slot);

		if (a == NULL)
			return;
		if (dest_is_suspended(s->dests[c], d))
			tell_reason(a, c, dest_at(s->dests[c], d));
		bounce_warn(s, a);
		message_settle(s, a);
	}
}

/* A group that has left its line: the attempt does without it. */
static void
cut(struct send *s, const struct group *g, enum channel c)
{
	struct pass *p = &g->a->pass[c];

	dest_release(s->dests[c], g->dest);
	p->open--;
	p->is_cut = true;
}

void
attempt_cut_off(struct send *s, const struct group *g, enum channel c)
{
	cut(s, g, c);
	attempt_check(s, g->a, c);
}

void
attempt_withdraw(struct send *s, struct active *a)
{
	bool was_held = a->is_held;

	a->is_held = true; /* the end of an attempt would let it go */
	for (enum channel c = CHANNEL_LOCAL; c < CHANNELS; c++) {
		struct pass *p = &a->pass[c];

		for (uint32_t i = 0; p->is_on && i < p->ngroups; i++) {
			if (!p->groups[i].is_in_line)
				continue;
			dest_quit(s->dests[c], &p->groups[i]);
			cut(s, &p->groups[i], c);
		}
		attempt_check(s, a, c);
	}
	a->is_held = was_held;
}

void
attempt_stop(struct send *s)
{
	struct active *next;

	for (struct active *a = s->actives; a != NULL; a = next) {
		next = a->next;
		if (!active_is_busy(a))
			continue;
		attempt_withdraw(s, a);
		message_settle(s, a);
	}
}

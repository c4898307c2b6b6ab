/*
 * operate - what the operator asks of one message: see send.h
 *
 * Everything is logged when it is asked for. What cannot be done while a
 * delivery is under way is remembered in the table and done when that has
 * ended.
 */
#include "base/err.h"
#include "send.h"
#include "text.h"

enum { KEY_MAX = 128 * 1024 }; /* lines of smtproutes are bounded */

static const char unknown[] = "error no such message";
static const char ended[] = "error the message has ended";
static const char damaged[] = "error the message is damaged";
static const char unreadable[] = "error unable to read the message";
static const char unwritable[] = "error unable to write its note";
static const char ok[] = "ok";

static void
log_deed(struct send *s, const char *deed, uint64_t id, uint64_t uid)
{
	struct buf *b = journal_begin(&s->journal);

	buf_puts(b, deed);
	buf_puts(b, " msg ");
	buf_putu(b, id);
	buf_puts(b, " by uid ");
	buf_putu(b, uid);
	journal_end(&s->journal);
}

/* Load a message that something may be done with. NULL, and *why not. */
static struct active *
find(struct send *s, uint64_t id, const char **why)
{
	uint32_t slot = table_find(s->table, id);
	struct active *a;

	*why = unknown;
	if (slot == TABLE_NONE)
		return NULL;
	*why = ended;
	if (table_at(s->table, slot)->stage == STAGE_CLEAN)
		return NULL;
	*why = damaged;
	if (table_at(s->table, slot)->stage == STAGE_ASIDE)
		return NULL;
	*why = unreadable;
	a = message_load(s, slot);
	if (a != NULL && table_at(s->table, slot)->stage == STAGE_FRESH)
		discover_announce(s, a);
	return a;
}

/* Unload it, unless it was loaded for something else. */
static void
let_go(struct send *s, struct active *a)
{
	const struct entry *e = table_at(s->table, a->slot);

	/* those in a list are unloaded when their turn has come */
	if (e->stage == STAGE_FRESH && !a->is_held)
		message_unload(s, a);
	else
		message_settle(s, a);
}

const char *
operate_hold(struct send *s, uint64_t id, uint64_t uid)
{
	const char *why;
	struct active *a = find(s, id, &why);
	struct entry *e;

	if (a == NULL)
		return why;
	e = table_at(s->table, a->slot);
	if (e->stage == STAGE_FINISH) {
		let_go(s, a);
		return "error only its bounce is left";
	}
	e->is_held = a->note.is_held = true;
	attempt_withdraw(s, a);
	why = message_note(s, a, true) ? ok : unwritable;
	log_deed(s, "held", id, uid);
	if (e->stage == STAGE_WAITING)
		message_place(s, a);
	let_go(s, a);
	return why;
}

const char *
operate_release(struct send *s, uint64_t id, uint64_t uid)
{
	const char *why;
	struct active *a = find(s, id, &why);
	struct entry *e;

	if (a == NULL)
		return why;
	e = table_at(s->table, a->slot);
	if (!e->is_held) {
		let_go(s, a);
		return ok;
	}
	e->is_held = a->note.is_held = false;
	/* it is in no heap; now, whatever time it had before */
	for (size_t c = 0; c < CHANNELS; c++)
		e->due[c] = 0;
	why = message_note(s, a, true) ? ok : unwritable;
	log_deed(s, "released", id, uid);
	if (e->stage == STAGE_WAITING)
		message_place(s, a);
	let_go(s, a);
	return why;
}

/* The destinations of what is pending are no longer left alone. */
static void
pardon(struct send *s, const struct active *a)
{
	struct buf key = BUF_INIT(KEY_MAX);

	for (uint32_t i = 0; i < a->env.nrcpt; i++) {
		uint32_t d;

		if (a->rcpts[i].is_done ||
		    a->rcpts[i].channel != CHANNEL_REMOTE)
			continue;
		buf_reset(&key);
		ways_key(&s->ways, CHANNEL_REMOTE, active_addr(a, i),
		    a->env.sender, &key);
		if (buf_err(&key) < 0)
			continue;
		d = dest_find(s->dests[CHANNEL_REMOTE], buf_span(&key));
		if (d != DEST_NONE)
			dest_pardon(s->dests[CHANNEL_REMOTE], d);
	}
	buf_free(&key);
}

const char *
operate_flush(struct send *s, uint64_t id, uint64_t uid)
{
	const char *why;
	struct active *a = find(s, id, &why);
	struct entry *e;

	(void)uid;
	if (a == NULL)
		return why;
	e = table_at(s->table, a->slot);
	if (e->is_held) {
		let_go(s, a);
		return "error the message is held";
	}
	pardon(s, a);
	for (enum heap h = HEAP_LOCAL; h < HEAPS; h++)
		if (e->place[h] != 0)
			heap_put(s->table, h, a->slot, s->now);
	s->must_hurry = true;
	let_go(s, a);
	return ok;
}

/* Whether what is wanted has to wait, until whoever has the message now
 * lets go of it. */
static bool
is_in_use(const struct send *s, const struct active *a)
{
	const struct entry *e = table_at(s->table, a->slot);

	/* in a list, unless it waits for trouble to pass */
	return a->is_held || active_is_busy(a) ||
	       (e->stage != STAGE_WAITING && e->place[HEAP_AGAIN] == 0);
}

static const char *
end_message(struct send *s, struct active *a, enum want want)
{
	struct entry *e = table_at(s->table, a->slot);

	e->want = (unsigned char)want;
	attempt_withdraw(s, a);
	if (is_in_use(s, a)) {
		let_go(s, a);
		return "later";
	}
	if (e->stage == STAGE_FINISH)
		finish_message(s, a);
	else
		message_settle(s, a);
	return ok;
}

const char *
operate_delete(struct send *s, uint64_t id, uint64_t uid)
{
	const char *why;
	struct active *a = find(s, id, &why);

	if (a == NULL)
		return why;
	log_deed(s, "deleted", id, uid);
	return end_message(s, a, WANT_DELETE);
}

const char *
operate_bounce(struct send *s, uint64_t id, uint64_t uid)
{
	const char *why;
	struct active *a = find(s, id, &why);

	if (a == NULL)
		return why;
	if (table_at(s->table, a->slot)->stage == STAGE_FINISH) {
		let_go(s, a);
		return "error only its bounce is left";
	}
	log_deed(s, "returned", id, uid);
	return end_message(s, a, WANT_BOUNCE);
}

/* What the bounce says of a recipient whose message is returned. */
static void
put_returned(struct buf *b, const struct active *a, uint32_t index)
{
	struct span why;

	if (note_why(&a->note, index, &why)) {
		buf_put(b, why);
		buf_putc(b, '\n');
	}
	buf_puts(b, "I'm not going to try again; the administrator has "
		    "returned this message.\n");
}

void
operate_apply(struct send *s, struct active *a)
{
	struct entry *e = table_at(s->table, a->slot);
	struct buf text = BUF_INIT(NOTE_WHY_MAX + 256);
	bool is_all = true;

	if (e->want == WANT_DELETE)
		buf_reset(&a->note.bounce);
	for (uint32_t i = 0; i < a->env.nrcpt; i++) {
		if (a->rcpts[i].is_done)
			continue;
		if (e->want == WANT_BOUNCE) {
			buf_reset(&text);
			put_returned(&text, a, i);
			if (!verdict_failed(s, a, i,
				buf_err(&text) == 0 ? buf_span(&text)
						    : SPAN(""))) {
				is_all = false; /* the rest another time */
				continue;
			}
		}
		active_done(a, i);
	}
	if (is_all)
		e->want = WANT_NOTHING;
	e->is_held = false;
	buf_free(&text);
}

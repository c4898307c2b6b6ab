/*
 * message - loading, noting, unloading: see send.h
 */
#include "base/err.h"
#include "queue/hash.h"
#include "schedule.h"
#include "send.h"
#include "sys/clock.h"
#include "sys/fd.h"

enum {
	FILE_MAX = ENVELOPE_MAX + 8192,
	VERIFY_AT_ONCE = 1024 * 1024, /* bytes */
	NOTE_LARGE = 64 * 1024,       /* not to be written in every turn */
	NOTE_LARGE_MS = 1000
};

static struct active *
take_spare(struct send *s)
{
	struct active *a = s->spares;

	if (a == NULL)
		return active_new();
	s->spares = a->next;
	s->nspares--;
	a->next = NULL;
	return a;
}

static void
give_spare(struct send *s, struct active *a)
{
	active_reset(a);
	if (s->nspares == SPARES_MAX) {
		active_destroy(&a);
		return;
	}
	a->next = s->spares;
	s->spares = a;
	s->nspares++;
}

void
message_leave(struct send *s, uint32_t slot)
{
	for (enum heap h = HEAP_LOCAL; h < HEAPS; h++)
		heap_drop(s->table, h, slot);
	for (size_t c = 0; c < CHANNELS; c++)
		dest_leave(s->dests[c], slot);
}

void
message_forget(struct send *s, uint32_t slot)
{
	message_leave(s, slot);
	table_drop(s->table, slot);
}

void
message_again(struct send *s, uint32_t slot, enum stage stage)
{
	message_leave(s, slot);
	table_at(s->table, slot)->stage = (unsigned char)stage;
	heap_put(s->table, HEAP_AGAIN, slot, s->now + SCHEDULE_TROUBLE);
}

void
message_damaged(struct send *s, uint32_t slot, const char *why)
{
	struct entry *e = table_at(s->table, slot);

	message_leave(s, slot);
	e->stage = STAGE_ASIDE;
	/* it says what was delivered already: it goes along */
	if (e->has_note)
		err_ignore(store_note_quarantine(s->store, e->id));
	/* nobody would answer, and nobody ask again */
	if (cleaner_ask(&s->cleaner, CLEAN_QUAR, e->id, why) < 0)
		message_again(s, slot, STAGE_FRESH);
}

static void
load_failed(struct send *s, uint32_t slot, int r)
{
	const struct entry *e = table_at(s->table, slot);
	enum stage stage = (enum stage)e->stage;

	if (r == E_ABSENT) {
		message_forget(s, slot);
		return;
	}
	if (r == E_DAMAGED) {
		message_damaged(s, slot, "the envelope does not fit its seal");
		return;
	}
	journal_say_file(&s->journal, "warning: trouble opening ", "todo",
	    e->id, "; will try again later");
	/* what is over must not be delivered again */
	message_again(s, slot, stage == STAGE_WAITING ? STAGE_FRESH : stage);
}

/* The note is damaged. One that stays has to be removed with its message. */
static void
set_note_aside(struct send *s, struct entry *e)
{
	e->has_note = store_note_quarantine(s->store, e->id) < 0;
	journal_say_file(&s->journal, "warning: damaged ", "info", e->id,
	    e->has_note ? " could not be set aside; delivery begins anew"
			: " set aside; delivery begins anew");
}

struct active *
message_load(struct send *s, uint32_t slot)
{
	struct entry *e = table_at(s->table, slot);
	struct active *a = e->active;
	bool bad_note = false;
	int r = E_NOMEM;

	if (a != NULL)
		return a;
	a = take_spare(s);
	if (a != NULL)
		r = active_load(a, e->id, s->store, s->controls.routes,
		    &e->has_note, &bad_note);
	if (bad_note)
		set_note_aside(s, e);
	if (r < 0) {
		if (a != NULL)
			give_spare(s, a);
		load_failed(s, slot, r);
		return NULL;
	}
	a->slot = slot;
	a->next = s->actives;
	if (s->actives != NULL)
		s->actives->prev = a;
	s->actives = a;
	e->active = a;
	e->is_held = e->is_held || a->note.is_held;
	e->is_warned = e->is_warned || a->note.is_warned;
	return a;
}

void
message_unload(struct send *s, struct active *a)
{
	table_at(s->table, a->slot)->active = NULL;
	if (a->prev != NULL)
		a->prev->next = a->next;
	else
		s->actives = a->next;
	if (a->next != NULL)
		a->next->prev = a->prev;
	give_spare(s, a);
}

/* When the note says the channel is to be tried next; 0: nothing to do. */
static int64_t
next_attempt(const struct send *s, const struct active *a, enum channel c)
{
	int64_t due;

	if (a->pending[c] == 0)
		return 0;
	/* an attempt that is cut off is made again */
	if (a->pass[c].is_on)
		return a->pass[c].began;
	due = table_at(s->table, a->slot)->due[c];
	return due > 0 ? due : s->now;
}

bool
message_note(struct send *s, struct active *a, bool must_sync)
{
	size_t size = a->note.done.len * 2 + a->note.bounce.len;
	int64_t now = clock_ms();
	int r = buf_err(&a->note.done);

	for (enum channel c = CHANNEL_LOCAL; c < CHANNELS; c++)
		a->note.next[c] = next_attempt(s, a, c);
	if (r == 0)
		r = store_note_write(s->store, &a->note);
	if (r < 0) {
		journal_say_file(&s->journal, "warning: trouble writing to ",
		    "info", a->id, "; will try again later");
		a->note_at = now + SCHEDULE_TROUBLE_MS;
		return false;
	}
	a->note_at = size > NOTE_LARGE ? now + NOTE_LARGE_MS : 0;
	a->is_dirty = false;
	table_at(s->table, a->slot)->has_note = true;
	if (must_sync)
		err_ignore(cleaner_ask(&s->cleaner, CLEAN_SYNC, a->id, NULL));
	return true;
}

void
message_settle(struct send *s, struct active *a)
{
	const struct entry *e = table_at(s->table, a->slot);

	if (a->is_held || active_is_busy(a) || e->stage == STAGE_FINISH)
		return;
	if (e->want != WANT_NOTHING)
		operate_apply(s, a);
	if (active_is_over(a)) {
		finish_message(s, a);
		return;
	}
	/* what was delivered must not be forgotten: rather stay loaded */
	if (a->is_dirty &&
	    (a->note_at > clock_ms() || !message_note(s, a, true))) {
		s->any_dirty = true;
		return;
	}
	message_unload(s, a);
}

void
message_note_all(struct send *s)
{
	struct active *next;
	int64_t now;

	if (!s->any_dirty)
		return;
	s->any_dirty = false;
	now = clock_ms();
	for (struct active *a = s->actives; a != NULL; a = next) {
		next = a->next;
		/* of one recipient only this delivery could be repeated */
		if (!a->is_dirty || a->env.nrcpt == 1)
			continue;
		if (a->note_at > now || !message_note(s, a, false)) {
			s->any_dirty = true;
			wait_until(&s->wait, a->note_at);
			continue;
		}
		message_settle(s, a);
	}
}

void
message_place(struct send *s, const struct active *a)
{
	struct entry *e = table_at(s->table, a->slot);

	e->stage = STAGE_WAITING;
	for (enum channel c = CHANNEL_LOCAL; c < CHANNELS; c++) {
		enum heap h = (enum heap)c;
		int64_t due = a->note.next[c];

		if (a->pending[c] == 0 || e->is_held) {
			heap_drop(s->table, h, a->slot);
			dest_leave(s->dests[c], a->slot);
		}
		if (a->pending[c] == 0 || e->is_held || a->pass[c].is_on ||
		    e->place[h] != 0)
			continue;
		if (e->due[h] != 0)
			due = e->due[h];
		heap_put(s->table, h, a->slot, due != 0 ? due : s->now);
	}
}

/* There is no message. Nor an envelope any more: then all is well. */
static void
missing(struct send *s, uint32_t slot)
{
	struct buf file = BUF_INIT(FILE_MAX);
	struct envelope e;

	if (store_envelope(s->store, table_at(s->table, slot)->id, &file, &e) ==
	    E_ABSENT)
		message_forget(s, slot);
	else
		message_damaged(s, slot, "the message is missing");
	buf_free(&file);
}

void
message_unverified(struct send *s, struct active *a, int r)
{
	uint32_t slot = a->slot;
	uint64_t id = a->id;

	message_unload(s, a);
	if (r == E_ABSENT) {
		missing(s, slot);
	} else if (r == E_DAMAGED) {
		message_damaged(
		    s, slot, "the message does not fit its checksum");
	} else {
		journal_say_file(&s->journal, "warning: trouble opening ",
		    "mess", id, "; will try again later");
		message_again(s, slot, STAGE_FRESH);
	}
}

int
message_verify(struct send *s, struct active *a)
{
	uint32_t slot = a->slot;
	uint64_t size = 0, at = 0;
	int fd = -1;
	int r;

	if (table_at(s->table, slot)->is_verified)
		return 0;
	r = store_message(s->store, a->id, &fd, &size);
	if (r == 0 && size != a->env.size)
		r = E_DAMAGED;
	if (r == 0 && size > VERIFY_AT_ONCE)
		r = E_BUSY;
	if (r == 0) {
		r = store_verify(s->store, &a->env, fd, &at, s->hash, 0);
		if (r < 0)
			(void)hash_end(s->hash);
	}
	fd_close(&fd);
	if (r == 0)
		table_at(s->table, slot)->is_verified = true;
	if (r == 0 || r == E_BUSY)
		return r;
	message_unverified(s, a, r);
	return r;
}

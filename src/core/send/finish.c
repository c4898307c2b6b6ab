/*
 * finish - the end of a message: see send.h
 */
#include "base/err.h"
#include "send.h"

void
finish_message(struct send *s, struct active *a)
{
	uint32_t slot = a->slot;

	message_leave(s, slot);
	table_at(s->table, slot)->stage = STAGE_FINISH;
	if (table_at(s->table, slot)->want != WANT_NOTHING)
		operate_apply(s, a);
	if (a->note.bounce.len == 0 || !bounce_start(s, a))
		finish_end(s, a);
}

void
finish_end(struct send *s, struct active *a)
{
	uint32_t slot = a->slot;

	journal_say_id(&s->journal, "end msg ", a->id, "");
	message_unload(s, a);
	finish_clean(s, slot);
}

static void
log_trouble(struct send *s, const struct request *q)
{
	struct buf *b = journal_begin(&s->journal);

	buf_puts(b, "warning: qmail-clean unable to clean up ");
	buf_puts(b, cleaner_word(q->verb));
	buf_putc(b, '/');
	buf_putu(b, q->id);
	journal_end(&s->journal);
}

static void
log_aside(struct send *s, const struct request *q, bool is_done)
{
	struct buf *b = journal_begin(&s->journal);

	buf_puts(b, "alert: message ");
	buf_putu(b, q->id);
	buf_puts(b, " damaged: ");
	buf_puts(b, q->reason);
	buf_puts(b, is_done ? "; moved to queue/quarantine"
			    : "; unable to move it to queue/quarantine");
	journal_end(&s->journal);
}

/* The envelope is gone: now the note, then the message. */
static void
drop_note(struct send *s, uint32_t slot)
{
	struct entry *e = table_at(s->table, slot);

	if (store_note_drop(s->store, e->id) < 0) {
		journal_say_file(&s->journal, "warning: unable to unlink ",
		    "info", e->id, "; will try again later");
		message_again(s, slot, STAGE_CLEAN);
		return;
	}
	e->has_note = false;
	if (cleaner_ask(&s->cleaner, CLEAN_MESS, e->id, NULL) < 0)
		message_again(s, slot, STAGE_CLEAN);
}

/*
 * It could not be removed. It must not be delivered again, not even by the
 * next qmail-send: so there has to be a note.
 */
static void
remember(struct send *s, uint32_t slot)
{
	struct active *a;

	message_again(s, slot, STAGE_CLEAN);
	a = message_load(s, slot);
	if (a == NULL)
		return; /* its envelope is gone: that is enough */
	for (uint32_t i = 0; i < a->env.nrcpt; i++)
		active_done(a, i);
	(void)message_note(s, a, true); /* which logs its failure */
	message_unload(s, a);
}

void
finish_clean(struct send *s, uint32_t slot)
{
	struct entry *e = table_at(s->table, slot);

	message_leave(s, slot);
	e->stage = STAGE_CLEAN;
	/* the note goes after the envelope: else its recipients would get
	 * the message again */
	if (cleaner_ask(&s->cleaner, e->has_note ? CLEAN_TODO : CLEAN_FOOP,
		e->id, NULL) < 0)
		remember(s, slot);
}

void
finish_answer(void *ctx, const struct request *q, char answer)
{
	struct send *s = ctx;
	uint32_t slot = table_find(s->table, q->id);
	bool is_done = answer == '+';

	if (q->verb == CLEAN_QUAR) {
		log_aside(s, q, is_done);
		/* else it stays known, so that it is not found again */
		if (is_done && slot != TABLE_NONE)
			message_forget(s, slot);
		return;
	}
	if (!is_done)
		log_trouble(s, q);
	if (q->verb == CLEAN_SYNC || slot == TABLE_NONE)
		return;
	if (!is_done)
		remember(s, slot);
	else if (q->verb == CLEAN_TODO)
		drop_note(s, slot);
	else
		message_forget(s, slot);
}

void
finish_unanswered(struct send *s)
{
	struct cleaner *c = &s->cleaner;

	for (; c->n > 0; c->n--) {
		const struct request *q = &c->asked[c->first];
		uint32_t slot = table_find(s->table, q->id);

		if ((q->verb == CLEAN_FOOP || q->verb == CLEAN_TODO) &&
		    slot != TABLE_NONE)
			remember(s, slot);
		c->first = (c->first + 1) & (c->cap - 1);
	}
}

/*
 * deliver - attempts, jobs and verdicts: see send.h
 */
#include "base/err.h"
#include "schedule.h"
#include "send.h"
#include "sys/log.h"
#include "text.h"

enum {
	LOADS_MAX = 256, /* messages loaded in one turn of the loop */
	SENDER_MAX = 4 * ADDRESS_MAX + 65536,
	BOUNCE_FULL = 16 * 1024 * 1024, /* then reports are left out */
	PARAGRAPH_MAX = 256 * 1024
};

static const char *const places[CHANNELS] = {
	[CHANNEL_LOCAL] = " to local ",
	[CHANNEL_REMOTE] = " to remote ",
};

static void
put_load(struct buf *b, const struct spawner *c)
{
	buf_putu(b, c->running);
	buf_putc(b, '/');
	buf_putu(b, c->limit);
}

void
deliver_status(struct send *s)
{
	struct buf *b = journal_begin(&s->journal);

	buf_puts(b, "status: local ");
	put_load(b, &s->spawners[CHANNEL_LOCAL]);
	buf_puts(b, " remote ");
	put_load(b, &s->spawners[CHANNEL_REMOTE]);
	if (s->is_stopping)
		buf_puts(b, " exitasap");
	journal_end(&s->journal);
}

/* --- attempts --- */

/* The attempt is over, or cut off when s is stopping. */
static void
end_pass(struct send *s, struct active *a, enum channel c)
{
	struct pass *p = &a->pass[c];
	bool is_whole = p->issued == p->n;

	p->is_on = false;
	if (s->spawners[c].issuing == a)
		s->spawners[c].issuing = NULL;
	a->note.attempts++;
	if (a->pending[c] > 0) {
		heap_put(s->table, (enum heap)c, a->slot,
		    is_whole ? p->next : p->began);
		/* a failure is logged, and the message is in the heap */
		(void)message_note(s, a, true);
	}
	message_settle(s, a);
}

/* End the attempt if nothing more will come of it. */
static void
check_pass(struct send *s, struct active *a, enum channel c)
{
	const struct pass *p = &a->pass[c];

	if (p->is_on && p->jobs == 0 && (p->issued == p->n || s->is_stopping))
		end_pass(s, a, c);
}

/* Start an attempt at what is due. */
static void
begin_pass(struct send *s, uint32_t slot, enum channel c)
{
	struct active *a = message_load(s, slot);
	int64_t birth;
	struct pass *p;
	int r;

	if (a == NULL)
		return;
	r = message_verify(s, a);
	if (r == E_BUSY) {
		message_leave(s, slot);
		message_unload(s, a);
		list_push(s->table, &s->big, slot);
	}
	if (r < 0)
		return;
	/* locals may have changed since it was put here */
	message_place(s, a);
	heap_drop(s->table, (enum heap)c, slot);
	if (a->pending[c] == 0 || active_order(a, c) < 0) {
		if (a->pending[c] > 0)
			heap_put(s->table, (enum heap)c, slot,
			    s->now + SCHEDULE_TROUBLE);
		message_settle(s, a);
		return;
	}
	birth = envelope_birth(a->id);
	p = &a->pass[c];
	p->is_on = true;
	p->issued = p->jobs = 0;
	p->began = s->now;
	p->next = schedule_next(c, birth, s->now);
	p->is_last = schedule_is_last(birth, s->now, s->controls.lifetime);
	s->spawners[c].issuing = a;
}

/* --- jobs --- */

static void
log_start(struct send *s, const struct active *a, enum channel c,
    uint64_t delivery, uint32_t index)
{
	struct buf *b = journal_begin(&s->journal);

	buf_puts(b, "starting delivery ");
	buf_putu(b, delivery);
	buf_puts(b, ": msg ");
	buf_putu(b, a->id);
	buf_puts(b, places[c]);
	log_safe(b, active_addr(a, index));
	journal_end(&s->journal);
	deliver_status(s);
}

/* Hand the next recipients of a's pass to the spawner. */
static void
issue(struct send *s, struct active *a, enum channel c)
{
	struct spawner *ch = &s->spawners[c];
	struct pass *p = &a->pass[c];
	struct buf sender = BUF_INIT(SENDER_MAX);
	struct job job = { .id = a->id, .sender = a->env.sender };
	struct seat *seat;

	job.nrcpt = active_share(a, c, p->issued);
	job.number = spawner_sit(ch);
	seat = &ch->seats[job.number];
	*seat = (struct seat){ .a = a,
		.from = p->issued,
		.n = job.nrcpt,
		.first = s->deliveries + 1 };
	s->deliveries += job.nrcpt;
	for (uint32_t i = 0; i < job.nrcpt; i++) {
		uint32_t index = p->order[p->issued + i];

		job.rcpt[i] = (struct job_rcpt){ .index = index,
			.addr = active_addr(a, index) };
		log_start(s, a, c, seat->first + i, index);
	}
	if (text_is_verp(job.sender)) {
		text_sender(&sender, job.sender, job.rcpt[0].addr);
		job.sender = buf_span(&sender);
	}
	job_put(&ch->out, &job);
	buf_free(&sender);
	p->issued += job.nrcpt;
	p->jobs++;
	if (p->issued == p->n)
		ch->issuing = NULL;
}

/* The message whose attempt is next on a channel, if one is due. */
static uint32_t
next_due(const struct send *s, enum channel c)
{
	uint32_t slot = heap_first(s->table, (enum heap)c);

	if (slot == TABLE_NONE || table_at(s->table, slot)->due[c] > s->now)
		return TABLE_NONE;
	return slot;
}

static void
start_channel(struct send *s, enum channel c)
{
	struct spawner *ch = &s->spawners[c];
	unsigned int loads = 0;
	uint32_t slot;

	while (spawner_has_room(ch)) {
		if (ch->issuing != NULL) {
			issue(s, ch->issuing, c);
			continue;
		}
		slot = next_due(s, c);
		if (slot == TABLE_NONE)
			return;
		if (loads++ == LOADS_MAX) {
			s->must_hurry = true;
			return;
		}
		begin_pass(s, slot, c);
	}
}

void
deliver_start(struct send *s)
{
	if (s->is_stopping)
		return;
	start_channel(s, CHANNEL_LOCAL);
	start_channel(s, CHANNEL_REMOTE);
}

/* --- verdicts --- */

static void
log_verdict(
    struct send *s, uint64_t delivery, const char *word, struct span text)
{
	struct buf *b = journal_begin(&s->journal);

	buf_puts(b, "delivery ");
	buf_putu(b, delivery);
	buf_puts(b, word);
	log_safe(b, text);
	journal_end(&s->journal);
}

/* What the bounce will say about this recipient. */
static void
note_failure(struct send *s, struct active *a, uint32_t index, struct span text)
{
	struct buf *bounce = &a->note.bounce;

	if (bounce->len > BOUNCE_FULL)
		text = SPAN("");
	text_paragraph(bounce,
	    routes_strip(s->controls.routes, active_addr(a, index)), text);
}

/* The last attempt did not succeed: the text of the failure. */
static struct span
give_up(struct buf *b, struct span text)
{
	buf_put(b, text);
	if (text.len > 0 && text.p[text.len - 1] != '\n')
		buf_putc(b, '\n');
	buf_puts(b, "I'm not going to try again; this message has been in the "
		    "queue too long.\n");
	return buf_err(b) == 0 ? buf_span(b) : text;
}

static void
judge(struct send *s, struct active *a, const struct pass *p, uint32_t index,
    uint64_t delivery, const struct verdict *v)
{
	struct buf scratch = BUF_INIT(PARAGRAPH_MAX);
	struct span text = SPAN("");
	char letter = '?';

	if (v != NULL) {
		text = span_head(v->text, VERDICT_TEXT_MAX);
		letter = v->letter;
	}
	if (letter == 'Z' && p->is_last) {
		text = give_up(&scratch, text);
		letter = 'D';
	}
	switch (letter) {
	case 'K':
		log_verdict(s, delivery, ": success: ", text);
		active_done(a, index);
		break;
	case 'D':
		log_verdict(s, delivery, ": failure: ", text);
		note_failure(s, a, index, text);
		active_done(a, index);
		break;
	case 'Z':
		log_verdict(s, delivery, ": deferral: ", text);
		break;
	default:
		log_verdict(
		    s, delivery, ": report mangled, will defer", SPAN(""));
		break;
	}
	buf_free(&scratch);
}

/* The verdict on a recipient; most often it stands where it is expected. */
static const struct verdict *
find_verdict(const struct result *result, uint32_t index, uint32_t at)
{
	if (at < result->n && result->verdict[at].index == index)
		return &result->verdict[at];
	for (uint32_t i = 0; i < result->n; i++)
		if (result->verdict[i].index == index)
			return &result->verdict[i];
	return NULL;
}

void
deliver_result(
    void *ctx, struct spawner *ch, const struct result *result, int r)
{
	struct send *s = ctx;
	enum channel c = (enum channel)(ch - s->spawners);
	struct seat *seat = spawner_seat(ch, result->number);
	struct seat was;

	if (seat == NULL) {
		journal_say(&s->journal,
		    "warning: internal error: delivery report out of range");
		return;
	}
	was = *seat;
	for (uint32_t i = 0; i < was.n; i++) {
		struct pass *p = &was.a->pass[c];
		uint32_t index = p->order[was.from + i];

		judge(s, was.a, p, index, was.first + i,
		    r < 0 ? NULL : find_verdict(result, index, i));
		if (i == was.n - 1)
			spawner_leave(ch, result->number);
		deliver_status(s);
	}
	was.a->pass[c].jobs--;
	if (was.a->is_dirty && was.a->env.nrcpt > 1)
		s->any_dirty = true;
	check_pass(s, was.a, c);
}

void
deliver_lost(struct send *s, struct spawner *ch)
{
	enum channel c = (enum channel)(ch - s->spawners);

	ch->is_alive = false;
	for (uint32_t i = 0; i < ch->limit; i++) {
		struct active *a = ch->seats[i].a;

		if (a == NULL)
			continue;
		spawner_leave(ch, i);
		a->pass[c].jobs--;
		a->pass[c].issued = 0; /* whatever it did: it was cut off */
		check_pass(s, a, c);
	}
}

void
deliver_stop(struct send *s)
{
	for (enum channel c = CHANNEL_LOCAL; c < CHANNELS; c++)
		if (s->spawners[c].issuing != NULL)
			check_pass(s, s->spawners[c].issuing, c);
}

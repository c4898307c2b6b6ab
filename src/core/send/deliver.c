/*
 * deliver - jobs for the spawners, and their results: see send.h
 */
#include "base/err.h"
#include "send.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "text.h"

enum { SENDER_MAX = 4 * ADDRESS_MAX + 65536 };

/* --- jobs --- */

/* Hand the next recipients of a group to the spawner. */
static void
issue(struct send *s, struct group *g, enum channel c)
{
	struct active *a = g->a;
	struct spawner *ch = &s->spawners[c];
	struct pass *p = &a->pass[c];
	struct buf sender = BUF_INIT(SENDER_MAX);
	struct job job = {
		.id = a->id, .sender = a->env.sender, .route = SPAN("")
	};
	uint32_t from = g->from + g->issued;
	struct seat *seat;

	job.nrcpt = active_share(a, c, g);
	job.number = spawner_sit(ch);
	seat = &ch->seats[job.number];
	*seat = (struct seat){ .a = a,
		.from = from,
		.n = job.nrcpt,
		.dest = g->dest,
		.began = clock_ms(),
		.first = s->deliveries + 1 };
	s->deliveries += job.nrcpt;
	for (uint32_t i = 0; i < job.nrcpt; i++) {
		uint32_t index = p->order[from + i];

		job.rcpt[i] = (struct job_rcpt){ .index = index,
			.addr = active_addr(a, index) };
		verdict_start(s, a, c, seat->first + i, index);
	}
	if (c == CHANNEL_REMOTE)
		job.route = ways_route(&s->ways, job.rcpt[0].addr, job.sender);
	if (text_is_verp(job.sender)) {
		text_sender(&sender, job.sender, job.rcpt[0].addr);
		job.sender = buf_span(&sender);
	}
	job_put(&ch->out, &job);
	buf_free(&sender);
	p->jobs++;
	p->was_issued = true;
	g->issued += job.nrcpt;
	dest_begin(s->dests[c], g->dest);
	if (g->issued < g->n) {
		dest_join(s->dests[c], g);
		return;
	}
	dest_release(s->dests[c], g->dest);
	p->open--;
}

/* Serve the destinations in whose line somebody may start. */
static void
serve_lines(struct send *s, enum channel c)
{
	uint32_t d, slot;

	while (s->loads > 0 && spawner_has_room(&s->spawners[c]) &&
	       (d = dest_next(s->dests[c])) != DEST_NONE) {
		struct group *g = dest_take(s->dests[c], d, &slot);

		if (g == NULL)
			attempt_begin(s, slot, c, true);
		else if (attempt_must_stop(s, g->a))
			attempt_cut_off(s, g, c);
		else
			issue(s, g, c);
	}
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
	uint32_t slot;

	serve_lines(s, c);
	while (s->loads > 0 && spawner_has_room(&s->spawners[c]) &&
	       (slot = next_due(s, c)) != TABLE_NONE) {
		attempt_begin_due(s, slot, c);
		serve_lines(s, c);
	}
	/* enough for one turn */
	if (s->loads <= 0)
		s->must_hurry = true;
}

void
deliver_start(struct send *s)
{
	if (s->is_stopping || cleaner_is_behind(&s->cleaner))
		return;
	start_channel(s, CHANNEL_LOCAL);
	start_channel(s, CHANNEL_REMOTE);
}

/* --- results --- */

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

/* A destination is left alone from now on: nobody loaded waits for it. */
static void
suspend(struct send *s, uint32_t d, enum channel c)
{
	const struct dest *p = dest_at(s->dests[c], d);
	struct buf *b = journal_begin(&s->journal);
	struct group *g;

	buf_puts(b, "suspended ");
	buf_puts(b, verdict_channel(c));
	buf_putc(b, ' ');
	log_safe(b, (struct span){ p->key, p->key_len });
	buf_puts(b, " for ");
	buf_putu(b, (uint64_t)(p->until - clock_ms()) / 1000);
	buf_puts(b, " seconds: ");
	log_safe(b, (struct span){ p->why, p->why_len });
	journal_end(&s->journal);
	while ((g = dest_dismiss(s->dests[c], d)) != NULL) {
		attempt_pass_over(s, g, c);
		g->a->pass[c].open--;
		attempt_check(s, g->a, c);
	}
}

/* It is not left alone any more. */
static void
resumed(void *ctx, uint32_t d)
{
	struct send *s = ctx;
	const struct dest *p = dest_at(s->dests[CHANNEL_REMOTE], d);
	struct buf *b = journal_begin(&s->journal);

	buf_puts(b, "resumed ");
	buf_puts(b, verdict_channel(CHANNEL_REMOTE));
	buf_putc(b, ' ');
	log_safe(b, (struct span){ p->key, p->key_len });
	journal_end(&s->journal);
}

void
deliver_open(struct send *s)
{
	/* the local channel suspends nobody */
	dests_tell(s->dests[CHANNEL_REMOTE], resumed, s);
}

void
deliver_prepare(struct send *s)
{
	if (!s->is_stopping)
		wait_until(
		    &s->wait, dests_wake(s->dests[CHANNEL_REMOTE], clock_ms()));
}

/* Whether a result tells that the destination is there. */
static bool
is_reached(const struct result *result, int r, struct span *why)
{
	if (r < 0)
		return true;
	for (uint32_t i = 0; i < result->n; i++)
		if (result->verdict[i].letter != 'Z' ||
		    !text_is_unreached(result->verdict[i].text))
			return true;
	*why = result->n > 0 ? result->verdict[0].text : SPAN("");
	return result->n == 0;
}

void
deliver_result(
    void *ctx, struct spawner *ch, const struct result *result, int r)
{
	struct send *s = ctx;
	enum channel c = (enum channel)(ch - s->spawners);
	struct seat *seat = spawner_seat(ch, result->number);
	struct span why = SPAN("");
	struct seat was;
	bool is_new;

	if (seat == NULL) {
		journal_say(&s->journal,
		    "warning: internal error: delivery report out of range");
		return;
	}
	was = *seat;
	for (uint32_t i = 0; i < was.n; i++) {
		struct pass *p = &was.a->pass[c];
		uint32_t index = p->order[was.from + i];

		verdict_judge(s, was.a, p, index, was.first + i,
		    r < 0 ? NULL : find_verdict(result, index, i));
		if (i == was.n - 1)
			spawner_leave(ch, result->number);
		verdict_status(s);
	}
	was.a->pass[c].jobs--;
	if (was.a->is_dirty && was.a->env.nrcpt > 1)
		s->any_dirty = true;
	is_new = dest_end(s->dests[c], was.dest, is_reached(result, r, &why),
	    was.began, clock_ms(), why);
	attempt_check(s, was.a, c);
	if (is_new && !s->is_stopping)
		suspend(s, was.dest, c);
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
		a->pass[c].is_cut = true; /* whatever it did */
		attempt_check(s, a, c);
	}
}

/* All in line at d are looked at anew: it may not be theirs any more. */
static void
disperse(struct send *s, uint32_t d, enum channel c)
{
	struct dests *ds = s->dests[c];
	uint32_t slot, n;

	while ((slot = dest_at(ds, d)->line.first) != TABLE_NONE &&
	       dest_at(ds, d)->line.n > 0) {
		dest_leave(ds, slot);
		heap_put(s->table, (enum heap)c, slot, s->now);
	}
	/* each of them uses d, which so lasts until the last has left */
	for (n = dest_at(ds, d)->ngroups; n > 0; n--)
		attempt_cut_off(s, dest_dismiss(ds, d), c);
}

void
deliver_reroute(struct send *s, enum channel c)
{
	for (uint32_t d = dest_after(s->dests[c], DEST_NONE); d != DEST_NONE;
	     d = dest_after(s->dests[c], d))
		disperse(s, d, c);
}

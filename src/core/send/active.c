/*
 * active - the messages something is going on with
 *
 * A message becomes active when it is looked at for the first time or an
 * attempt is due, and is forgotten but for its next attempt as soon as
 * nothing is under way. A pass is one attempt at all recipients of one
 * channel that are not done (contract queue.md 4.4).
 */
#include "base/ascii.h"
#include "base/err.h"
#include "base/mem.h"
#include "send.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/log.h"

enum {
	CHECK_AT_ONCE = 1024 * 1024, /* larger messages are read in slices */
	NOTE_LARGE = 64 * 1024,      /* larger notes are not written so often */
	NOTE_LARGE_MS = 1000,
	SAME_DOMAIN_AHEAD = 1000, /* recipients looked at for one job */
	ADDRESSES_MAX = 2 * ENVELOPE_MAX,
	SKIP_LOCAL = 10,
	SKIP_REMOTE = 20
};

enum state { PENDING, FLYING, LATER, DONE };

struct rcpt {
	uint32_t at, len; /* the address, in addrs */
	uint32_t domain;  /* a hash of it, case folded */
	uint8_t channel;
	uint8_t state;
};

struct pass {
	bool is_running;
	bool is_dying;   /* too old: what fails now fails for good */
	bool is_queued;  /* in the channel's list */
	bool is_wanted;  /* begins when the message has been checked */
	uint32_t next;   /* recipient to look at */
	uint32_t flying; /* jobs */
	int64_t retry;
	struct active *behind; /* in the channel's list */
};

struct active {
	struct active *prev, *next; /* among all */
	struct active *after;       /* in one of the lists below */
	bool is_dirty, is_checking;
	bool is_checked;
	uint32_t place;
	struct buf file;
	struct envelope env;
	struct note note;
	struct buf addrs;
	struct rcpt *rcpts;
	uint32_t left; /* recipients not done */
	struct pass pass[CHANNELS];
	int64_t write_at; /* the note, clock_ms() */
	int fd;           /* the message while it is checked */
	uint64_t checked;
	struct hash *hash;
};

static struct message *
message_of(struct send *s, const struct active *a)
{
	return &s->messages.v[a->place];
}

struct note *
active_note(struct active *a)
{
	return &a->note;
}

const struct envelope *
active_envelope(const struct active *a)
{
	return &a->env;
}

bool
active_any(const struct send *s)
{
	return s->actives != NULL;
}

/* --- forgetting --- */

static void
unlist(struct active **list, struct active *a)
{
	for (; *list != NULL; list = &(*list)->after)
		if (*list == a) {
			*list = a->after;
			break;
		}
}

static void
forget(struct send *s, struct active *a)
{
	if (a->is_dirty)
		unlist(&s->dirty, a);
	if (a->is_checking)
		unlist(&s->checking, a);
	if (a->prev != NULL)
		a->prev->next = a->next;
	else
		s->actives = a->next;
	if (a->next != NULL)
		a->next->prev = a->prev;
	s->messages.v[a->place].active = NULL;
	fd_close(&a->fd);
	hash_destroy(&a->hash);
	buf_free(&a->file);
	note_free(&a->note);
	buf_free(&a->addrs);
	mem_free(a->rcpts);
	mem_free(a);
}

/* Look at the message again later: something of ours is out of order. */
static void
retry_later(struct send *s, uint32_t place)
{
	err_ignore(messages_due(
	    &s->messages, place, CHANNEL_LOCAL, clock_real() + RETRY_S));
}

/* Out of the queue's way, once; the operator looks at it. */
static void
set_aside(struct send *s, uint32_t place, const char *reason)
{
	uint64_t id = s->messages.v[place].id;

	buf_puts(&s->log, "alert: message ");
	buf_putu(&s->log, id);
	buf_puts(&s->log, " damaged: ");
	buf_puts(&s->log, reason);
	slog(s, "; moved to queue/quarantine");
	cleaner_ask(s, CLEAN_ASIDE, id, span_cstr(reason));
	messages_drop(&s->messages, place);
}

/* --- loading --- */

static uint32_t
hash_domain(struct span addr)
{
	uint32_t h = 2166136261U;

	for (size_t i = span_rfind(addr, '@'); i < addr.len; i++) {
		h ^= (unsigned char)ascii_lower((unsigned char)addr.p[i]);
		h *= 16777619U;
	}
	return h;
}

static struct span
address(const struct active *a, const struct rcpt *r)
{
	return (struct span){ a->addrs.p + r->at, r->len };
}

/* Say where every recipient goes. */
static int
route(struct send *s, struct active *a)
{
	struct span rest = a->env.rcpts, addr;

	a->rcpts = mem_new((size_t)a->env.nrcpt + 1, sizeof(*a->rcpts));
	if (a->rcpts == NULL)
		return E_NOMEM;
	a->left = 0;
	for (uint32_t i = 0; i < a->env.nrcpt; i++) {
		struct rcpt *r = &a->rcpts[i];
		bool is_local;

		if (!envelope_rcpt(&rest, &addr))
			return E_DAMAGED;
		r->at = (uint32_t)a->addrs.len;
		is_local =
		    routes_apply(s->routes, addr, &a->addrs) == ROUTES_LOCAL;
		if (buf_err(&a->addrs) < 0)
			return buf_err(&a->addrs);
		r->len = (uint32_t)(a->addrs.len - r->at);
		r->channel = is_local ? CHANNEL_LOCAL : CHANNEL_REMOTE;
		r->domain = hash_domain(address(a, r));
		r->state = note_is_done(&a->note, i) ? DONE : PENDING;
		if (r->state != DONE)
			a->left++;
	}
	return 0;
}

static void
log_new(struct send *s, const struct active *a)
{
	struct message *m = message_of(s, a);

	if ((m->flags & MESSAGE_SEEN) != 0)
		return;
	m->flags |= MESSAGE_SEEN;
	slog_id(s, "new msg ", m->id, "");
	buf_puts(&s->log, "info msg ");
	buf_putu(&s->log, m->id);
	buf_puts(&s->log, ": bytes ");
	buf_putu(&s->log, a->env.size);
	buf_puts(&s->log, " from <");
	log_safe(&s->log, a->env.sender);
	buf_puts(&s->log, "> qp ");
	buf_putu(&s->log, a->env.pid);
	buf_puts(&s->log, " uid ");
	buf_putu(&s->log, a->env.uid);
	slog(s, "");
}

/* The note, if there is one that fits; else a new one. */
static int
load_note(struct send *s, struct active *a)
{
	struct message *m = message_of(s, a);
	int r;

	note_init(&a->note, m->id, a->env.nrcpt);
	if ((m->flags & MESSAGE_HAS_NOTE) == 0)
		return 0;
	r = store_note_read(s->store, &a->note);
	if (r == 0 && a->note.nrcpt != a->env.nrcpt)
		r = E_DAMAGED;
	if (r == 0 || (r != E_DAMAGED && r != E_ABSENT))
		return r;
	if (r == E_DAMAGED) {
		slog_id(s, "warning: info/", m->id,
		    " damaged; moved to queue/quarantine, delivery begins "
		    "anew");
		err_ignore(store_note_quarantine(s->store, m->id));
	}
	note_free(&a->note);
	note_init(&a->note, m->id, a->env.nrcpt);
	m->flags &= ~(uint32_t)MESSAGE_HAS_NOTE;
	return 0;
}

/* The message as an active, or NULL: it is gone, set aside or postponed. */
static struct active *
load(struct send *s, uint32_t place)
{
	struct active *a = mem_new(1, sizeof(*a));
	int r = E_NOMEM;

	if (a == NULL)
		goto postpone;
	a->place = place;
	a->fd = -1;
	a->file = BUF_INIT(ENVELOPE_MAX + 4096);
	a->addrs = BUF_INIT(ADDRESSES_MAX);
	a->next = s->actives;
	if (a->next != NULL)
		a->next->prev = a;
	s->actives = a;
	s->messages.v[place].active = a;
	r = store_envelope(
	    s->store, s->messages.v[place].id, &a->file, &a->env);
	if (r == 0)
		r = load_note(s, a);
	if (r == 0)
		r = route(s, a);
	if (r == 0) {
		log_new(s, a);
		return a;
	}
	forget(s, a);
	if (r == E_ABSENT) {
		/* removed under our feet: nothing to do with it any more */
		messages_drop(&s->messages, place);
		return NULL;
	}
	if (r == E_DAMAGED) {
		set_aside(s, place, "envelope does not fit its seal");
		return NULL;
	}
postpone:
	slog_id(s, "warning: trouble reading todo/", s->messages.v[place].id,
	    "; will try again later");
	retry_later(s, place);
	return NULL;
}

/* --- the end of a message --- */

static void
end(struct send *s, struct active *a)
{
	struct message *m = message_of(s, a);
	uint32_t place = a->place;

	slog_id(s, "end msg ", m->id, "");
	m->flags |= MESSAGE_FINISHED;
	cleaner_ask(s,
	    (m->flags & MESSAGE_HAS_NOTE) != 0 ? CLEAN_TODO : CLEAN_ALL, m->id,
	    SPAN(""));
	forget(s, a);
	for (int ch = 0; ch < CHANNELS; ch++)
		messages_undue(&s->messages, place, (enum channel)ch);
}

void
active_finished(struct send *s, struct active *a)
{
	uint64_t id = message_of(s, a)->id;

	if (a->note.bounce.len == 0) {
		end(s, a);
		return;
	}
	switch (bounce_kind(s, &a->env)) {
	case BOUNCE_TRIPLE:
		slog_id(s, "triple bounce: discarding bounce/", id, "");
		end(s, a);
		break;
	case BOUNCE_DROP:
		slog_id(s, "double bounce: discarding bounce/", id, "");
		end(s, a);
		break;
	case BOUNCE_NONE:
	case BOUNCE_SINGLE:
	case BOUNCE_DOUBLE:
		if (a->is_dirty)
			unlist(&s->dirty, a);
		a->is_dirty = false;
		a->after = s->bounceable;
		s->bounceable = a;
		break;
	}
}

struct active *
active_next_bounceable(struct send *s)
{
	struct active *a = s->bounceable;

	if (a != NULL)
		s->bounceable = a->after;
	return a;
}

/* --- notes --- */

static void
mark_dirty(struct send *s, struct active *a)
{
	if (a->is_dirty)
		return;
	a->is_dirty = true;
	a->after = s->dirty;
	s->dirty = a;
}

static bool
is_idle(const struct active *a)
{
	return !a->pass[CHANNEL_LOCAL].is_running &&
	       !a->pass[CHANNEL_REMOTE].is_running && !a->is_checking;
}

/* Write one note. True when the message can be forgotten. */
static bool
write_note(struct send *s, struct active *a, int64_t now)
{
	struct message *m = message_of(s, a);

	if (store_note_write(s->store, &a->note) < 0) {
		/* kept in memory until it can be written */
		slog_id(s, "warning: trouble writing to info/", m->id,
		    "; will try again later");
		a->write_at = now + RETRY_MS;
		return false;
	}
	m->flags |= MESSAGE_HAS_NOTE;
	cleaner_ask(s, CLEAN_NOTE, m->id, SPAN(""));
	if (a->note.bounce.len + a->note.done.len > NOTE_LARGE)
		a->write_at = now + NOTE_LARGE_MS;
	return true;
}

void
active_write_notes(struct send *s)
{
	struct active **list = &s->dirty;
	int64_t now = s->dirty != NULL ? clock_ms() : 0;

	while (*list != NULL) {
		struct active *a = *list;

		if (a->write_at > now || !write_note(s, a, now)) {
			list = &a->after;
			continue;
		}
		*list = a->after;
		a->is_dirty = false;
		if (is_idle(a))
			forget(s, a);
	}
}

void
active_prepare(struct send *s)
{
	for (const struct active *a = s->dirty; a != NULL; a = a->after)
		wait_until(&s->wait, a->write_at);
}

/* --- passes --- */

static uint64_t
square_root(uint64_t n)
{
	uint64_t root = 0;

	for (uint64_t bit = UINT64_C(1) << 31; bit != 0; bit >>= 1)
		if ((root + bit) * (root + bit) <= n)
			root += bit;
	return root;
}

/* Contract queue.md 4.4: the next attempt, from birth and age. */
static int64_t
next_retry(int64_t birth, int64_t now, enum channel ch)
{
	uint64_t age = now > birth ? (uint64_t)(now - birth) : 0;
	uint64_t n =
	    square_root(age) + (ch == CHANNEL_LOCAL ? SKIP_LOCAL : SKIP_REMOTE);

	return birth + (int64_t)(n * n);
}

static void
enqueue(struct spawner *c, struct active *a, enum channel ch)
{
	a->pass[ch].is_queued = true;
	a->pass[ch].behind = NULL;
	if (c->last != NULL)
		c->last->pass[ch].behind = a;
	else
		c->first = a;
	c->last = a;
	c->passes++;
}

static void
dequeue(struct spawner *c, enum channel ch)
{
	struct active *a = c->first;

	c->first = a->pass[ch].behind;
	if (c->first == NULL)
		c->last = NULL;
	a->pass[ch].is_queued = false;
	c->passes--;
}

static void
begin(struct send *s, struct active *a, enum channel ch)
{
	struct pass *p = &a->pass[ch];
	int64_t birth = envelope_birth(a->env.id), now = clock_real();

	p->is_wanted = false;
	p->is_running = true;
	p->next = 0;
	p->retry = next_retry(birth, now, ch);
	p->is_dying = now > birth && (uint64_t)(now - birth) > s->lifetime;
	a->note.attempts++;
	for (uint32_t i = 0; i < a->env.nrcpt; i++)
		if (a->rcpts[i].channel == ch && a->rcpts[i].state == LATER)
			a->rcpts[i].state = PENDING;
	messages_undue(&s->messages, a->place, ch);
	enqueue(&s->channels[ch], a, ch);
}

/* Whether any recipient of the channel is not done. */
static bool
has_undone(const struct active *a, enum channel ch)
{
	for (uint32_t i = 0; i < a->env.nrcpt; i++)
		if (a->rcpts[i].channel == ch && a->rcpts[i].state != DONE)
			return true;
	return false;
}

/* After a pass: what becomes of the message? */
static void
settle(struct send *s, struct active *a)
{
	if (!is_idle(a))
		return;
	if (a->left == 0)
		active_finished(s, a);
	else
		mark_dirty(s, a); /* and forgotten once that is written */
}

static void
end_pass(struct send *s, struct active *a, enum channel ch)
{
	struct pass *p = &a->pass[ch];

	p->is_running = false;
	a->note.next[ch] = 0;
	if (has_undone(a, ch)) {
		a->note.next[ch] = p->retry;
		err_ignore(messages_due(&s->messages, a->place, ch, p->retry));
	}
	settle(s, a);
}

/* --- checking that the message is what was accepted --- */

/* 0 fits, E_BUSY more to read, E_DAMAGED, or a failure of the system. */
static int
check(struct send *s, struct active *a)
{
	struct hash *h = s->hash;
	uint64_t size, budget = 0;
	int r;

	if (a->fd < 0) {
		r = store_message(s->store, a->env.id, &a->fd, &size);
		if (r < 0)
			return r == E_ABSENT ? E_DAMAGED : r;
		if (size != a->env.size)
			return E_DAMAGED;
	}
	if (a->env.size > CHECK_AT_ONCE) {
		if (a->hash == NULL)
			a->hash = hash_new();
		if (a->hash == NULL)
			return E_NOMEM;
		h = a->hash;
		budget = CHECK_AT_ONCE;
	}
	r = store_verify(s->store, &a->env, a->fd, &a->checked, h, budget);
	if (r != E_BUSY)
		fd_close(&a->fd);
	if (r < 0 && r != E_BUSY && h == s->hash)
		(void)hash_end(h); /* for the next one */
	return r;
}

/* What was wanted can begin, or not. False: the message is forgotten. */
static bool
go_on(struct send *s, struct active *a, int checked)
{
	uint32_t place = a->place;

	if (checked == 0) {
		a->is_checked = true;
		for (int ch = 0; ch < CHANNELS; ch++)
			if (a->pass[ch].is_wanted)
				begin(s, a, (enum channel)ch);
		return true;
	}
	if (checked == E_BUSY) {
		a->is_checking = true;
		a->after = s->checking;
		s->checking = a;
		return true;
	}
	forget(s, a);
	if (checked == E_DAMAGED) {
		set_aside(s, place, "message is not what was accepted");
		return false;
	}
	slog_id(s, "warning: trouble reading mess/", s->messages.v[place].id,
	    "; will try again later");
	retry_later(s, place);
	return false;
}

void
active_check_more(struct send *s)
{
	struct active *a = s->checking;

	if (a == NULL)
		return;
	s->checking = a->after;
	a->is_checking = false;
	(void)go_on(s, a, check(s, a));
}

/* --- starting deliveries --- */

static bool
may_begin(const struct send *s, enum channel ch)
{
	const struct spawner *c = &s->channels[ch];

	return !s->is_stopping && spawner_has_room(c) && c->passes < c->limit;
}

/*
 * A message was loaded. Begin passes where there is room and something to
 * do; what finds no room is due as soon as there is some.
 */
static void
want(struct send *s, struct active *a, int64_t now, bool is_retry)
{
	bool any = false;

	if (a->left == 0) {
		active_finished(s, a);
		return;
	}
	for (int c = 0; c < CHANNELS; c++) {
		enum channel ch = (enum channel)c;

		if (a->pass[ch].is_running || message_of(s, a)->pos[ch] != 0 ||
		    !has_undone(a, ch))
			continue;
		if (may_begin(s, ch) || (is_retry && !s->is_stopping)) {
			a->pass[ch].is_wanted = any = true;
		} else if (messages_due(&s->messages, a->place, ch, now) < 0) {
			retry_later(s, a->place);
		}
	}
	if (!any) {
		if (is_idle(a) && !a->is_dirty)
			forget(s, a);
		return;
	}
	(void)go_on(s, a, a->is_checked ? 0 : check(s, a));
}

void
active_fresh(struct send *s, uint32_t place)
{
	struct active *a;

	/* it may have gone while it waited */
	if ((s->messages.v[place].flags & MESSAGE_USED) == 0 ||
	    (s->messages.v[place].flags & MESSAGE_FINISHED) != 0 ||
	    s->messages.v[place].active != NULL)
		return;
	a = load(s, place);
	if (a != NULL)
		want(s, a, clock_real(), false);
}

void
active_due(struct send *s, uint32_t place, enum channel ch)
{
	struct message *m = &s->messages.v[place];
	struct active *a = m->active;

	messages_undue(&s->messages, place, ch);
	if ((m->flags & MESSAGE_FINISHED) != 0) {
		/* qmail-clean could not remove it: once more */
		cleaner_ask(s,
		    (m->flags & MESSAGE_HAS_NOTE) != 0 ? CLEAN_TODO : CLEAN_ALL,
		    m->id, SPAN(""));
		return;
	}
	if (a != NULL && (a->is_checking || a->pass[ch].is_running)) {
		a->pass[ch].is_wanted = a->is_checking;
		return;
	}
	if (a == NULL)
		a = load(s, place);
	if (a != NULL)
		want(s, a, clock_real(), true);
}

/*
 * The sender for a delivery command: contract queue.md 4.3 (VERP). Borrowed
 * from the envelope or from b.
 */
static struct span
verp(struct span sender, struct span rcpt, struct buf *b)
{
	struct span base = sender;
	size_t at, rat = span_rfind(rcpt, '@');

	if (!span_ends(sender, SPAN("-@[]")))
		return sender;
	base.len -= SPAN("-@[]").len;
	at = span_rfind(base, '@');
	if (at == base.len || rat == rcpt.len)
		return sender;
	buf_put(b, span_head(base, at));
	buf_put(b, span_head(rcpt, rat));
	buf_putc(b, '=');
	buf_put(b, span_tail(rcpt, rat + 1));
	buf_put(b, span_tail(base, at));
	return buf_err(b) == 0 ? buf_span(b) : sender;
}

static struct span
domain_of(struct span addr)
{
	return span_tail(addr, span_rfind(addr, '@') + 1);
}

/* Whether one job may carry more than one recipient of this message. */
static bool
may_share(const struct active *a, enum channel ch)
{
	return ch == CHANNEL_REMOTE && a->env.nrcpt > 1 &&
	       !span_ends(a->env.sender, SPAN("-@[]"));
}

static void
add_rcpt(struct job *j, struct active *a, uint32_t i)
{
	a->rcpts[i].state = FLYING;
	j->rcpt[j->nrcpt++] =
	    (struct job_rcpt){ .index = i, .addr = address(a, &a->rcpts[i]) };
}

/* The recipients that go to where the first one of the job goes. */
static void
add_same_domain(struct job *j, struct active *a, uint32_t first)
{
	const struct rcpt *f = &a->rcpts[first];
	struct span domain = domain_of(address(a, f));

	for (uint32_t i = first + 1;
	     i < a->env.nrcpt && i - first < SAME_DOMAIN_AHEAD &&
	     j->nrcpt < JOB_RCPTS_MAX;
	     i++) {
		const struct rcpt *r = &a->rcpts[i];

		if (r->state == PENDING && r->channel == f->channel &&
		    r->domain == f->domain &&
		    span_eq_nocase(domain_of(address(a, r)), domain))
			add_rcpt(j, a, i);
	}
}

/* Move on to the next recipient that waits. False: there is none. */
static bool
advance(struct active *a, enum channel ch)
{
	struct pass *p = &a->pass[ch];

	for (; p->next < a->env.nrcpt; p->next++)
		if (a->rcpts[p->next].channel == ch &&
		    a->rcpts[p->next].state == PENDING)
			return true;
	return false;
}

/* One job from the first pass in the list, which then goes to its end. */
static void
start_one(struct send *s, enum channel ch)
{
	struct spawner *c = &s->channels[ch];
	struct active *a = c->first;
	struct pass *p = &a->pass[ch];
	struct buf sender = BUF_INIT(8 * ADDRESS_MAX);
	struct job j = { .id = a->env.id };

	dequeue(c, ch);
	if (!advance(a, ch)) {
		if (p->flying == 0)
			end_pass(s, a, ch);
		return;
	}
	add_rcpt(&j, a, p->next);
	if (may_share(a, ch))
		add_same_domain(&j, a, p->next);
	j.sender = verp(a->env.sender, j.rcpt[0].addr, &sender);
	p->flying++;
	spawner_start(s, c, a, &j);
	if (advance(a, ch))
		enqueue(c, a, ch);
	buf_free(&sender);
}

void
active_start_more(struct send *s, enum channel ch)
{
	struct spawner *c = &s->channels[ch];
	int64_t now = 0;

	if (s->is_stopping)
		return;
	while (spawner_has_room(c)) {
		uint32_t first = c->passes < c->limit
				     ? messages_first(&s->messages, ch)
				     : MESSAGE_NONE;

		if (first != MESSAGE_NONE) {
			if (now == 0)
				now = clock_real();
			if (s->messages.v[first].due[ch] > now)
				first = MESSAGE_NONE;
		}
		/* in turn: so neither a long list of recipients nor a
		 * stream of new messages holds up the other */
		if (first != MESSAGE_NONE && (c->turn || c->first == NULL))
			active_due(s, first, ch);
		else if (c->first != NULL)
			start_one(s, ch);
		else
			break;
		c->turn = !c->turn;
	}
}

/* --- verdicts --- */

static void
log_delivery(
    struct send *s, uint64_t delivery, const char *how, struct span text)
{
	buf_puts(&s->log, "delivery ");
	buf_putu(&s->log, delivery);
	buf_puts(&s->log, ": ");
	buf_puts(&s->log, how);
	log_safe(&s->log, text);
	slog(s, "");
	slog_status(s);
}

static void
done(struct send *s, struct active *a, uint32_t i)
{
	a->rcpts[i].state = DONE;
	a->left--;
	note_set_done(&a->note, i);
	if (a->left > 0)
		mark_dirty(s, a);
}

static void
fail(struct send *s, struct active *a, uint32_t i, uint64_t delivery,
    struct span text)
{
	log_delivery(s, delivery, "failure: ", text);
	bounce_paragraph(s, &a->note.bounce, address(a, &a->rcpts[i]), text);
	done(s, a, i);
}

/* A deferral of a message that is too old is a failure. */
static void
expire(struct send *s, struct active *a, uint32_t i, uint64_t delivery,
    struct span text)
{
	struct buf b = BUF_INIT(2 * VERDICT_TEXT_MAX);

	buf_put(&b, text);
	if (text.len > 0 && text.p[text.len - 1] != '\n')
		buf_putc(&b, '\n');
	buf_puts(&b, "I'm not going to try again; this message has been in "
		     "the queue too long.\n");
	if (buf_err(&b) == 0)
		text = buf_span(&b);
	fail(s, a, i, delivery, text);
	buf_free(&b);
}

static void
judge(struct send *s, struct active *a, enum channel ch, uint32_t i,
    uint64_t delivery, const struct verdict *v)
{
	switch (v != NULL ? v->letter : '\0') {
	case 'K':
		log_delivery(s, delivery, "success: ", v->text);
		done(s, a, i);
		break;
	case 'D':
		fail(s, a, i, delivery, v->text);
		break;
	case 'Z':
		if (a->pass[ch].is_dying) {
			expire(s, a, i, delivery, v->text);
			break;
		}
		log_delivery(s, delivery, "deferral: ", v->text);
		a->rcpts[i].state = LATER;
		break;
	default:
		log_delivery(
		    s, delivery, "report mangled, will defer", SPAN(""));
		a->rcpts[i].state = LATER;
		break;
	}
}

void
active_verdicts(
    struct send *s, struct flight *f, enum channel ch, const struct result *r)
{
	struct active *a = f->active;
	struct pass *p = &a->pass[ch];

	for (uint32_t i = 0; i < f->n; i++) {
		const struct verdict *found = NULL;

		for (uint32_t k = 0; found == NULL && k < r->n; k++)
			if (r->verdict[k].index == f->rcpt[i])
				found = &r->verdict[k];
		judge(s, a, ch, f->rcpt[i], f->delivery + i, found);
	}
	p->flying--;
	if (p->flying == 0 && !p->is_queued)
		end_pass(s, a, ch);
}

/* --- bounces, trouble, the end --- */

void
active_bounced(struct send *s, struct active *a, bool ok, uint64_t qp)
{
	uint64_t id = message_of(s, a)->id;

	if (ok) {
		buf_puts(&s->log, "bounce msg ");
		buf_putu(&s->log, id);
		slog_id(s, " qp ", qp, "");
		end(s, a);
		return;
	}
	slog(s, "warning: trouble injecting bounce message, will try later");
	retry_later(s, a->place);
	mark_dirty(s, a);
}

void
active_lost(struct send *s, enum channel ch)
{
	struct spawner *c = &s->channels[ch];
	struct active *next;

	while (c->first != NULL)
		dequeue(c, ch);
	for (struct active *a = s->actives; a != NULL; a = next) {
		next = a->next;
		if (!a->pass[ch].is_running)
			continue;
		a->pass[ch].flying = 0;
		a->pass[ch].is_running = false;
		for (uint32_t i = 0; i < a->env.nrcpt; i++)
			if (a->rcpts[i].state == FLYING &&
			    a->rcpts[i].channel == ch)
				a->rcpts[i].state = PENDING;
		/* not counted as an attempt: due at once at the next start */
		err_ignore(messages_due(&s->messages, a->place, ch, 0));
		if (a->left < a->env.nrcpt)
			settle(s, a);
		else if (is_idle(a))
			forget(s, a);
	}
}

void
active_forget_all(struct send *s)
{
	struct active *next;

	for (struct active *a = s->actives; a != NULL; a = next) {
		next = a->next;
		/* cut short: tried again at once, but nothing done twice */
		if (a->left < a->env.nrcpt && a->left > 0)
			(void)write_note(s, a, clock_ms());
		forget(s, a);
	}
}

/*
 * talk - the control socket: see talk.h
 */
#include "talk.h"

#include <sys/socket.h>
#include <unistd.h>

#include "ask.h"
#include "base/err.h"
#include "pipe.h"
#include "send.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/log.h"
#include "sys/sock.h"

enum {
	MODE = 0660,
	BACKLOG = 8,
	ANSWER_BYTES = 16 * 1024 * 1024,
	ANSWER_FULL = 64 * 1024, /* no more is read while so much is unsent */
	TALK_MS = 60 * 1000 /* for the other side to say or take something */
};

int
talk_open(struct talk *t)
{
	int r;

	for (size_t i = 0; i < TALK_MAX; i++)
		t->talkers[i] = (struct talker){ .fd = -1,
			.in = BUF_INIT(2 * ASK_LINE_MAX),
			.out = BUF_INIT(ANSWER_BYTES) };
	r = sock_listen("run/send", MODE, BACKLOG, &t->fd);
	if (r == 0)
		r = fd_nonblock(t->fd, true);
	if (r < 0)
		fd_close(&t->fd);
	return r;
}

static void
hang_up(struct talker *k)
{
	fd_close(&k->fd);
	buf_free(&k->in);
	buf_free(&k->out);
}

void
talk_close(struct talk *t)
{
	fd_close(&t->fd);
	for (size_t i = 0; i < TALK_MAX; i++)
		hang_up(&t->talkers[i]);
}

/* --- commands --- */

static void
put_count(struct buf *b, const char *what, size_t n)
{
	buf_puts(b, what);
	buf_putu(b, n);
	buf_putc(b, '\n');
}

static void
do_status(struct send *s, struct buf *b, const struct ask *k)
{
	const struct spawner *l = &s->spawners[CHANNEL_LOCAL];
	const struct spawner *r = &s->spawners[CHANNEL_REMOTE];

	(void)k;
	put_count(b, "messages ", table_size(s->table));
	put_count(b, "unprocessed ", s->fresh.n + s->old.n + s->big.n);
	put_count(b, "local jobs ", l->running);
	put_count(b, "local limit ", l->limit);
	put_count(b, "local waiting ", heap_size(s->table, HEAP_LOCAL));
	put_count(b, "remote jobs ", r->running);
	put_count(b, "remote limit ", r->limit);
	put_count(b, "remote waiting ", heap_size(s->table, HEAP_REMOTE));
	put_count(b, "bounces ", s->nbounces + s->bouncing.n);
	put_count(b, "trouble ", heap_size(s->table, HEAP_AGAIN));
	if (s->is_stopping)
		buf_puts(b, "exitasap\n");
}

static void
do_flush(struct send *s, struct buf *b, const struct ask *k)
{
	(void)k;
	send_flush(s);
	buf_puts(b, "ok\n");
}

static void
do_reload(struct send *s, struct buf *b, const struct ask *k)
{
	(void)k;
	buf_puts(b,
	    send_reload(s) < 0 ? "error unable to reread controls\n" : "ok\n");
}

static const char *
stage_word(const struct entry *e)
{
	switch ((enum stage)e->stage) {
	case STAGE_FRESH:
		return "new";
	case STAGE_WAITING:
		return e->active != NULL && active_is_busy(e->active)
			   ? "active"
			   : "waiting";
	case STAGE_FINISH:
		return "finishing";
	case STAGE_CLEAN:
		return "removing";
	case STAGE_ASIDE:
		break;
	}
	return "quarantined";
}

/* A destination's name as one word. */
static void
put_key(struct buf *b, const struct dest *d)
{
	log_safe(b, (struct span){ d->key, d->key_len });
}

static void
do_info(struct send *s, struct buf *b, const struct ask *k)
{
	uint32_t slot = table_find(s->table, k->id);
	uint64_t jobs = 0;
	const struct entry *e;

	if (slot == TABLE_NONE) {
		buf_puts(b, "error no such message\n");
		return;
	}
	e = table_at(s->table, slot);
	buf_puts(b, stage_word(e));
	buf_puts(b, e->is_held ? " 1" : " 0");
	for (size_t c = 0; c < CHANNELS; c++) {
		buf_putc(b, ' ');
		buf_putu(b, e->place[c] != 0 ? e->due[c] : 0);
		if (e->active != NULL)
			jobs += e->active->pass[c].jobs;
	}
	buf_putc(b, ' ');
	buf_putu(b, jobs);
	for (size_t c = CHANNELS; c-- > 0;) {
		if (e->dest[c] == DEST_NONE)
			continue;
		buf_putc(b, ' ');
		buf_puts(b, verdict_channel((enum channel)c));
		buf_putc(b, ' ');
		put_key(b, dest_at(s->dests[c], e->dest[c]));
		buf_putc(b, '\n');
		return;
	}
	buf_puts(b, " - -\n");
}

static void
put_dest(struct send *s, struct buf *b, size_t c, uint32_t at)
{
	const struct dest *d = dest_at(s->dests[c], at);
	int64_t rest = d->until == 0 ? 0 : (d->until - clock_ms()) / 1000;
	const uint64_t numbers[] = { d->running, dest_limit(s->dests[c], at),
		d->line.n + d->ngroups, d->failures,
		d->until == 0 ? 0 : (uint64_t)(s->now + rest) };

	buf_puts(b, verdict_channel((enum channel)c));
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		buf_putc(b, ' ');
		buf_putu(b, numbers[i]);
	}
	buf_putc(b, ' ');
	put_key(b, d);
	buf_putc(b, ' ');
	if (d->failures > 0)
		log_safe(b, (struct span){ d->why, d->why_len });
	buf_putc(b, '\n');
}

/* Those that there is something to say of. */
static void
do_dests(struct send *s, struct buf *b, const struct ask *k)
{
	(void)k;
	for (size_t c = 0; c < CHANNELS; c++) {
		uint32_t d = DEST_NONE;

		while ((d = dest_after(s->dests[c], d)) != DEST_NONE &&
		       b->len < ANSWER_BYTES / 2) {
			const struct dest *p = dest_at(s->dests[c], d);

			if (p->is_active || p->failures > 0)
				put_dest(s, b, c, d);
		}
	}
}

static void
do_dest(struct send *s, struct buf *b, const struct ask *k)
{
	uint32_t d = dest_find(s->dests[k->channel], k->key);

	if (d == DEST_NONE)
		buf_puts(b, "error no such destination\n");
	else
		put_dest(s, b, k->channel, d);
}

static void
do_routes(struct send *s, struct buf *b, const struct ask *k)
{
	(void)k;
	send_routes(s, b);
	buf_putc(b, '\n');
}

typedef void answer_fn(struct send *s, struct buf *b, const struct ask *k);

/* What is about the system, and what is about one message. */
static answer_fn *const answers[ASK_VERBS] = {
	[ASK_STATUS] = do_status,
	[ASK_RELOAD] = do_reload,
	[ASK_FLUSH] = do_flush,
	[ASK_INFO] = do_info,
	[ASK_DESTS] = do_dests,
	[ASK_DEST] = do_dest,
	[ASK_ROUTES] = do_routes,
};

static operate_fn *const deeds[ASK_VERBS] = {
	[ASK_FLUSH] = operate_flush,
	[ASK_HOLD] = operate_hold,
	[ASK_RELEASE] = operate_release,
	[ASK_DELETE] = operate_delete,
	[ASK_BOUNCE] = operate_bounce,
};

/* Root may do everything, and so may who we are. */
static bool
may_ask(const struct talker *k, const struct ask *ask)
{
	return ask_is_harmless(ask) || k->peer.uid == 0 ||
	       k->peer.uid == geteuid();
}

static void
obey(struct send *s, struct talker *k, struct span line)
{
	struct ask ask;

	if (ask_parse(line, &ask) < 0) {
		buf_puts(&k->out, "error not understood\n");
	} else if (!may_ask(k, &ask)) {
		buf_puts(&k->out, "error not permitted\n");
	} else if (ask.has_id && deeds[ask.verb] != NULL) {
		buf_puts(&k->out, deeds[ask.verb](s, ask.id, k->peer.uid));
		buf_putc(&k->out, '\n');
	} else {
		answers[ask.verb](s, &k->out, &ask);
	}
	buf_putc(&k->out, '\n');
}

/* --- connections --- */

void
talk_prepare(struct send *s)
{
	struct talk *t = &s->talk;
	bool is_full = true;

	for (size_t i = 0; i < TALK_MAX; i++) {
		struct talker *k = &t->talkers[i];

		if (k->fd < 0) {
			is_full = false;
			continue;
		}
		k->handle = k->out.len > 0 ? wait_out(&s->wait, k->fd)
					   : wait_in(&s->wait, k->fd);
		wait_until(&s->wait, k->until);
	}
	t->handle = wait_in(&s->wait, is_full ? -1 : t->fd);
}

static void
take_call(struct talk *t)
{
	int fd = accept4(t->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct talker *k = t->talkers;

	if (fd < 0)
		return; /* it has gone again */
	while (k->fd >= 0)
		k++;
	if (sock_peer(fd, &k->peer) < 0) {
		fd_close(&fd);
		return;
	}
	k->fd = fd;
	k->until = clock_ms() + TALK_MS;
}

/* Answer the next question that is at hand; false: there is none. */
static bool
answer_next(struct send *s, struct talker *k)
{
	struct span in = buf_span(&k->in);
	size_t lf = span_find(in, '\n');

	if (lf == in.len)
		return false;
	obey(s, k, span_head(in, lf));
	buf_drop(&k->in, lf + 1);
	return true;
}

/* Whether a whole question is at hand. */
static bool
has_question(const struct talker *k)
{
	return span_find(buf_span(&k->in), '\n') < k->in.len;
}

/* Answer, and hear what there is; false: the end of the conversation. */
static bool
converse(struct send *s, struct talker *k)
{
	size_t got = 1;

	k->until = clock_ms() + TALK_MS;
	if (k->out.len == 0 &&
	    fd_read_buf(k->fd, &k->in, ASK_LINE_MAX, k->until, &got) < 0)
		return false;
	do {
		while (k->out.len < ANSWER_FULL && answer_next(s, k))
			;
		if (pipe_push(k->fd, &k->out) < 0)
			return false;
		/* all of it went: there may be more to be answered */
	} while (k->out.len == 0 && has_question(k));
	/* what goes on and on is no question */
	return got > 0 && (k->in.len < ASK_LINE_MAX || has_question(k));
}

void
talk_ready(struct send *s)
{
	struct talk *t = &s->talk;
	int64_t now = clock_ms();

	for (size_t i = 0; i < TALK_MAX; i++) {
		struct talker *k = &t->talkers[i];

		if (k->fd < 0)
			continue;
		if (now >= k->until ||
		    (wait_ready(&s->wait, k->handle) && !converse(s, k)))
			hang_up(k);
	}
	if (wait_ready(&s->wait, t->handle))
		take_call(t);
}

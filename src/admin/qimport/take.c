/*
 * take - one message of the classic queue comes into ours: see take.h
 */
#include "take.h"

#include <unistd.h>

#include "base/err.h"
#include "classic.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/prog.h"

enum {
	KEY_LIMIT = 128,
	PIECE = 64 * 1024,
	MICROSECONDS = 1000000,
	TELL_MS = 10 * 1000 /* qmail-send need not list the queue more often */
};

/* A message while it is taken. */
struct message {
	uint64_t n;
	bool is_todo;
	int mess, bounce; /* open; -1: there is none */
	int64_t birth;    /* seconds since 1970 */
	struct classic_head head;
	bool is_rest; /* an earlier run took some recipients */
};

void
take_init(struct take *t)
{
	*t = (struct take){ .head = BUF_INIT(ENVELOPE_MAX),
		.channel = BUF_INIT(ENVELOPE_MAX),
		.key = BUF_INIT(KEY_LIMIT),
		.ours = BUF_INIT(2 * (size_t)ENVELOPE_MAX) };
}

void
take_free(struct take *t)
{
	buf_free(&t->head);
	buf_free(&t->channel);
	buf_free(&t->key);
	buf_free(&t->ours);
}

/* Say that a message is left, for one of its files. False. */
static bool
leave(struct take *t, const struct message *m, enum place p, const char *why)
{
	struct buf *b = report_message(t->report, m->n);

	buf_puts(b, "left: ");
	source_put_file(b, t->source, p, m->n);
	buf_puts(b, ": ");
	buf_puts(b, why);
	report_end(t->report);
	t->report->left++;
	return false;
}

/* --- what an earlier run did --- */

/* Whether this very message is in our queue. */
static bool
is_ours(struct take *t, const struct message *m, uint64_t id)
{
	struct buf key = BUF_INIT(KEY_LIMIT);
	struct envelope e;
	uint64_t size;
	int fd = -1;
	int r;

	buf_reset(&t->ours);
	r = store_envelope(t->store, id, &t->ours, &e);
	if (r == 0)
		r = store_message(t->store, id, &fd, &size);
	if (r == 0)
		r = journal_put_key(&key, m->n, fd);
	if (r == 0 && !span_eq(buf_span(&key), buf_span(&t->key)))
		r = E_ABSENT;
	fd_close(&fd);
	buf_free(&key);
	return r == 0;
}

static void
write_journal(struct take *t, enum event e, const struct entry *what)
{
	int r = journal_put(t->journal, e, buf_span(&t->key), what);

	if (r == 0)
		return;
	/* half a line may be in it: it is read before the next is written */
	if (t->accept != NULL)
		accept_abort(t->accept);
	prog_die(EX_SOFT, "unable to write queue/import/journal", r);
}

/* What the journal says of the message. False: nothing. */
static bool
recall(struct take *t, const struct message *m, struct entry *out)
{
	/* killed in the middle: either we have it, or we begin anew */
	if (journal_find(t->journal, EVENT_BEGUN, buf_span(&t->key), out) &&
	    is_ours(t, m, out->id)) {
		if (t->accept == NULL)
			return true;
		write_journal(t, EVENT_TAKEN, out);
	}
	return journal_find(t->journal, EVENT_TAKEN, buf_span(&t->key), out);
}

/* Whether all of it was taken. */
static bool
is_done(struct take *t, struct message *m)
{
	struct entry before;
	struct buf *b;

	m->is_rest = recall(t, m, &before);
	rcpts_begin(t->rcpts, m->is_rest ? &before.left : NULL);
	if (!m->is_rest || before.left.len > 0)
		return false;
	b = report_message(t->report, m->n);
	buf_puts(b, "taken before as ");
	buf_putu(b, before.id);
	report_end(t->report);
	t->report->before++;
	return true;
}

/* --- reading it --- */

static bool
open_message(struct take *t, struct message *m)
{
	int r = source_open(t->source, PLACE_MESS, m->n, &m->mess, NULL);

	buf_reset(&t->key);
	if (r == 0)
		r = journal_put_key(&t->key, m->n, m->mess);
	return r == 0 || leave(t, m, PLACE_MESS, source_text(r));
}

/* All of one small file. E_ABSENT. */
static int
read_file(struct take *t, const struct message *m, enum place p, struct buf *b,
    int64_t *mtime)
{
	int fd = -1;
	int r;

	buf_reset(b);
	r = source_open(t->source, p, m->n, &fd, mtime);
	if (r == 0)
		r = fd_read_all(fd, b);
	fd_close(&fd);
	return r;
}

static bool
read_head(struct take *t, struct message *m)
{
	enum place p = m->is_todo ? PLACE_TODO : PLACE_INFO;
	int r = read_file(t, m, p, &t->head, &m->birth);

	if (r < 0)
		return leave(t, m, p, source_text(r));
	r = m->is_todo ? classic_todo(buf_span(&t->head), &m->head)
		       : classic_info(buf_span(&t->head), &m->head);
	return r == 0 || leave(t, m, p, classic_text(r));
}

static bool
read_channel(struct take *t, const struct message *m, enum routes_to to)
{
	enum place p = to == ROUTES_LOCAL ? PLACE_LOCAL : PLACE_REMOTE;
	int r = read_file(t, m, p, &t->channel, NULL);

	if (r == E_ABSENT)
		return true; /* nothing goes there, or all is done */
	if (r < 0)
		return leave(t, m, p, source_text(r));
	r = classic_channel(buf_span(&t->channel));
	if (r < 0)
		return leave(t, m, p, classic_text(r));
	rcpts_add_channel(t->rcpts, to, buf_span(&t->channel));
	return true;
}

static bool
open_bounce(struct take *t, struct message *m)
{
	int r = source_open(t->source, PLACE_BOUNCE, m->n, &m->bounce, NULL);

	return r == 0 || r == E_ABSENT ||
	       leave(t, m, PLACE_BOUNCE, source_text(r));
}

static bool
read_rcpts(struct take *t, struct message *m)
{
	int r;

	if (m->is_todo)
		/* info, local, remote, bounce beside it mean nothing */
		rcpts_add_todo(t->rcpts, buf_span(&t->head));
	else if (!read_channel(t, m, ROUTES_LOCAL) ||
		 !read_channel(t, m, ROUTES_REMOTE) ||
		 /* the bounce went with the first of its recipients */
		 (!m->is_rest && !open_bounce(t, m)))
		return false;
	r = rcpts_err(t->rcpts);
	return r == 0 || leave(t, m, PLACE_MESS, err_text(r));
}

/* --- taking it --- */

/* The ID we would like it to have: its birth, and something of its own. */
static uint64_t
wanted_id(const struct message *m)
{
	int64_t birth = m->birth, now = clock_real();

	if (birth > now)
		birth = now;
	if (birth < 1)
		birth = 1;
	return (uint64_t)birth * MICROSECONDS + m->n % MICROSECONDS;
}

/* Copy the message. *is_theirs: it could not be read. */
static int
copy(struct take *t, const struct message *m, bool *is_theirs)
{
	char piece[PIECE];
	size_t got = 1;
	int r = accept_begin(t->accept);

	while (r == 0 && got > 0) {
		r = fd_read(m->mess, piece, sizeof(piece), FD_FOREVER, &got);
		*is_theirs = r < 0;
		if (r == 0)
			r = accept_put(t->accept, (struct span){ piece, got });
	}
	return r;
}

/* Make it ours. The journal knows of it from before it is. */
static int
carry(struct take *t, const struct message *m, struct entry *e, bool *is_theirs)
{
	struct envelope env = { .uid = m->is_todo ? m->head.uid : t->uid,
		.pid = m->is_todo ? m->head.pid : (uint64_t)getpid(),
		.node = t->node,
		.sender = m->head.sender,
		.envid = SPAN(""),
		.rcpts = buf_span(&t->rcpts->taken),
		.nrcpt = t->rcpts->ntaken };
	int r = copy(t, m, is_theirs);

	if (r == 0)
		r = accept_claim(t->accept, wanted_id(m), &e->id);
	if (r < 0) {
		accept_abort(t->accept);
		return r;
	}
	e->left = buf_span(&t->rcpts->left);
	write_journal(t, EVENT_BEGUN, e);
	r = notes_set(t->notes, e->id, env.nrcpt, m->bounce);
	if (r == 0)
		r = accept_commit(t->accept, &env);
	else
		accept_abort(t->accept);
	if (r == 0)
		write_journal(t, EVENT_TAKEN, e);
	else
		/* whoever gets this ID must not find it */
		err_ignore(notes_set(t->notes, e->id, 0, -1));
	return r;
}

/* Tell qmail-send now and then. */
static void
tell(struct take *t)
{
	if (clock_ms() < t->tell_at)
		return;
	store_tell_all(t->store);
	t->tell_at = clock_ms() + TELL_MS;
}

/* Its line, and those of recipients that are not as they were. */
static void
say_taken(struct take *t, const struct message *m, uint64_t id)
{
	const struct rcpts *r = t->rcpts;
	struct buf *b = report_message(t->report, m->n);

	if (t->accept == NULL) {
		buf_puts(b, "would be taken: ");
	} else {
		buf_puts(b, "taken as ");
		buf_putu(b, id);
		buf_puts(b, ": ");
	}
	report_put_count(b, r->ntaken, "recipient");
	if (m->bounce >= 0)
		buf_puts(b, ", a bounce");
	if (r->nleft > 0) {
		buf_puts(b, "; left: ");
		report_put_count(b, r->nleft, "recipient");
	}
	report_end(t->report);
	t->report->taken++;
}

static void
say_left(struct take *t, const struct message *m)
{
	struct buf *b = report_message(t->report, m->n);

	buf_puts(b, "left: ");
	report_put_count(b, t->rcpts->nleft, "recipient");
	report_end(t->report);
	t->report->left++;
}

/* One line for each recipient that needs one. */
static void
say_rcpts(struct take *t)
{
	struct span rest = buf_span(&t->rcpts->details), line;

	while (span_line(&rest, &line)) {
		buf_put(report_begin(t->report), line);
		report_end(t->report);
	}
	t->report->rcpts += t->rcpts->nleft;
}

static void
take(struct take *t, const struct message *m)
{
	const struct rcpts *rcpts = t->rcpts;
	struct entry e = { .id = 0 };
	bool is_theirs = false;
	int r;

	if (rcpts->ntaken == 0 && rcpts->nleft > 0) {
		say_left(t, m);
	} else if (rcpts->ntaken == 0 && m->bounce < 0) {
		buf_puts(report_message(t->report, m->n), "nothing to do");
		report_end(t->report);
		t->report->nothing++;
	} else if (t->accept == NULL) {
		say_taken(t, m, 0);
	} else {
		r = carry(t, m, &e, &is_theirs);
		if (r < 0) {
			struct buf *b = report_message(t->report, m->n);

			buf_puts(b, is_theirs ? "left: unable to read it: "
					      : "left: unable to queue it: ");
			buf_puts(b, err_text(r));
			report_end(t->report);
			t->report->left++;
			return;
		}
		say_taken(t, m, e.id);
		tell(t);
	}
	say_rcpts(t);
}

void
take_message(struct take *t, uint64_t n, bool is_todo)
{
	struct message m = {
		.n = n, .is_todo = is_todo, .mess = -1, .bounce = -1
	};

	if (open_message(t, &m) && !is_done(t, &m) && read_head(t, &m) &&
	    read_rcpts(t, &m))
		take(t, &m);
	fd_close(&m.mess);
	fd_close(&m.bounce);
}

void
take_end(struct take *t)
{
	int r = journal_sync(t->journal);

	if (r < 0)
		prog_die(EX_SOFT, "unable to write queue/import/journal", r);
	/* also of what an earlier run had no time to tell */
	if (t->accept != NULL)
		store_tell_all(t->store);
}

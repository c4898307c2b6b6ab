/*
 * pool - the processes that deliver, each for one account: see lsched.h
 */
#include <errno.h>

#include "base/err.h"
#include "lsched.h"
#include "queue/wire.h"
#include "report.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/prog.h"
#include "sys/sock.h"

enum { EXIT_NOTHIM = 111, EXIT_NOEXEC = 120, EXIT_NEVEREXEC = 126 };

static bool
is_same(const struct proc_id *a, const struct proc_id *b)
{
	return a->uid == b->uid && a->gid == b->gid;
}

/* Tell a worker to go away: end of file does, and a signal later. */
static void
retire(struct worker *w)
{
	fd_close(&w->fd);
	w->since = clock_ms() + GRACE_MS;
}

/* Give qmail-lspawn an order; without it nothing can be delivered. */
static void
order(struct lsched *s, const struct worker_order *o, int work)
{
	int r;

	buf_reset(&s->order);
	worker_order_put(&s->order, o);
	r = buf_err(&s->order);
	if (r == 0)
		r = sock_send(WORKER_FD, buf_span(&s->order), work,
		    clock_ms() + WORKER_MS);
	if (r < 0)
		prog_die(EX_SOFT, "unable to talk to qmail-lspawn", r);
}

static uint32_t
slot_of(const struct lsched *s, const struct worker *w)
{
	return (uint32_t)(w - s->worker);
}

/* It broke the rules. What it has in hand ends when it is gone. */
static void
end_worker(struct lsched *s, struct worker *w)
{
	const struct worker_order o = { .slot = slot_of(s, w) };

	retire(w);
	order(s, &o, -1);
}

/* Have a worker started in a free slot. NULL, or why it cannot be. */
static const char *
start(struct lsched *s, struct worker *w, const struct proc_id *id)
{
	const struct worker_order o = { .is_start = true,
		.slot = slot_of(s, w),
		.uid = id->uid,
		.gid = id->gid };
	int ends[2];

	if (sock_pair(ends) < 0)
		return "qmail-spawn unable to create pipe. (#4.3.0)\n";
	*w = (struct worker){ .is_used = true, .fd = ends[0], .id = *id };
	order(s, &o, ends[1]);
	fd_close(&ends[1]);
	return NULL;
}

/* What there is for one account. */
struct survey {
	struct worker *idle;   /* its worker that was at work last */
	struct worker *free;   /* a slot */
	struct worker *oldest; /* of others, idle for longest */
	size_t of_uid;         /* how many this uid has */
	bool is_busy;          /* this account has one, at work */
	bool is_retiring;      /* a slot will soon be free */
};

static struct survey
look(struct lsched *s, const struct proc_id *id)
{
	struct survey v = { .idle = NULL };

	for (size_t i = 0; i < WORKERS_MAX; i++) {
		struct worker *w = &s->worker[i];

		if (!w->is_used) {
			v.free = v.free == NULL ? w : v.free;
			continue;
		}
		v.of_uid += w->id.uid == id->uid;
		v.is_retiring = v.is_retiring || w->fd < 0;
		v.is_busy = v.is_busy || (w->fd >= 0 && w->task != NULL &&
					     is_same(&w->id, id));
		if (w->fd < 0 || w->task != NULL)
			continue;
		if (!is_same(&w->id, id)) {
			if (v.oldest == NULL || w->since < v.oldest->since)
				v.oldest = w;
		} else if (v.idle == NULL || w->since > v.idle->since) {
			v.idle = w;
		}
	}
	return v;
}

/* Open the message for t: each worker has an offset of its own. */
static const char *
open_message(struct lsched *s, const struct task *t, int *fd)
{
	uint64_t size;
	int r = store_message(s->store, t->order->id, fd, &size);

	switch (r) {
	case 0:
		return NULL;
	case E_NOMEM:
		return "qmail-spawn out of memory. (#4.3.0)\n";
	case E_DAMAGED:
		return "Sorry, message has wrong type. (#4.3.5)\n";
	default:
		return "qmail-spawn unable to open message. (#4.3.0)\n";
	}
}

/* Give t to w. False: w, which had worked before, is lost; t is not. */
static bool
send_work(struct lsched *s, struct worker *w, struct task *t, int message)
{
	/* who waits for work has room for it: no time is given */
	int r = sock_send(w->fd, buf_span(&t->bytes), message, clock_ms());

	if (r < 0) {
		end_worker(s, w);
		if (w->has_worked)
			return false;
	}
	w->task = t;
	return true;
}

/* Give t to a worker that is idle or new. False: it has to wait. */
static bool
dispatch(struct lsched *s, struct task *t)
{
	struct survey v = look(s, &t->id);
	struct worker *w = v.idle;
	const char *trouble;
	int message = -1;

	/* a delivery mostly takes less than to start a program */
	if (w == NULL && v.is_busy && clock_ms() < t->deadline) {
		if (t->deadline < s->look_at)
			s->look_at = t->deadline;
		return false;
	}
	if (w == NULL && (v.of_uid >= WORKERS_PER_UID || v.free == NULL)) {
		if (v.free == NULL && v.oldest != NULL && !v.is_retiring)
			retire(v.oldest);
		return false;
	}
	TAILQ_REMOVE(&s->ready, t, link);
	trouble = open_message(s, t, &message);
	if (trouble == NULL && w == NULL) {
		w = v.free;
		trouble = start(s, w, &t->id);
	}
	if (trouble != NULL) {
		task_end(s, t, 'Z', trouble);
	} else if (!send_work(s, w, t, message)) {
		TAILQ_INSERT_HEAD(&s->ready, t, link);
		s->is_changed = true;
	}
	fd_close(&message);
	return true;
}

void
pool_add(struct lsched *s, struct task *t)
{
	t->deadline = clock_ms() + PATIENCE_MS;
	TAILQ_INSERT_TAIL(&s->ready, t, link);
	s->is_changed = true;
}

/* In the order they came, but nobody waits for another user's worker. */
void
pool_run(struct lsched *s)
{
	while (s->is_changed) {
		struct task *t = TAILQ_FIRST(&s->ready), *next;
		const struct proc_id *busy = NULL;

		s->is_changed = false;
		s->look_at = INT64_MAX;
		for (; t != NULL; t = next) {
			next = TAILQ_NEXT(t, link);
			if (busy != NULL && is_same(busy, &t->id))
				continue;
			if (!dispatch(s, t))
				busy = &t->id;
		}
	}
}

/* Take the result from w's socket, or learn that there is none. */
static int
take_result(struct lsched *s, struct worker *w, int64_t deadline)
{
	struct span rest, output;
	struct frame f;
	struct task *t = w->task;
	uint32_t code;
	size_t got = 0;
	int r;

	buf_reset(&s->done);
	r = fd_read_buf(w->fd, &s->done, DONE_MAX, deadline, &got);
	/* it went without having read what we sent */
	w->is_unread = err_is(r, ECONNRESET);
	if (r < 0)
		return r;
	rest = buf_span(&s->done);
	r = wire_next(&rest, DONE_MAX, &f);
	if (r < 0)
		return r;
	code = wire_get_u32(&f);
	output = wire_get_bytes(&f);
	if (f.type != WIRE_DONE || wire_err(&f) < 0)
		return E_SYNTAX;
	w->task = NULL;
	w->has_worked = true;
	w->since = clock_ms();
	s->is_changed = true;
	task_report(s, t, code, output);
	return 0;
}

/* What to say of a task whose worker ended like this. */
static uint32_t
code_of(const struct worker *w, const struct worker_end *end)
{
	if (end->how == WORKER_EXITED && !w->has_worked) {
		if (end->value == EXIT_NOTHIM)
			return LOCAL_LATER;
		if (end->value == EXIT_NOEXEC || end->value == EXIT_NEVEREXEC)
			return end->value;
	}
	return LOCAL_CRASHED;
}

/* What w had in hand when it went. */
static void
settle(struct lsched *s, struct worker *w, const struct worker_end *end)
{
	/* its last words may still be in the socket */
	if (w->task != NULL && w->fd >= 0)
		err_ignore(take_result(s, w, clock_ms()));
	if (w->task == NULL)
		return;
	/* it was gone before we sent the work: another can do it */
	if (w->is_unread && w->has_worked)
		TAILQ_INSERT_HEAD(&s->ready, w->task, link);
	else if (end->how == WORKER_NOFORK)
		task_end(
		    s, w->task, 'Z', "qmail-spawn unable to fork. (#4.3.0)\n");
	else
		task_report(s, w->task, code_of(w, end), SPAN(""));
}

/* qmail-lspawn says that a worker is no more, or is itself gone. */
static void
take_end(struct lsched *s)
{
	struct worker_end end;
	struct worker *w;
	int passed = -1;
	size_t got = 0;
	int r;

	buf_reset(&s->gone);
	r = sock_recv(
	    WORKER_FD, &s->gone, WORKER_FRAME_MAX, FD_FOREVER, &got, &passed);
	fd_close(&passed);
	if (r == 0)
		r = got == 0 ? E_EOF : worker_end_get(buf_span(&s->gone), &end);
	if (r < 0)
		prog_die(EX_SOFT, "unable to talk to qmail-lspawn", r);
	w = &s->worker[end.slot];
	if (!w->is_used)
		return;
	settle(s, w, &end);
	fd_close(&w->fd);
	*w = (struct worker){ .fd = -1 };
	s->is_changed = true;
}

void
pool_prepare(struct lsched *s, struct wait *w)
{
	s->lspawn = wait_in(w, WORKER_FD);
	wait_until(w, s->look_at);
	for (size_t i = 0; i < WORKERS_MAX; i++) {
		struct worker *k = &s->worker[i];

		if (!k->is_used)
			continue;
		if (k->fd < 0)
			wait_until(w, k->since);
		else if (k->task == NULL)
			wait_until(w, k->since + IDLE_MS);
		else
			k->handle = wait_in(w, k->fd);
	}
}

void
pool_ready(struct lsched *s, const struct wait *w)
{
	int64_t now = clock_ms();

	s->is_changed = s->is_changed || s->look_at <= now;
	for (size_t i = 0; i < WORKERS_MAX; i++) {
		struct worker *k = &s->worker[i];

		if (!k->is_used)
			continue;
		if (k->fd < 0) {
			if (k->since <= now)
				end_worker(s, k);
		} else if (k->task == NULL) {
			if (k->since + IDLE_MS <= now)
				retire(k);
		} else if (wait_ready(w, k->handle) &&
			   take_result(s, k, FD_FOREVER) < 0) {
			end_worker(s, k);
		}
	}
	if (wait_ready(w, s->lspawn))
		take_end(s);
}

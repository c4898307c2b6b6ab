/*
 * pool - the resident qmail-remotes: see pool.h
 */
#include "pool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include "base/err.h"
#include "child.h"
#include "queue/wire.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/file.h"
#include "sys/proc.h"
#include "sys/prog.h"
#include "sys/sock.h"

enum { TRIES = 3 };

static const char crashed[] = "qmail-remote crashed.\n";
static const char unable[] = "Unable to run qmail-remote.\n";

void
pool_init(struct pool *p, unsigned long soft)
{
	size_t i;

	for (i = 0; i < LIMIT_WORKERS; i++)
		p->worker[i] =
		    (struct worker){ .fd = -1, .key = BUF_INIT(LIMIT_KEY) };
	p->n = 0;
	p->in = BUF_INIT(RESULT_FRAME_MAX + WIRE_HEAD);
	p->out = BUF_INIT(JOB_FRAME_MAX + WIRE_HEAD);
	p->soft = soft;
}

void
pool_free(struct pool *p)
{
	size_t i;

	for (i = 0; i < p->n; i++) {
		fd_close(&p->worker[i].fd);
		buf_free(&p->worker[i].key);
	}
	buf_free(&p->in);
	buf_free(&p->out);
}

static bool
is_free(const struct worker *w)
{
	return w->fd < 0 && w->pid == 0 && w->task == NULL;
}

static bool
is_idle(const struct worker *w)
{
	return w->fd >= 0 && w->pid != 0 && w->task == NULL;
}

/* Close its socket: it says QUIT and goes. */
static void
dismiss(struct worker *w)
{
	fd_close(&w->fd);
	w->deadline = clock_ms() + LIMIT_LEAVE_MS;
}

static void
end_by_force(struct worker *w)
{
	/* not reaped yet, so the number still is this process */
	if (w->pid != 0)
		(void)kill(w->pid, SIGKILL);
	w->deadline = clock_ms() + LIMIT_LEAVE_MS;
}

/* Start qmail-remote in a free slot. */
static int
start(struct pool *p, struct worker *w)
{
	static const char *const argv[] = { "bin/qmail-remote", "--resident",
		NULL };
	int ends[2] = { -1, -1 };
	int tcpto = -1;
	int r = sock_pair(ends);

	if (r < 0)
		return r;
	/* its own opening, so that locks count; without it no such table */
	if (file_open(FILE_CWD, "queue/lock/tcpto", O_RDWR, 0, &tcpto) < 0)
		tcpto = -1;
	r = child_start(argv,
	    &(struct child_fds){ { ends[1], -1, CHILD_KEEP, tcpto } }, p->soft,
	    &w->pid);
	fd_close(&ends[1]);
	fd_close(&tcpto);
	if (r < 0) {
		fd_close(&ends[0]);
		return r;
	}
	w->fd = ends[0];
	w->connected = false;
	w->idle_since = clock_ms();
	w->deadline = w->idle_since + LIMIT_IDLE_MS;
	return 0;
}

static bool
leads_there(const struct worker *w, const struct buf *key)
{
	return w->connected && buf_err(&w->key) == 0 && buf_err(key) == 0 &&
	       span_eq(buf_span(&w->key), buf_span(key));
}

/* What pick() has seen. Of equals the one used last: others may retire. */
struct choice {
	struct worker *there, *fresh, *oldest, *empty;
};

static void
consider(struct choice *c, struct worker *w, const struct buf *key)
{
	if (is_free(w) && c->empty == NULL)
		c->empty = w;
	if (!is_idle(w))
		return;
	if (leads_there(w, key)) {
		if (c->there == NULL || w->idle_since > c->there->idle_since)
			c->there = w;
		return;
	}
	if (!w->connected &&
	    (c->fresh == NULL || w->idle_since > c->fresh->idle_since))
		c->fresh = w;
	if (c->oldest == NULL || w->idle_since < c->oldest->idle_since)
		c->oldest = w;
}

static int
pick(struct pool *p, const struct buf *key, struct worker **out)
{
	struct choice c = { .there = NULL };
	size_t i;
	int r = E_BUSY;

	for (i = 0; i < p->n; i++)
		consider(&c, &p->worker[i], key);
	if (c.empty == NULL && p->n < LIMIT_WORKERS)
		c.empty = &p->worker[p->n];
	*out = c.there != NULL ? c.there : c.fresh;
	if (*out != NULL)
		return 0;
	if (c.empty != NULL) {
		r = start(p, c.empty);
		if (c.empty == &p->worker[p->n] && r == 0)
			p->n++;
		*out = c.empty;
		if (r == 0)
			return 0;
	}
	/* it hangs up by itself when it is sent elsewhere */
	if (c.oldest == NULL)
		return r;
	*out = c.oldest;
	return 0;
}

static int
put_work(struct buf *out, const struct task *t)
{
	size_t begun;
	uint32_t i;

	buf_reset(out);
	begun = wire_begin(out, WIRE_WORK);
	wire_put_bytes(out, task_host(t));
	wire_put_bytes(out, t->job.sender);
	wire_put_bytes(out, t->job.route);
	wire_put_u32(out, t->left);
	for (i = 0; i < t->job.nrcpt; i++)
		if (t->verdict[i].letter == 0)
			wire_put_bytes(out, t->job.rcpt[i].addr);
	wire_end(out, begun);
	return buf_err(out);
}

int
pool_give(struct pool *p, struct task *t, const struct buf *key, int fd)
{
	struct worker *w;
	int tries;
	int r = put_work(&p->out, t);

	for (tries = 0; r == 0 && tries < TRIES; tries++) {
		r = pick(p, key, &w);
		if (r < 0)
			return r;
		if (sock_send(w->fd, buf_span(&p->out), fd, clock_ms()) == 0) {
			w->task = t;
			w->deadline = clock_ms() + LIMIT_JOB_MS;
			buf_reset(&w->key);
			if (buf_err(key) == 0)
				buf_put(&w->key, buf_span(key));
			return 0;
		}
		/* it died this moment; its end is noticed later */
		dismiss(w);
	}
	return r < 0 ? r : err_of(EPIPE);
}

void
pool_prepare(struct pool *p, struct wait *wait)
{
	size_t i;

	for (i = 0; i < p->n; i++) {
		struct worker *w = &p->worker[i];

		w->handle = SIZE_MAX;
		if (is_free(w))
			continue;
		if (w->fd >= 0)
			w->handle = wait_in(wait, w->fd);
		wait_until(wait, w->deadline);
	}
}

/* The verdicts of a DONE frame. E_SYNTAX leaves the task as it was. */
static int
read_done(struct worker *w, struct span in)
{
	struct {
		char letter;
		struct span text;
	} got[JOB_RCPTS_MAX] = { { 0, { NULL, 0 } } };
	struct task *t = w->task;
	struct frame f;
	uint32_t n, i, k = 0;
	int r = wire_next(&in, RESULT_FRAME_MAX, &f);

	if (r < 0 || f.type != WIRE_DONE || t == NULL)
		return E_SYNTAX;
	w->connected = wire_get_u32(&f) != 0;
	n = wire_get_u32(&f);
	if (n != t->left)
		return E_SYNTAX;
	for (i = 0; i < n; i++) {
		uint32_t letter = wire_get_u32(&f);

		if (letter != 'K' && letter != 'Z' && letter != 'D')
			return E_SYNTAX;
		got[i].letter = (char)letter;
		got[i].text = wire_get_bytes(&f);
	}
	r = wire_err(&f);
	for (i = 0; r == 0 && i < t->job.nrcpt; i++)
		if (t->verdict[i].letter == 0) {
			task_settle(t, i, got[k].letter, got[k].text);
			k++;
		}
	return r;
}

/*
 * A worker is no more: both its socket and its process. What it was at
 * work on is not known to be done; the message stays.
 */
static void
bury(struct worker *w, pool_done_fn *done, void *ctx)
{
	struct proc_end end = proc_end_of(w->status);
	bool never_ran = end.how == PROC_EXITED && end.value == EX_SOFT;
	struct task *t = w->task;

	if (w->fd >= 0 || w->pid != 0)
		return;
	w->task = NULL;
	if (t == NULL)
		return;
	task_settle_all(t, 'Z', span_cstr(never_ran ? unable : crashed));
	done(ctx, t);
}

/* A worker has something to say, or is gone. */
static void
hear(struct pool *p, struct worker *w, pool_done_fn *done, void *ctx)
{
	struct task *t = w->task;
	size_t got = 0;
	int passed = -1;
	int r;

	buf_reset(&p->in);
	r = sock_recv(
	    w->fd, &p->in, RESULT_FRAME_MAX, FD_FOREVER, &got, &passed);
	fd_close(&passed);
	if (r < 0 || got == 0) {
		dismiss(w);
		bury(w, done, ctx);
		return;
	}
	if (read_done(w, buf_span(&p->in)) < 0) {
		/* it has lost its mind, or somebody took it over */
		end_by_force(w);
		return;
	}
	w->task = NULL;
	w->idle_since = clock_ms();
	w->deadline = w->idle_since + LIMIT_IDLE_MS;
	done(ctx, t);
}

void
pool_ready(
    struct pool *p, const struct wait *wait, pool_done_fn *done, void *ctx)
{
	int64_t now = clock_ms();
	size_t i;

	for (i = 0; i < p->n; i++) {
		struct worker *w = &p->worker[i];

		if (is_free(w))
			continue;
		if (w->fd >= 0 && wait_ready(wait, w->handle))
			hear(p, w, done, ctx);
		else if (now >= w->deadline && is_idle(w))
			dismiss(w);
		else if (now >= w->deadline)
			end_by_force(w);
	}
}

bool
pool_reaped(
    struct pool *p, pid_t pid, int status, pool_done_fn *done, void *ctx)
{
	size_t i;

	for (i = 0; i < p->n; i++) {
		struct worker *w = &p->worker[i];

		if (w->pid != pid)
			continue;
		w->pid = 0;
		w->status = status;
		bury(w, done, ctx);
		return true;
	}
	return false;
}

/*
 * orders - what qmail-send wants and what it hears: see lsched.h
 */
#include <errno.h>

#include "base/err.h"
#include "base/mem.h"
#include "lsched.h"
#include "queue/job.h"
#include "report.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/log.h"

enum { READ_PIECE = 64 * 1024 };

/* All tasks have a verdict: say so and forget. */
static void
close_order(struct lsched *s, struct order *o)
{
	struct result result;

	result.number = o->number;
	result.n = o->n;
	for (uint32_t i = 0; i < o->n; i++)
		result.verdict[i] = (struct verdict){ .index = o->task[i].index,
			.letter = o->task[i].letter,
			.text = buf_span(&o->task[i].bytes) };
	result_put(&s->out, &result);
	for (uint32_t i = 0; i < o->n; i++)
		buf_free(&o->task[i].bytes);
	TAILQ_REMOVE(&s->orders, o, link);
	s->norders--;
	buf_free(&o->frame);
	mem_free(o);
}

/* A verdict without words rather than a buf that has failed. */
static void
close_task(struct lsched *s, struct task *t, char letter)
{
	t->letter = letter;
	if (buf_err(&t->bytes) < 0) {
		t->letter = 'Z';
		buf_free(&t->bytes);
	}
	if (--t->order->left == 0)
		close_order(s, t->order);
}

void
task_end(struct lsched *s, struct task *t, char letter, const char *text)
{
	buf_reset(&t->bytes);
	buf_puts(&t->bytes, text);
	close_task(s, t, letter);
}

void
task_report(struct lsched *s, struct task *t, uint32_t code, struct span output)
{
	close_task(s, t, report(code, output, &t->bytes));
}

/* A new order with its own copy of the fields of its frame, from which *j
 * is read again. NULL: no memory. */
static struct order *
new_order(struct span fields, struct job *j)
{
	struct order *o = mem_new(1, sizeof(*o) + j->nrcpt * sizeof(*o->task));
	struct buf copy = BUF_INIT(JOB_FRAME_MAX);
	struct frame f = { .type = WIRE_JOB };
	int r;

	buf_put(&copy, fields);
	r = o == NULL ? E_NOMEM : buf_err(&copy);
	if (r == 0) {
		f.rest = buf_span(&copy);
		r = job_get(&f, j);
	}
	if (r < 0) {
		buf_free(&copy);
		mem_free(o);
		return NULL;
	}
	o->number = j->number;
	o->id = j->id;
	o->sender = j->sender;
	o->n = o->left = j->nrcpt;
	o->frame = copy;
	return o;
}

/* Begin with one recipient, which the last '@' divides. */
static void
begin_task(struct lsched *s, struct order *o, struct task *t,
    const struct job_rcpt *rcpt)
{
	size_t at = span_rfind(rcpt->addr, '@');

	*t = (struct task){ .order = o,
		.index = rcpt->index,
		.local = span_head(rcpt->addr, at),
		.domain = span_tail(rcpt->addr, at + 1),
		.bytes = BUF_INIT(WORK_MAX) };
	if (at == rcpt->addr.len)
		task_end(s, t, 'D',
		    "Sorry, address must include host name. (#5.1.3)\n");
	else if (at == 0)
		task_end(s, t, 'D',
		    "Sorry, no mailbox here by that name. (#5.1.1)\n");
	else
		users_find(s, t);
}

/* Why a job cannot be taken, in the words people know; NULL: it can. */
static const char *
objection(const struct lsched *s, const struct job *j)
{
	const struct order *o;

	if (s->norders >= ORDERS_MAX)
		return "Internal error: delnum too big. (#4.3.5)\n";
	TAILQ_FOREACH(o, &s->orders, link)
	if (o->number == j->number)
		return "Internal error: delnum in use. (#4.3.5)\n";
	return NULL;
}

/* Begin with a job. What cannot be begun is answered at once. */
static int
take_job(struct lsched *s, struct frame *f)
{
	const struct span fields = f->rest;
	struct order *o = NULL;
	struct result result;
	struct job j;
	const char *why;
	int r = job_get(f, &j);

	if (r < 0)
		return r;
	why = objection(s, &j);
	if (why == NULL && (o = new_order(fields, &j)) == NULL)
		why = "qmail-spawn out of memory. (#4.3.0)\n";
	if (o == NULL) {
		result_all(&result, &j, 'Z', span_cstr(why));
		result_put(&s->out, &result);
		return 0;
	}
	TAILQ_INSERT_TAIL(&s->orders, o, link);
	s->norders++;
	/* o dies with its last task: it is not looked at after that */
	for (uint32_t i = 0; i < j.nrcpt; i++)
		begin_task(s, o, &o->task[i], &j.rcpt[i]);
	return 0;
}

/* No more orders; what runs is finished. */
static void
stop(struct lsched *s, int r)
{
	s->is_over = true;
	if (r == 0)
		return;
	s->code = 111;
	log_err("unable to talk to qmail-send", r);
}

void
orders_read(struct lsched *s)
{
	size_t got = 0;
	struct span rest;
	struct frame f;
	int r = fd_read_buf(0, &s->in, READ_PIECE, FD_FOREVER, &got);

	if (r < 0 || got == 0) {
		stop(s, r == 0 && s->in.len > 0 ? E_EOF : r);
		return;
	}
	rest = buf_span(&s->in);
	do {
		r = wire_next(&rest, JOB_FRAME_MAX, &f);
		if (r == 0)
			r = take_job(s, &f);
	} while (r == 0);
	buf_drop(&s->in, s->in.len - rest.len);
	if (r != E_EOF)
		stop(s, r);
}

void
orders_write(struct lsched *s)
{
	int r = buf_err(&s->out);

	if (s->out.len == 0 && r == 0)
		return;
	if (r == 0)
		r = fd_write(1, buf_span(&s->out), clock_ms() + REPLY_MS);
	buf_reset(&s->out);
	/* a qmail-send that has gone wants no results: contract 1.5 */
	if (r < 0 && !s->is_over)
		stop(s, err_is(r, EPIPE) ? 0 : r);
}

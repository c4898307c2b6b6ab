/*
 * task - one job on its way: see task.h
 */
#include "task.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "mail/address.h"
#include "queue/wire.h"

static void
refuse_hostless(struct task *t)
{
	struct span local, domain;
	uint32_t i;

	for (i = 0; i < t->job.nrcpt; i++)
		if (!address_split(t->job.rcpt[i].addr, &local, &domain))
			task_settle(t, i, 'D',
			    SPAN("Sorry, address must include host name. "
				 "(#5.1.3)\n"));
}

int
task_new(struct span frame, struct task **out)
{
	struct task *t = mem_new(1, sizeof(*t));
	struct frame f;
	struct span in;
	int r;

	if (t == NULL)
		return E_NOMEM;
	t->frame = BUF_INIT(JOB_FRAME_MAX + WIRE_HEAD);
	buf_put(&t->frame, frame);
	r = buf_err(&t->frame);
	if (r < 0)
		goto fail;
	in = buf_span(&t->frame);
	r = wire_next(&in, JOB_FRAME_MAX, &f);
	if (r == 0)
		r = job_get(&f, &t->job);
	if (r < 0)
		goto fail;
	t->left = t->job.nrcpt;
	refuse_hostless(t);
	*out = t;
	return 0;
fail:
	task_destroy(&t);
	return r;
}

void
task_destroy(struct task **t)
{
	uint32_t i;

	if (*t == NULL)
		return;
	for (i = 0; (*t)->texts != NULL && i < (*t)->job.nrcpt; i++)
		buf_free(&(*t)->texts[i]);
	mem_free((*t)->texts);
	buf_free(&(*t)->frame);
	mem_free(*t);
	*t = NULL;
}

struct span
task_host(const struct task *t)
{
	struct span local, domain = SPAN("");
	uint32_t i;

	for (i = 0; i < t->job.nrcpt; i++)
		if (address_split(t->job.rcpt[i].addr, &local, &domain))
			return domain;
	return SPAN("");
}

void
task_settle(struct task *t, uint32_t i, char letter, struct span text)
{
	if (t->verdict[i].letter != 0)
		abort();
	t->verdict[i] = (struct verdict){ .index = t->job.rcpt[i].index,
		.letter = letter,
		.text = span_head(text, VERDICT_TEXT_MAX) };
	t->left--;
}

void
task_settle_all(struct task *t, char letter, struct span text)
{
	uint32_t i;

	for (i = 0; i < t->job.nrcpt; i++)
		if (t->verdict[i].letter == 0)
			task_settle(t, i, letter, text);
}

void
task_result(const struct task *t, struct buf *out)
{
	struct result r = { .number = t->job.number, .n = t->job.nrcpt };
	uint32_t i;

	for (i = 0; i < r.n; i++)
		r.verdict[i] = t->verdict[i];
	result_put(out, &r);
}

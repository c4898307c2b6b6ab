/*
 * cleaner - the conversation with qmail-clean: see cleaner.h
 */
#include "cleaner.h"

#include <errno.h>

#include "base/err.h"
#include "base/mem.h"
#include "pipe.h"
#include "sys/fd.h"

enum {
	OUT_MAX = 64 * 1024 * 1024,
	ANSWERS = 4096,
	FIRST_CAP = 64,
	REMOVALS_MAX = 1000
};

static const char *const words[] = {
	[CLEAN_FOOP] = "foop",
	[CLEAN_TODO] = "todo",
	[CLEAN_MESS] = "mess",
	[CLEAN_SYNC] = "sync",
	[CLEAN_QUAR] = "quar",
};

int
cleaner_open(struct cleaner *c, int wfd, int rfd)
{
	*c = (struct cleaner){ .wfd = wfd,
		.rfd = rfd,
		.is_alive = true,
		.out = BUF_INIT(OUT_MAX) };
	return fd_nonblock(wfd, true);
}

void
cleaner_free(struct cleaner *c)
{
	buf_free(&c->out);
	mem_free(c->asked);
	c->asked = NULL;
	c->cap = c->n = 0;
}

const char *
cleaner_word(enum clean_verb verb)
{
	return words[verb];
}

bool
cleaner_is_behind(const struct cleaner *c)
{
	return c->removals >= REMOVALS_MAX;
}

/* The envelope goes: then the message is not found again. */
static bool
is_removal(enum clean_verb verb)
{
	return verb == CLEAN_FOOP || verb == CLEAN_TODO;
}

/* A ring twice as large, its first request at 0. */
static int
grow(struct cleaner *c)
{
	size_t cap = c->cap == 0 ? FIRST_CAP : c->cap * 2;
	struct request *bigger = mem_new(cap, sizeof(*bigger));

	if (bigger == NULL)
		return E_NOMEM;
	for (size_t i = 0; i < c->n; i++)
		bigger[i] = c->asked[(c->first + i) & (c->cap - 1)];
	mem_free(c->asked);
	c->asked = bigger;
	c->cap = cap;
	c->first = 0;
	return 0;
}

int
cleaner_ask(
    struct cleaner *c, enum clean_verb verb, uint64_t id, const char *reason)
{
	int r;

	if (!c->is_alive)
		return err_of(EPIPE);
	if (c->n == c->cap && grow(c) < 0)
		return E_NOMEM;
	buf_puts(&c->out, words[verb]);
	buf_putc(&c->out, '/');
	buf_putu(&c->out, id);
	if (reason != NULL) {
		buf_putc(&c->out, ' ');
		buf_puts(&c->out, reason);
	}
	buf_putc(&c->out, '\0');
	r = buf_err(&c->out);
	if (r < 0)
		return r; /* and the next flush fails */
	c->asked[(c->first + c->n++) & (c->cap - 1)] =
	    (struct request){ .id = id, .verb = verb, .reason = reason };
	if (is_removal(verb))
		c->removals++;
	return 0;
}

void
cleaner_prepare(struct cleaner *c, struct wait *w)
{
	c->in_handle = wait_in(w, c->is_alive ? c->rfd : -1);
	c->out_handle =
	    wait_out(w, c->is_alive && c->out.len > 0 ? c->wfd : -1);
}

int
cleaner_flush(struct cleaner *c)
{
	return c->is_alive ? pipe_push(c->wfd, &c->out) : 0;
}

int
cleaner_ready(
    struct cleaner *c, const struct wait *w, cleaner_answer_fn *fn, void *ctx)
{
	char answers[ANSWERS];
	size_t got = 0;
	int r;

	if (!c->is_alive || !wait_ready(w, c->in_handle))
		return 0;
	r = fd_read(c->rfd, answers, sizeof(answers), FD_FOREVER, &got);
	if (r == 0 && got == 0)
		r = E_EOF;
	for (size_t i = 0; r == 0 && i < got; i++) {
		struct request q;

		if (c->n == 0)
			return E_SYNTAX; /* an answer nobody asked for */
		q = c->asked[c->first];
		c->first = (c->first + 1) & (c->cap - 1);
		c->n--;
		if (is_removal(q.verb))
			c->removals--;
		fn(ctx, &q, answers[i]);
	}
	return r;
}

/*
 * classic - programs run once per recipient: see classic.h
 */
#include "classic.h"

#include <signal.h>

#include "base/err.h"
#include "base/mem.h"
#include "child.h"
#include "fold.h"
#include "limits.h"
#include "mail/address.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/proc.h"

enum { PIECE = 4096 };

struct run {
	struct run *next;
	int fd;    /* its output; -1: at end of file */
	pid_t pid; /* 0: reaped */
	int status;
	struct task *task;
	uint32_t rcpt;
	struct buf out;
	bool is_cut; /* there was more than we keep */
	int64_t deadline;
	size_t handle;
};

static const char no_memory[] = "qmail-spawn out of memory. (#4.3.0)\n";
static const char no_pipe[] = "qmail-spawn unable to create pipe. (#4.3.0)\n";
static const char no_fork[] = "qmail-spawn unable to fork. (#4.3.0)\n";
static const char no_message[] =
    "qmail-spawn unable to open message. (#4.3.0)\n";
static const char bad_owner[] = "Sorry, message has wrong owner. (#4.3.5)\n";
static const char bad_address[] = "Sorry, address has a NUL. (#5.1.3)\n";

/* host, sender, recipient as C strings. */
struct args {
	char *host, *sender, *rcpt;
};

static void
free_args(struct args *a)
{
	mem_free(a->host);
	mem_free(a->sender);
	mem_free(a->rcpt);
}

static int
make_args(const struct task *t, uint32_t i, struct args *a)
{
	struct span local, domain;

	(void)address_split(t->job.rcpt[i].addr, &local, &domain);
	a->host = mem_cstr(domain);
	a->sender = mem_cstr(t->job.sender);
	a->rcpt = mem_cstr(t->job.rcpt[i].addr);
	return a->host != NULL && a->sender != NULL && a->rcpt != NULL ? 0
								       : E_NUL;
}

/* Start one. The reason for a failure is *why. */
static int
start(struct classic *c, const char *program, const struct args *a, int message,
    struct run *run, const char **why)
{
	const char *const argv[] = { program, a->host, a->sender, a->rcpt,
		NULL };
	int ends[2] = { -1, -1 };
	int r;

	*why = no_pipe;
	r = fd_pipe(ends);
	if (r < 0)
		return r;
	*why = no_fork;
	r = child_start(argv,
	    &(struct child_fds){ { message, ends[1], ends[1], -1 } }, c->soft,
	    &run->pid);
	fd_close(&ends[1]);
	if (r < 0) {
		fd_close(&ends[0]);
		return r;
	}
	run->fd = ends[0];
	run->out = BUF_INIT(LIMIT_REPORT + 1);
	run->deadline = clock_ms() + LIMIT_JOB_MS;
	run->next = c->runs;
	c->runs = run;
	c->n++;
	return 0;
}

/* Recipient i: begun, or with a verdict. */
static void
begin(struct classic *c, struct store *store, const char *program,
    struct task *t, uint32_t i)
{
	struct run *run = mem_new(1, sizeof(*run));
	struct args args = { .host = NULL };
	const char *why = no_memory;
	char letter = 'Z';
	int message = -1;
	uint64_t size;
	int r = E_NOMEM;

	if (run == NULL)
		goto out;
	*run = (struct run){ .fd = -1, .task = t, .rcpt = i };
	r = store_message(store, t->job.id, &message, &size);
	if (r < 0) {
		why = r == E_DAMAGED ? bad_owner : no_message;
		goto out;
	}
	r = make_args(t, i, &args);
	if (r < 0) {
		why = bad_address;
		letter = 'D';
		goto out;
	}
	r = start(c, program, &args, message, run, &why);
out:
	fd_close(&message);
	free_args(&args);
	if (r == 0)
		return;
	mem_free(run);
	task_settle(t, i, letter, span_cstr(why));
}

int
classic_give(
    struct classic *c, struct store *store, const char *program, struct task *t)
{
	if (t->texts == NULL) {
		t->texts = mem_new(t->job.nrcpt, sizeof(*t->texts));
		if (t->texts == NULL) {
			task_settle_all(t, 'Z', span_cstr(no_memory));
			return 0;
		}
	}
	for (; t->started < t->job.nrcpt; t->started++) {
		if (t->verdict[t->started].letter != 0)
			continue;
		if (c->n >= LIMIT_RUNS)
			return E_BUSY;
		begin(c, store, program, t, t->started);
	}
	return 0;
}

void
classic_prepare(struct classic *c, struct wait *w)
{
	struct run *run;

	for (run = c->runs; run != NULL; run = run->next) {
		run->handle = wait_in(w, run->fd);
		wait_until(w, run->deadline);
	}
}

static void
hear(struct run *run)
{
	char piece[PIECE];
	size_t got = 0;

	if (fd_read(run->fd, piece, sizeof(piece), FD_FOREVER, &got) < 0 ||
	    got == 0) {
		fd_close(&run->fd);
		return;
	}
	/* over the bound the rest is read, and forgotten */
	if (got > LIMIT_REPORT - run->out.len) {
		got = LIMIT_REPORT - run->out.len;
		run->is_cut = true;
	}
	buf_put(&run->out, (struct span){ piece, got });
}

/* Unlink the runs that have ended and tell their verdicts. */
static void
collect(struct classic *c, classic_done_fn *done, void *ctx)
{
	struct run **at = &c->runs;

	while (*at != NULL) {
		struct run *run = *at;
		struct task *t = run->task;
		struct buf *text = &t->texts[run->rcpt];
		struct proc_end end;
		char letter;

		if (run->fd >= 0 || run->pid != 0) {
			at = &run->next;
			continue;
		}
		*at = run->next;
		c->n--;
		end = proc_end_of(run->status);
		/* cut off, the last report still is one */
		if (run->is_cut)
			buf_putc(&run->out, '\0');
		*text = BUF_INIT(LIMIT_REPORT);
		letter = 'Z';
		if (buf_err(&run->out) == 0)
			letter = fold_report(&end, buf_span(&run->out), text);
		task_settle(t, run->rcpt, letter,
		    buf_err(&run->out) < 0 || buf_err(text) < 0
			? span_cstr(no_memory)
			: buf_span(text));
		buf_free(&run->out);
		mem_free(run);
		if (t->left == 0)
			done(ctx, t);
	}
}

void
classic_ready(
    struct classic *c, const struct wait *w, classic_done_fn *done, void *ctx)
{
	int64_t now = c->runs != NULL ? clock_ms() : 0;
	struct run *run;

	for (run = c->runs; run != NULL; run = run->next) {
		if (run->fd >= 0 && wait_ready(w, run->handle))
			hear(run);
		if (now < run->deadline)
			continue;
		/* it hangs; or it is gone and its children hold the pipe */
		if (run->pid != 0)
			(void)kill(run->pid, SIGKILL);
		fd_close(&run->fd);
		run->deadline = now + LIMIT_LEAVE_MS;
	}
	collect(c, done, ctx);
}

void
classic_reaped(
    struct classic *c, pid_t pid, int status, classic_done_fn *done, void *ctx)
{
	struct run *run;

	for (run = c->runs; run != NULL; run = run->next)
		if (run->pid == pid) {
			run->pid = 0;
			run->status = status;
		}
	collect(c, done, ctx);
}

/*
 * bounce - failures go back to the sender: see send.h
 *
 * Each bounce is put into the queue by a child of its own, which may take
 * its time and has none of our descriptors.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/err.h"
#include "notice.h"
#include "queue/submit.h"
#include "send.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/file.h"
#include "sys/proc.h"
#include "sys/sig.h"
#include "sys/spool.h"
#include "text.h"

enum {
	PIECE = 64 * 1024,
	ENVELOPE_BYTES = 256 * 1024,
	REPORT_COPY_MAX = 64 * 1024, /* bytes of a message in a report */
	PARAGRAPHS_MAX = 256 * 1024  /* of a warning */
};

/* Who gets it, from whom (contract queue.md 4.6). */
struct plan {
	enum notice_kind kind;
	struct span from;
	struct buf to;
};

/* False: nobody gets it, and why is logged. */
static bool
make_plan(struct send *s, const struct active *a, struct plan *p)
{
	struct span sender = text_plain_sender(a->env.sender);
	const struct controls *c = &s->controls;

	*p = (struct plan){ .kind = NOTICE_FAILURE,
		.from = SPAN(""),
		.to = BUF_INIT(ENVELOPE_BYTES) };
	if (span_eq(sender, SPAN("#@[]"))) {
		journal_say_id(&s->journal, "triple bounce: discarding bounce/",
		    a->id, "");
		return false;
	}
	if (sender.len > 0) {
		buf_put(&p->to, sender);
		return true;
	}
	if (c->doubleto.len == 0) {
		journal_say_id(&s->journal, "double bounce: discarding bounce/",
		    a->id, "");
		return false;
	}
	p->kind = NOTICE_DOUBLE;
	p->from = SPAN("#@[]");
	buf_put(&p->to, buf_span(&c->doubleto));
	buf_putc(&p->to, '@');
	buf_put(&p->to, buf_span(&c->doublehost));
	return true;
}

/* --- in the child --- */

/* Leave everything of the parent's alone from here on. */
static int
part(struct send *s)
{
	int null = -1;

	sig_ignore(SIGHUP);
	sig_ignore(SIGALRM);
	sig_unblock_all();
	if (file_open(FILE_CWD, "/dev/null", O_RDWR, 0, &null) < 0)
		return E_ABSENT;
	for (int fd = 0; fd < SEND_FDS; fd++)
		if (dup2(null, fd) < 0)
			return err_sys();
	fd_close(&null);
	for (int fd = STDERR_FILENO + 1; fd < SEND_FDS; fd++)
		(void)close(fd);
	fd_close(&s->sigfd);
	fd_close(&s->verify.fd);
	talk_close(&s->talk);
	/* the mutex is not the child's: it would outlive the parent */
	store_close(&s->store);
	return store_open(&s->store);
}

/* Append the message, or the part of it that is wanted. */
static int
copy_message(int fd, const struct notice *n, struct spool *spool)
{
	char piece[PIECE];
	uint64_t left = n->copied;
	char last = '\n';
	bool is_over = false;
	int r = 0;

	while (r == 0 && !is_over && left > 0) {
		size_t most = left < PIECE ? (size_t)left : PIECE;
		size_t got = 0, used;

		r = fd_read(fd, piece, most, FD_FOREVER, &got);
		for (used = 0; r == 0 && used < got; used++) {
			/* the empty line behind the header */
			if (n->is_header && piece[used] == '\n' &&
			    last == '\n') {
				is_over = true;
				break;
			}
			last = piece[used];
		}
		if (r == 0)
			spool_put(spool, (struct span){ piece, used });
		is_over = is_over || got == 0;
		left -= used;
	}
	if (r == 0 && last != '\n' && n->copied < n->size)
		spool_put(spool, SPAN("\n"));
	return r;
}

/* How much of the message goes back. */
static void
decide_copy(const struct send *s, const struct active *a, struct notice *n)
{
	uint64_t most = s->controls.bounce_bytes;

	n->copied = n->size;
	if (n->is_report && most == UINT64_MAX)
		most = REPORT_COPY_MAX;
	n->is_header = n->kind == NOTICE_DELAY || a->env.ret == 'H' ||
		       (n->is_report && n->size > most);
	if (!n->is_header && n->size > most)
		n->copied = most;
}

/* Whether the sender may be told that this one has to wait. */
static bool
wants_delay(const struct rcpt *r)
{
	return r->notify == 0 || (r->notify & NOTIFY_DELAY) != 0;
}

/* What is said of those who are still to get it. */
static void
put_pending(struct buf *b, const struct send *s, const struct active *a)
{
	for (uint32_t i = 0; i < a->env.nrcpt && b->len < PARAGRAPHS_MAX; i++) {
		struct span why = SPAN("");

		if (a->rcpts[i].is_done || !wants_delay(&a->rcpts[i]))
			continue;
		(void)note_why(&a->note, i, &why);
		text_paragraph(b,
		    routes_strip(s->controls.routes, active_addr(a, i)), why);
	}
}

struct addresses {
	const struct send *s;
	const struct active *a;
};

/* The first recipient that was asked for by another name and ended as
 * addr. */
static struct span
find_orcpt(const void *ctx, struct span addr)
{
	const struct addresses *k = ctx;
	struct span rest = k->a->env.rcpts;
	struct buf routed = BUF_INIT(ENVELOPE_BYTES);
	struct span found = SPAN("");
	struct recipient r;

	while (found.len == 0 && envelope_next(&rest, &r)) {
		if (r.orcpt.len == 0)
			continue;
		buf_reset(&routed);
		(void)routes_apply(k->s->controls.routes, r.addr, &routed);
		if (buf_err(&routed) == 0 &&
		    span_eq(addr,
			routes_strip(k->s->controls.routes, buf_span(&routed))))
			found = r.orcpt;
	}
	buf_free(&routed);
	return found;
}

static int
compose(struct send *s, const struct active *a, const struct plan *p,
    struct spool *spool)
{
	struct buf b = BUF_INIT((size_t)256 * 1024 * 1024);
	struct buf pending = BUF_INIT(2 * PARAGRAPHS_MAX);
	struct addresses addresses = { s, a };
	struct notice n = { .kind = p->kind,
		.is_report = s->controls.is_dsn,
		.from = buf_span(&s->controls.bouncefrom),
		.host = buf_span(&s->controls.bouncehost),
		.to = buf_span(&p->to),
		.sender = text_plain_sender(a->env.sender),
		.envid = a->env.envid,
		.arrival = envelope_birth(a->id),
		.until = envelope_birth(a->id) + (int64_t)s->controls.lifetime,
		.now = clock_real(),
		.id = a->id,
		.orcpt = find_orcpt,
		.ctx = &addresses };
	int fd = -1;
	int r = store_message(s->store, a->id, &fd, &n.size);

	if (p->kind == NOTICE_DELAY)
		put_pending(&pending, s, a);
	if (r == 0)
		r = buf_err(&pending);
	if (r < 0)
		goto out;
	n.text = p->kind == NOTICE_DELAY ? buf_span(&pending)
					 : buf_span(&a->note.bounce);
	decide_copy(s, a, &n);
	notice_head(&b, &n);
	r = buf_err(&b);
	if (r == 0) {
		spool_put(spool, buf_span(&b));
		r = copy_message(fd, &n, spool);
	}
	buf_reset(&b);
	notice_tail(&b, &n);
	if (r == 0)
		r = buf_err(&b);
	if (r == 0)
		spool_put(spool, buf_span(&b));
out:
	fd_close(&fd);
	buf_free(&b);
	buf_free(&pending);
	return r == 0 ? spool_err(spool) : r;
}

static void NORETURN
send_bounce(
    struct send *s, const struct active *a, const struct plan *p, int report)
{
	struct spool spool = SPOOL_INIT;
	struct buf envelope = BUF_INIT(ENVELOPE_BYTES);
	struct submitted done;

	if (buf_err(&p->to) < 0 || part(s) < 0)
		_exit(1);
	envelope_put_sender(&envelope, p->from, 0, SPAN(""));
	envelope_put_rcpt(
	    &envelope, &(struct recipient){ .addr = buf_span(&p->to) });
	envelope_put_end(&envelope);
	if (buf_err(&envelope) < 0 || compose(s, a, p, &spool) < 0)
		_exit(1);
	submit(SPAN(""), &spool, buf_span(&envelope), &done);
	if (done.code != SUBMIT_OK ||
	    write(report, &done.qp, sizeof(done.qp)) != sizeof(done.qp))
		_exit(1);
	_exit(0);
}

/* --- in the parent --- */

/* Start a child. Its failure is that of the bounce. */
static int
start_child(struct send *s, struct active *a, const struct plan *p)
{
	struct bounce *b = s->bounces;
	int ends[2];
	int r = fd_pipe(ends);

	if (r < 0)
		return r;
	while (b->a != NULL)
		b++;
	r = proc_fork(&b->pid);
	if (r < 0) {
		fd_close(&ends[0]);
		fd_close(&ends[1]);
		return r;
	}
	if (b->pid == 0)
		send_bounce(s, a, p, ends[1]);
	fd_close(&ends[1]);
	b->fd = ends[0];
	b->a = a;
	b->is_warning = p->kind == NOTICE_DELAY;
	s->nbounces++;
	a->is_held = true;
	return 0;
}

/* It did not work: some other time. */
static void
put_off(struct send *s, struct active *a, const char *why)
{
	journal_say(&s->journal, why);
	message_again(s, a->slot, STAGE_FINISH);
	/* without a note the failures are known here only */
	if (message_note(s, a, true))
		message_unload(s, a);
}

bool
bounce_start(struct send *s, struct active *a)
{
	struct plan p;
	bool is_sent = make_plan(s, a, &p);

	if (is_sent && s->nbounces == BOUNCES_MAX) {
		list_push(s->table, &s->bouncing, a->slot);
		if (!a->is_dirty || message_note(s, a, true))
			message_unload(s, a);
	} else if (is_sent && start_child(s, a, &p) < 0) {
		put_off(s, a,
		    "warning: unable to start qmail-queue, will try later");
	}
	buf_free(&p.to);
	return is_sent;
}

bool
bounce_must_warn(const struct send *s, const struct entry *e)
{
	int64_t age = s->now - envelope_birth(e->id);

	return s->controls.delay_warn > 0 && !e->is_warned && !s->is_stopping &&
	       age >= 0 && (uint64_t)age >= s->controls.delay_warn;
}

/* Whether anybody is to be told: somebody who wants to hear it. */
static bool
has_listener(const struct active *a)
{
	struct span sender = text_plain_sender(a->env.sender);

	if (sender.len == 0 || span_eq(sender, SPAN("#@[]")))
		return false;
	for (uint32_t i = 0; i < a->env.nrcpt; i++)
		if (!a->rcpts[i].is_done && wants_delay(&a->rcpts[i]))
			return true;
	return false;
}

void
bounce_warn(struct send *s, struct active *a)
{
	struct entry *e = table_at(s->table, a->slot);
	struct plan p = { .kind = NOTICE_DELAY,
		.from = SPAN(""),
		.to = BUF_INIT(ENVELOPE_BYTES) };

	if (a->is_held || !bounce_must_warn(s, e))
		return;
	if (!has_listener(a)) {
		e->is_warned = true; /* there is no more to it */
		return;
	}
	/* without a free child, or in trouble: after the next attempt */
	if (s->nbounces == BOUNCES_MAX)
		return;
	buf_put(&p.to, text_plain_sender(a->env.sender));
	if (start_child(s, a, &p) < 0)
		journal_say(&s->journal,
		    "warning: unable to start qmail-queue, will try later");
	buf_free(&p.to);
}

static void
log_sent(struct send *s, const struct bounce *b, uint64_t id, uint64_t qp)
{
	struct buf *line = journal_begin(&s->journal);

	buf_puts(line, b->is_warning ? "delay msg " : "bounce msg ");
	buf_putu(line, id);
	buf_puts(line, " qp ");
	buf_putu(line, qp);
	journal_end(&s->journal);
}

/* The sender was told of the delay, or could not be. */
static void
end_warning(struct send *s, struct active *a, bool is_sent)
{
	if (is_sent) {
		table_at(s->table, a->slot)->is_warned = true;
		a->note.is_warned = true;
		(void)message_note(s, a, true); /* which logs its failure */
	} else {
		journal_say(&s->journal,
		    "warning: trouble injecting delay notice, will try later");
	}
	message_settle(s, a);
}

/* A child has ended: did it work? */
static void
end_child(struct send *s, struct bounce *b, int status)
{
	struct active *a = b->a;
	uint64_t qp = 0;
	size_t got = 0;
	int r = fd_read(b->fd, &qp, sizeof(qp), FD_FOREVER, &got);
	bool is_sent = r == 0 && status == 0 && got == sizeof(qp);

	fd_close(&b->fd);
	b->a = NULL;
	s->nbounces--;
	a->is_held = false;
	if (is_sent)
		log_sent(s, b, a->id, qp);
	if (b->is_warning)
		end_warning(s, a, is_sent);
	else if (is_sent)
		finish_end(s, a);
	else if (table_at(s->table, a->slot)->want != WANT_NOTHING)
		finish_message(s, a);
	else
		put_off(s, a,
		    "warning: trouble injecting bounce message, will try "
		    "later");
}

void
bounce_reap(struct send *s)
{
	int status;
	pid_t pid;

	/* the spawners may be our children too: they are no business here */
	while ((pid = proc_reap(&status)) > 0)
		for (size_t i = 0; i < BOUNCES_MAX; i++)
			if (s->bounces[i].a != NULL && s->bounces[i].pid == pid)
				end_child(s, &s->bounces[i], status);
	while (
	    s->nbounces < BOUNCES_MAX && s->bouncing.n > 0 && !s->is_stopping) {
		uint32_t slot = list_pop(s->table, &s->bouncing);
		struct active *a = message_load(s, slot);

		if (a != NULL)
			finish_message(s, a);
	}
}

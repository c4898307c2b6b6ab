/*
 * bounce - failures go back to the sender: see send.h
 *
 * Each bounce is put into the queue by a child of its own, which may take
 * its time and has none of our descriptors.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
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

enum { PIECE = 64 * 1024, ENVELOPE_BYTES = 256 * 1024 };

/* Who gets it, from whom (contract queue.md 4.6). */
struct plan {
	struct span from;
	struct buf to;
	bool is_double;
};

/* False: nobody gets it, and why is logged. */
static bool
make_plan(struct send *s, const struct active *a, struct plan *p)
{
	struct span sender = text_plain_sender(a->env.sender);
	const struct controls *c = &s->controls;

	*p = (struct plan){ .from = SPAN(""), .to = BUF_INIT(ENVELOPE_BYTES) };
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
	p->is_double = true;
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

	proc_die_with_parent();
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
copy_message(int fd, bool only_header, struct spool *spool)
{
	char piece[PIECE];
	size_t got = 1;
	char last = '\n';
	int r = 0;

	while (r == 0 && got > 0) {
		r = fd_read(fd, piece, sizeof(piece), FD_FOREVER, &got);
		for (size_t i = 0; r == 0 && only_header && i < got; i++) {
			if (piece[i] == '\n' && last == '\n')
				got = i; /* the empty line behind it */
			else
				last = piece[i];
		}
		if (r == 0)
			spool_put(spool, (struct span){ piece, got });
		if (only_header && got < sizeof(piece))
			break;
	}
	return r;
}

static int
compose(struct send *s, const struct active *a, const struct plan *p,
    struct spool *spool)
{
	struct buf b = BUF_INIT((size_t)256 * 1024 * 1024);
	struct notice n = { .is_report = s->controls.is_dsn,
		.is_double = p->is_double,
		.from = buf_span(&s->controls.bouncefrom),
		.host = buf_span(&s->controls.bouncehost),
		.to = buf_span(&p->to),
		.sender = text_plain_sender(a->env.sender),
		.text = buf_span(&a->note.bounce),
		.arrival = envelope_birth(a->id),
		.now = clock_real(),
		.id = a->id };
	uint64_t size = 0;
	int fd = -1;
	int r = store_message(s->store, a->id, &fd, &size);

	n.is_header = n.is_report && size > NOTICE_COPY_MAX;
	notice_head(&b, &n);
	if (r == 0)
		r = buf_err(&b);
	if (r == 0) {
		spool_put(spool, buf_span(&b));
		r = copy_message(fd, n.is_header, spool);
	}
	buf_reset(&b);
	notice_tail(&b, &n);
	if (r == 0)
		r = buf_err(&b);
	if (r == 0)
		spool_put(spool, buf_span(&b));
	fd_close(&fd);
	buf_free(&b);
	return r == 0 ? spool_err(spool) : r;
}

static void NORETURN
send_bounce(
    struct send *s, const struct active *a, const struct plan *p, int report)
{
	struct spool spool = SPOOL_INIT;
	struct buf envelope = BUF_INIT(ENVELOPE_BYTES);
	struct submitted done;

	buf_putc(&envelope, 'F');
	buf_put(&envelope, p->from);
	buf_put(&envelope, SPAN("\0T"));
	if (buf_err(&p->to) < 0 || part(s) < 0)
		_exit(1);
	buf_put(&envelope, buf_span(&p->to));
	buf_put(&envelope, SPAN("\0\0"));
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
	b->pid = fork();
	if (b->pid < 0) {
		r = err_sys();
		fd_close(&ends[0]);
		fd_close(&ends[1]);
		return r;
	}
	if (b->pid == 0)
		send_bounce(s, a, p, ends[1]);
	fd_close(&ends[1]);
	b->fd = ends[0];
	b->a = a;
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

/* A child has ended: did it work? */
static void
end_child(struct send *s, struct bounce *b, int status)
{
	struct active *a = b->a;
	uint64_t qp = 0;
	size_t got = 0;
	struct buf *line;
	int r = fd_read(b->fd, &qp, sizeof(qp), FD_FOREVER, &got);

	fd_close(&b->fd);
	b->a = NULL;
	s->nbounces--;
	a->is_held = false;
	if (r < 0 || status != 0 || got != sizeof(qp)) {
		put_off(s, a,
		    "warning: trouble injecting bounce message, will try "
		    "later");
		return;
	}
	line = journal_begin(&s->journal);
	buf_puts(line, "bounce msg ");
	buf_putu(line, a->id);
	buf_puts(line, " qp ");
	buf_putu(line, qp);
	journal_end(&s->journal);
	finish_end(s, a);
}

void
bounce_reap(struct send *s)
{
	int status;
	pid_t pid;

	/* the spawners may be our children too: they are no business here */
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
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

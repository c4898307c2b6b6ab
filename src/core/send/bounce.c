/*
 * bounce - failure notices: contract queue.md 4.6 to 4.8
 *
 * A child of its own composes each and hands it in, so that a slow disk or
 * a slow $QMAILQUEUE holds up no delivery.
 */
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/num.h"
#include "mail/address.h"
#include "mail/date.h"
#include "queue/submit.h"
#include "send.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/proc.h"
#include "sys/sig.h"
#include "sys/spool.h"

enum { COPY = 64 * 1024, HEAD_MAX = 64 * 1024 };

/* The sender a bounce goes to: without the VERP mark. */
static struct span
plain_sender(const struct envelope *e)
{
	struct span sender = e->sender;

	if (span_ends(sender, SPAN("-@[]")))
		sender.len -= SPAN("-@[]").len;
	return sender;
}

enum bounce
bounce_kind(struct send *s, const struct envelope *e)
{
	struct span sender = plain_sender(e);

	if (span_eq(e->sender, SPAN("#@[]")))
		return BOUNCE_TRIPLE;
	if (sender.len > 0)
		return BOUNCE_SINGLE;
	return s->doubleto.len > 0 ? BOUNCE_DOUBLE : BOUNCE_DROP;
}

void
bounce_paragraph(
    struct send *s, struct buf *b, struct span addr, struct span text)
{
	size_t begun = b->len;

	buf_putc(b, '<');
	addr = routes_strip(s->routes, addr);
	for (size_t i = 0; i < addr.len; i++)
		buf_putc(b, addr.p[i] == '\n' ? '_' : addr.p[i]);
	buf_puts(b, ">:\n");
	/* the note is NUL-terminated text */
	for (size_t i = 0; i < text.len; i++)
		buf_putc(b, text.p[i] == '\0' ? '?' : text.p[i]);
	if (text.len > 0 && text.p[text.len - 1] != '\n')
		buf_putc(b, '\n');
	if (buf_err(b) < 0) {
		/* no room for the reason: at least the address was tried */
		b->err = 0;
		buf_cut(b, begun);
		return;
	}
	/* empty lines would end the paragraph; its last byte stays */
	for (size_t i = b->len - 1; i > begun + 1; i--)
		if (b->p[i - 1] == '\n' && b->p[i - 2] == '\n')
			b->p[i - 1] = '/';
	buf_putc(b, '\n');
}

static void
put_head(struct send *s, struct buf *b, struct span to)
{
	buf_puts(b, "Date: ");
	date_822(b, clock_real());
	buf_puts(b, "\nFrom: ");
	address_quote_local(b, buf_span(&s->bouncefrom));
	buf_putc(b, '@');
	buf_put(b, buf_span(&s->bouncehost));
	buf_puts(b, "\nTo: ");
	address_quote(b, to);
	buf_puts(b, "\nSubject: failure notice\n\n"
		    "Hi. This is the qmail-send program at ");
	buf_put(b, buf_span(&s->bouncehost));
	buf_puts(b, ".\n");
}

static const char single[] =
    "I'm afraid I wasn't able to deliver your message to the following "
    "addresses.\n"
    "This is a permanent error; I've given up. Sorry it didn't work out.\n"
    "\n";
static const char twice[] =
    "I tried to deliver a bounce message to this address, but the bounce "
    "bounced!\n\n";

/* The message itself, at the end. */
static int
copy_message(struct send *s, uint64_t id, struct spool *out)
{
	uint64_t size;
	int fd = -1;
	int r = store_message(s->store, id, &fd, &size);

	if (r == 0)
		r = spool_fill(out, fd);
	fd_close(&fd);
	return r;
}

/* Compose and hand in; true when it is in the queue. */
static bool
inject(struct send *s, struct active *a, uint64_t *qp)
{
	const struct envelope *e = active_envelope(a);
	bool is_double = bounce_kind(s, e) == BOUNCE_DOUBLE;
	struct buf head = BUF_INIT(HEAD_MAX), to = BUF_INIT(HEAD_MAX);
	struct buf envelope = BUF_INIT(HEAD_MAX);
	struct spool msg = SPOOL_INIT;
	struct submitted result;
	bool ok = false;

	if (is_double) {
		buf_put(&to, buf_span(&s->doubleto));
		buf_putc(&to, '@');
		buf_put(&to, buf_span(&s->doublehost));
	} else {
		buf_put(&to, plain_sender(e));
	}
	if (buf_err(&to) < 0)
		goto out;
	put_head(s, &head, buf_span(&to));
	buf_puts(&head, is_double ? twice : single);
	if (buf_err(&head) < 0)
		goto out;
	spool_put(&msg, buf_span(&head));
	spool_put(&msg, buf_span(&active_note(a)->bounce));
	buf_reset(&head);
	buf_puts(&head, is_double ? "--- Below this line is the original "
				    "bounce.\n\nReturn-Path: <"
				  : "--- Below this line is a copy of the "
				    "message.\n\nReturn-Path: <");
	address_quote(&head, plain_sender(e));
	buf_puts(&head, ">\n");
	if (buf_err(&head) < 0)
		goto out;
	spool_put(&msg, buf_span(&head));
	if (copy_message(s, e->id, &msg) < 0)
		goto out;

	buf_puts(&envelope, is_double ? "F#@[]" : "F");
	buf_putc(&envelope, '\0');
	buf_putc(&envelope, 'T');
	buf_put(&envelope, buf_span(&to));
	buf_putc(&envelope, '\0');
	buf_putc(&envelope, '\0');
	if (buf_err(&envelope) < 0)
		goto out;
	submit(SPAN(""), &msg, buf_span(&envelope), &result);
	*qp = result.qp;
	ok = result.code == SUBMIT_OK;
out:
	spool_free(&msg);
	buf_free(&head);
	buf_free(&to);
	buf_free(&envelope);
	return ok;
}

static void NORETURN
be_child(struct send *s, struct active *a, int report)
{
	struct buf qp = BUF_INIT(64);
	uint64_t n = 0;

	proc_die_with_parent();
	sig_unblock_all();
	if (!inject(s, a, &n))
		_exit(1);
	buf_putu(&qp, n);
	/* it is in the queue, whether or not its number is known */
	if (buf_err(&qp) == 0)
		err_ignore(fd_write(report, buf_span(&qp), FD_FOREVER));
	_exit(0);
}

/* Fork for one. False: not now. */
static bool
start(struct send *s, struct bouncing *b, struct active *a)
{
	int ends[2] = { -1, -1 };
	pid_t pid;

	if (fd_pipe(ends) < 0)
		return false;
	/* nothing gathered may be written twice */
	slog_flush(s);
	pid = fork();
	if (pid == 0)
		be_child(s, a, ends[1]);
	fd_close(&ends[1]);
	if (pid < 0) {
		fd_close(&ends[0]);
		return false;
	}
	*b = (struct bouncing){ .active = a, .pid = pid, .report = ends[0] };
	return true;
}

void
bounce_start_more(struct send *s)
{
	for (size_t i = 0; i < BOUNCES_MAX && s->bounceable != NULL; i++) {
		struct active *a;

		if (s->bouncing[i].active != NULL)
			continue;
		a = active_next_bounceable(s);
		if (start(s, &s->bouncing[i], a))
			continue;
		slog(s, "warning: unable to start qmail-queue, will try "
			"later");
		active_bounced(s, a, false, 0);
	}
}

bool
bounce_any(const struct send *s)
{
	for (size_t i = 0; i < BOUNCES_MAX; i++)
		if (s->bouncing[i].active != NULL)
			return true;
	return s->bounceable != NULL;
}

static uint64_t
read_qp(int fd)
{
	struct buf b = BUF_INIT(64);
	uint64_t n = 0;

	if (fd_read_all(fd, &b) == 0 &&
	    num_parse(buf_span(&b), UINT64_MAX, &n) < 0)
		n = 0;
	buf_free(&b);
	return n;
}

void
bounce_reap(struct send *s)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (size_t i = 0; i < BOUNCES_MAX; i++) {
			struct bouncing *b = &s->bouncing[i];
			struct proc_end end = proc_end_of(status);
			struct active *a = b->active;
			uint64_t qp;

			if (a == NULL || b->pid != pid)
				continue;
			qp = read_qp(b->report);
			fd_close(&b->report);
			b->active = NULL;
			active_bounced(
			    s, a, end.how == PROC_EXITED && end.value == 0, qp);
		}
}

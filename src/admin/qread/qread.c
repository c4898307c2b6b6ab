/*
 * qmail-qread - list the messages in the queue and their recipients
 *
 * Run by:   the operator; mailq and sendmail -bp
 * Runs as:  root or a member of the group qmail, who may read the queue
 * Input:    the queue and control/
 * Trusts:   both, and makes printable what strangers wrote into addresses
 * Output:   the list on descriptor 1, also what prevents it
 * Exits:    0 done, 111 it could not be done
 */
#include <stdlib.h>

#include "base/ascii.h"
#include "base/err.h"
#include "conf/routes.h"
#include "mail/date.h"
#include "queue/store.h"
#include "sys/fd.h"
#include "sys/home.h"
#include "sys/io.h"
#include "sys/prog.h"

enum {
	OUT_LIMIT = 1024 * 1024,
	ROUTED_LIMIT = 64 * 1024,
	ZONE = 5 /* "-0000", for which people know "GMT" */
};

struct qread {
	struct store *store;
	struct routes *routes;
	struct out out;
	struct buf file; /* the envelope at hand */
	struct buf routed, scratch;
};

static const char *const words[] = {
	[ROUTES_LOCAL] = "local",
	[ROUTES_REMOTE] = "remote",
};

/* Say on descriptor 1 why there is no list, where people look for it. */
static void NORETURN
die(struct qread *q, const char *what, int r)
{
	out_puts(&q->out, "fatal: ");
	out_puts(&q->out, what);
	out_puts(&q->out, ": ");
	out_puts(&q->out, err_text(r));
	out_puts(&q->out, "\n");
	err_ignore(out_flush(&q->out)); /* there is no other place */
	exit(EX_SOFT);
}

/* Text from strangers. */
static void
put_safe(struct qread *q, struct span s)
{
	buf_reset(&q->scratch);
	for (size_t i = 0; i < s.len; i++)
		buf_putc(&q->scratch,
		    (char)(ascii_is_print((unsigned char)s.p[i]) ? s.p[i]
								 : '_'));
	if (buf_err(&q->scratch) == 0)
		out_put(&q->out, buf_span(&q->scratch));
}

static void
put_head(struct qread *q, const struct envelope *e, const struct note *n)
{
	struct buf b = BUF_INIT(256);

	date_822(&b, envelope_birth(e->id));
	buf_cut(&b, b.len - ZONE);
	buf_puts(&b, "GMT  #");
	buf_putu(&b, e->id);
	buf_puts(&b, "  ");
	buf_putu(&b, e->size);
	buf_puts(&b, "  <");
	if (buf_err(&b) == 0)
		out_put(&q->out, buf_span(&b));
	buf_free(&b);
	put_safe(q, e->sender);
	out_puts(&q->out, n->bounce.len > 0 ? ">  bouncing\n" : "> \n");
}

/* The recipients that go one way. */
static void
put_channel(struct qread *q, const struct envelope *e, const struct note *n,
    enum routes_to channel)
{
	struct span rest = e->rcpts, addr;

	for (uint32_t i = 0; envelope_rcpt(&rest, &addr); i++) {
		enum routes_to to;

		buf_reset(&q->routed);
		to = routes_apply(q->routes, addr, &q->routed);
		if (to != channel)
			continue;
		if (buf_err(&q->routed) == 0)
			addr = buf_span(&q->routed);
		out_puts(&q->out, note_is_done(n, i) ? "  done\t" : "\t");
		out_puts(&q->out, words[channel]);
		out_puts(&q->out, "\t");
		put_safe(q, addr);
		out_puts(&q->out, "\n");
	}
}

static void
warn(struct qread *q, uint64_t id, int r)
{
	struct buf b = BUF_INIT(256);

	buf_puts(&b, "warning: trouble with #");
	buf_putu(&b, id);
	buf_puts(&b, ": ");
	buf_puts(&b, err_text(r));
	buf_putc(&b, '\n');
	if (buf_err(&b) == 0)
		out_put(&q->out, buf_span(&b));
	buf_free(&b);
}

static void
show(struct qread *q, const struct envelope *e, bool has_note)
{
	struct note n;
	int r;

	note_init(&n, e->id, e->nrcpt);
	r = has_note ? store_note_read(q->store, &n) : 0;
	/* a note may vanish at any time: the message is then done with */
	if (r < 0 && r != E_ABSENT)
		warn(q, e->id, r);
	put_head(q, e, &n);
	put_channel(q, e, &n, ROUTES_LOCAL);
	put_channel(q, e, &n, ROUTES_REMOTE);
	note_free(&n);
}

static bool
show_message(void *ctx, uint64_t id, bool has_note)
{
	struct qread *q = ctx;
	struct envelope e;
	int r;

	buf_reset(&q->file);
	r = store_envelope(q->store, id, &q->file, &e);
	if (r == 0)
		show(q, &e, has_note);
	else if (r != E_ABSENT) /* delivered since */
		warn(q, id, r);
	return q->out.err == 0;
}

int
main(void)
{
	struct qread q = { .out = OUT_INIT(1, FD_FOREVER, OUT_LIMIT),
		.file = BUF_INIT(ENVELOPE_MAX),
		.routed = BUF_INIT(ROUTED_LIMIT),
		.scratch = BUF_INIT(ROUTED_LIMIT) };
	int r;

	prog_start("qmail-qread");
	r = home_enter();
	if (r < 0)
		die(&q, "unable to chdir", r);
	r = routes_new(&q.routes);
	if (r < 0)
		die(&q, "unable to read controls", r);
	r = store_open(&q.store);
	if (r < 0)
		die(&q, "unable to opendir queue", r);
	r = store_each(q.store, show_message, &q);
	if (r < 0)
		die(&q, "unable to opendir todo", r);
	r = out_flush(&q.out);
	store_close(&q.store);
	buf_free(&q.scratch);
	buf_free(&q.routed);
	buf_free(&q.file);
	out_free(&q.out);
	routes_destroy(&q.routes);
	return r < 0 ? EX_SOFT : 0;
}

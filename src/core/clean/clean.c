/*
 * qmail-clean - remove finished messages, set damaged ones aside
 *
 * Run by:   qmail-start(8)
 * Runs as:  qmailq
 * Input:    requests of qmail-send on descriptor 0
 * Trusts:   qmail-send to say what is finished; a request can only name an
 *           ID, so it reaches no file outside queue/
 * Output:   one byte per request on descriptor 1: '+' done, '!' failed,
 *           'x' not understood; files removed or moved in queue/
 * Exits:    0 qmail-send has gone, 100 it no longer listens, 111 it could
 *           not start
 *
 * Within a second of a removal the folders of envelopes are synced, so that
 * a power loss repeats no delivery that is older than that. Only then the
 * messages themselves go. All of that is done by a child, a new one each
 * time, while we go on.
 */
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/num.h"
#include "queue/store.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/home.h"
#include "sys/log.h"
#include "sys/proc.h"
#include "sys/prog.h"
#include "sys/wait.h"

enum {
	REQUEST_MAX = 1024,
	ANSWERS_MAX = 65536,
	VERB = 5, /* "foop/" */
	SYNC_MS = 500,
	BUSY_MS = 50, /* until we ask again whether the child has ended */
	LEAVING_MANY = 1024,     /* messages that are enough for a child */
	SWEEP_MS = 76431 * 1000, /* contract queue.md 2.4 */
	LOCK_MS = 30 * 1000,
	REPLY_MS = 60 * 1000
};

struct clean {
	struct store *store;
	struct buf in, answers;
	bool is_overlong; /* what came of the request at hand was dropped */
	bool must_sync;   /* before the answers at hand */
	int64_t sync_at;  /* INT64_MAX: nothing to sync */
	pid_t child;      /* which does that; 0: none */
	int64_t sweep_at;
};

typedef int request_fn(struct clean *c, uint64_t id, struct span rest);

static int
do_foop(struct clean *c, uint64_t id, struct span rest)
{
	int r = store_remove(c->store, id, STORE_TODO);

	(void)rest;
	return r < 0 ? r : store_leave(c->store, id);
}

/*
 * Answered, the note is dropped: if the envelope came back then, all that
 * the note said was done would be done again.
 */
static int
do_todo(struct clean *c, uint64_t id, struct span rest)
{
	(void)rest;
	c->must_sync = true;
	return store_remove(c->store, id, STORE_TODO);
}

static int
do_mess(struct clean *c, uint64_t id, struct span rest)
{
	(void)rest;
	return store_leave(c->store, id);
}

static int
do_sync(struct clean *c, uint64_t id, struct span rest)
{
	(void)rest;
	return store_note_sync(c->store, id);
}

static int
do_quarantine(struct clean *c, uint64_t id, struct span rest)
{
	return store_quarantine(c->store, id, rest);
}

static const struct {
	const char *verb;
	request_fn *fn;
	bool takes_text;
} requests[] = {
	{ "foop/", do_foop, false },
	{ "todo/", do_todo, false },
	{ "mess/", do_mess, false },
	{ "sync/", do_sync, false },
	{ "quar/", do_quarantine, true },
};

/* Do one request; the answer. */
static char
obey(struct clean *c, struct span request)
{
	struct span verb = span_head(request, VERB);
	struct span rest = span_tail(request, VERB);
	size_t space = span_find(rest, ' ');
	uint64_t id;
	int r;

	if (num_parse(span_head(rest, space), UINT64_MAX, &id) < 0)
		return 'x';
	/* the one before us may still be at work for the last qmail-send */
	r = store_clean_lock(c->store, clock_ms() + LOCK_MS);
	if (r < 0) {
		log_err("unable to lock queue/mess", r);
		return '!';
	}
	for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
		if (!span_eq(verb, span_cstr(requests[i].verb)))
			continue;
		if (!requests[i].takes_text && space < rest.len)
			return 'x';
		r = requests[i].fn(c, id, span_tail(rest, space + 1));
		if (c->sync_at == INT64_MAX)
			c->sync_at = clock_ms() + SYNC_MS;
		if (r < 0)
			log_err("unable to clean up", r);
		return r < 0 ? '!' : '+';
	}
	return 'x';
}

/* Before the answers at hand. */
static void
sync_queue(struct clean *c)
{
	int r = store_sync(c->store);

	if (r < 0)
		log_err("unable to clean up", r);
	c->must_sync = false;
}

static int
clear(struct clean *c)
{
	int r = store_clear(c->store);

	if (r < 0)
		log_err("unable to clean up", r);
	c->sync_at = INT64_MAX;
	return r;
}

/* Take note of the end of the child; false: it is still at work. */
static bool
bury(struct clean *c, bool must_wait)
{
	struct proc_end end = { PROC_EXITED, 0 };
	int status;
	pid_t pid;

	if (c->child == 0)
		return true;
	pid = must_wait ? 0 : proc_reap(&status);
	if (pid > 0)
		end = proc_end_of(status);
	else if (!must_wait)
		return false;
	else if (proc_wait(c->child, &end) < 0)
		end.value = EX_SOFT;
	c->child = 0;
	/* messages that are left now are swept some day */
	if (end.how != PROC_EXITED || end.value != 0)
		store_not_cleared(c->store);
	return true;
}

/*
 * Have a child clear the queue. It may live on without us: it removes only
 * what is finished, and has the lock.
 */
static void
clear_apart(struct clean *c)
{
	if (!bury(c, false)) {
		c->sync_at = clock_ms() + BUSY_MS;
		return;
	}
	c->child = fork();
	if (c->child == 0) {
		/* qmail-send is to notice when we are gone */
		(void)close(0);
		(void)close(1);
		_exit(clear(c) < 0 ? EX_SOFT : 0);
	}
	if (c->child < 0) {
		c->child = 0;
		(void)clear(c); /* which logs its failure */
		return;
	}
	store_cleared(c->store);
	c->sync_at = INT64_MAX;
}

/* All whole requests at hand, one answer each. */
static void
obey_all(struct clean *c)
{
	struct span rest = buf_span(&c->in), request;
	size_t had = rest.len;

	while (span_field(&rest, &request)) {
		buf_putc(&c->answers, c->is_overlong ? 'x' : obey(c, request));
		c->is_overlong = false;
	}
	if (c->must_sync)
		sync_queue(c);
	if (rest.len >= REQUEST_MAX)
		c->is_overlong = true;
	buf_drop(&c->in, c->is_overlong ? had : had - rest.len);
}

/* What is due by the clock. */
static void
housekeep(struct clean *c)
{
	int64_t now = clock_ms();
	int r;

	(void)bury(c, false);
	if (now >= c->sync_at || store_leaving(c->store) >= LEAVING_MANY)
		clear_apart(c);
	if (now >= c->sweep_at) {
		r = store_sweep(c->store, STORE_SWEEP_AGE);
		if (r < 0)
			log_err("unable to sweep the queue", r);
		c->sweep_at = now + SWEEP_MS;
	}
}

static int
run(struct clean *c)
{
	struct wait w = WAIT_INIT;
	int code = 0;

	for (;;) {
		size_t in, got = 0;
		int r;

		wait_reset(&w);
		in = wait_in(&w, 0);
		wait_until(&w, c->sync_at);
		wait_until(&w, c->sweep_at);
		if (c->child != 0)
			wait_until(&w, clock_ms() + BUSY_MS);
		if (wait_run(&w) < 0)
			continue;
		housekeep(c);
		if (!wait_ready(&w, in))
			continue;
		r = fd_read_buf(0, &c->in, REQUEST_MAX, FD_FOREVER, &got);
		if (r < 0 || got == 0)
			break;
		obey_all(c);
		r = fd_write(1, buf_span(&c->answers), clock_ms() + REPLY_MS);
		buf_reset(&c->answers);
		if (r < 0) {
			code = EX_HARD;
			break;
		}
	}
	(void)bury(c, true);
	(void)clear(c); /* which logs its failure */
	wait_free(&w);
	return code;
}

int
main(void)
{
	struct clean c = { .in = BUF_INIT(4 * REQUEST_MAX),
		.answers = BUF_INIT(ANSWERS_MAX),
		.sync_at = INT64_MAX };
	int r;

	prog_start("qmail-clean");
	(void)umask(027);
	/* what has been done is answered, even if memory runs out */
	if (buf_room(&c.in, c.in.max) == NULL ||
	    buf_room(&c.answers, c.in.max) == NULL)
		prog_die(EX_SOFT, "out of memory", 0);
	r = home_enter();
	if (r < 0)
		prog_die_file(EX_SOFT, "unable to enter", home_path(), r);
	r = store_open(&c.store);
	if (r < 0)
		prog_die_file(EX_SOFT, "unable to open", "queue", r);
	return run(&c);
}

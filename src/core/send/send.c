/*
 * qmail-send - deliver the messages of the queue
 *
 * Run by:   qmail-start(8)
 * Runs as:  qmails
 * Input:    envelopes and notes in queue/; results of qmail-lspawn and
 *           qmail-rspawn, answers of qmail-clean; the trigger; control
 *           files; commands on the socket run/send
 * Trusts:   its seals to tell damage; qmail-queue for what an envelope
 *           says; nothing in an address or a report, which it only routes,
 *           logs and sends back
 * Output:   jobs on descriptors 1 and 3, requests to qmail-clean on 5, log
 *           lines on 0; notes in queue/info; bounces through qmail-queue
 * Exits:    0 asked to, 111 it could not start or lost a partner
 *
 * One loop, one process. What may take long is done by others: deliveries
 * by the spawners, removals by qmail-clean, bounces by a child.
 */
#include "send.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/err.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/file.h"
#include "sys/home.h"
#include "sys/prog.h"
#include "sys/sig.h"

enum {
	HELLO_MS = 10 * 1000,
	CLOCK_STEP_MS = 60 * 1000, /* how late a change of the clock is seen */
	FAREWELL_MS = 60 * 1000,   /* for qmail-clean's last answers */
	HEARD_MAX = 128 * 1024,
	REASON_MAX = 128 * 1024
};

/* --- what may be asked of us --- */

void
send_flush(struct send *s)
{
	for (size_t c = 0; c < CHANNELS; c++)
		dests_pardon(s->dests[c]);
	heap_hurry(s->table, HEAP_LOCAL, s->now);
	heap_hurry(s->table, HEAP_REMOTE, s->now);
	s->hurry_old = s->old.n;
	s->must_scan = true;
	s->must_hurry = true;
}

static void
log_unread(struct send *s, const char *file)
{
	struct buf *b = journal_begin(&s->journal);

	buf_puts(b, "alert: unable to reread control/");
	buf_puts(b, file);
	journal_end(&s->journal);
}

static void
put_trouble(struct buf *b, const struct ways_trouble *t)
{
	buf_puts(b, t->file);
	if (t->line > 0) {
		buf_putc(b, ':');
		buf_putu(b, t->line);
	}
	buf_puts(b, ": ");
	buf_puts(b, t->r == E_SYNTAX ? "not understood" : err_text(t->r));
}

/* Look whether the ways of remote mail have changed. */
static void
refresh_ways(struct send *s, struct ways_trouble *t)
{
	struct buf *b;

	if (ways_refresh(&s->ways, t))
		deliver_reroute(s, CHANNEL_REMOTE);
	if (t->file == NULL)
		return;
	b = journal_begin(&s->journal);
	buf_puts(b, "alert: unable to reread ");
	put_trouble(b, t);
	journal_end(&s->journal);
}

void
send_routes(struct send *s, struct buf *b)
{
	struct ways_trouble t;

	/* so that what was wrong before is looked at again */
	s->ways.overrides_stamp = (struct file_stamp){ .ino = 1 };
	refresh_ways(s, &t);
	if (t.file != NULL) {
		buf_puts(b, "error ");
		put_trouble(b, &t);
		return;
	}
	buf_puts(b, "ok ");
	buf_putu(
	    b, s->ways.overrides == NULL ? 0 : map_size(s->ways.overrides));
}

int
send_reload(struct send *s)
{
	const char *file;
	int r = routes_reread(s->controls.routes, &file);

	if (r < 0) {
		log_unread(s, file);
		return r;
	}
	for (enum channel c = CHANNEL_LOCAL; c < CHANNELS; c++)
		deliver_reroute(s, c);
	return 0;
}

void
send_stop(struct send *s, int code)
{
	if (s->code == 0)
		s->code = code;
	if (s->is_stopping)
		return;
	s->is_stopping = true;
	s->must_hurry = true; /* perhaps there is nothing left to wait for */
	attempt_stop(s);
}

/* --- start --- */

static void NORETURN
refuse(struct send *s, const char *why)
{
	struct buf *b = journal_begin(&s->journal);

	buf_puts(b, "alert: cannot start: ");
	buf_puts(b, why);
	journal_end(&s->journal);
	journal_flush(&s->journal);
	exit(EX_SOFT);
}

static void
open_queue(struct send *s)
{
	int r;

	if (store_open(&s->store) < 0)
		refuse(s, "unable to switch to queue directory");
	r = store_mutex(s->store);
	if (r == E_BUSY)
		refuse(s, "qmail-send is already running");
	if (r < 0)
		refuse(s, "unable to open mutex");
	if (store_trigger(s->store, &s->trigger) < 0)
		refuse(s, "unable to open trigger");
	/* notes without a message are only untidy */
	err_ignore(store_note_sweep(s->store));
	s->hash = hash_new();
	s->verify.hash = hash_new();
	if (table_new(&s->table) < 0 || s->hash == NULL ||
	    s->verify.hash == NULL)
		refuse(s, "out of memory");
}

static void
open_partners(struct send *s)
{
	static const int signals[] = { SIGTERM, SIGALRM, SIGHUP, SIGCHLD, 0 };
	int64_t deadline = clock_ms() + HELLO_MS;
	const uint32_t *want = s->controls.concurrency;

	for (int fd = 0; fd < SEND_FDS; fd++)
		if (!fd_is_open(fd) || fd_cloexec(fd, true) < 0)
			refuse(s, "hath the daemon spawn no fire?");
	if (sig_open(signals, &s->sigfd) < 0)
		refuse(s, "unable to catch signals");
	if (cleaner_open(&s->cleaner, SEND_CLEAN_OUT, SEND_CLEAN_IN) < 0 ||
	    spawner_open(&s->spawners[CHANNEL_LOCAL], SEND_LSPAWN_OUT,
		SEND_LSPAWN_IN, want[CHANNEL_LOCAL], deadline) < 0 ||
	    spawner_open(&s->spawners[CHANNEL_REMOTE], SEND_RSPAWN_OUT,
		SEND_RSPAWN_IN, want[CHANNEL_REMOTE], deadline) < 0)
		refuse(s, "hath the daemon spawn no fire?");
}

static void
read_controls(struct send *s)
{
	struct buf wrong = BUF_INIT(REASON_MAX);
	const char *why = "unable to read controls";
	int r = controls_read(&s->controls, &wrong);

	if (r == 0)
		return;
	if (wrong.len > 0 && buf_cstr(&wrong, &why) < 0)
		why = "unable to read controls";
	refuse(s, why);
}

static void
open_dests(struct send *s)
{
	struct ways_trouble t;

	for (enum channel c = CHANNEL_LOCAL; c < CHANNELS; c++)
		if (dests_new(&s->dests[c], s->table, (enum heap)c,
			s->spawners[c].limit, s->controls.concurrency_dest,
			c == CHANNEL_REMOTE) < 0)
			refuse(s, "out of memory");
	deliver_open(s);
	refresh_ways(s, &t);
}

static void
start(struct send *s)
{
	int r;

	*s = (struct send){ .journal = JOURNAL_INIT(SEND_LOG),
		.wait = WAIT_INIT,
		.sigfd = -1,
		.trigger = -1,
		.heard = BUF_INIT(HEARD_MAX),
		.ways = WAYS_INIT,
		.verify = { .fd = -1 } };
	if (home_enter() < 0)
		refuse(s, "unable to switch to home directory");
	read_controls(s);
	open_queue(s);
	open_partners(s);
	open_dests(s);
	r = talk_open(&s->talk);
	if (r < 0) {
		struct buf *b = journal_begin(&s->journal);

		buf_puts(b, "warning: unable to listen on run/send: ");
		buf_puts(b, err_text(r));
		journal_end(&s->journal);
	}
	/* what an earlier qmail-send finished is not to be found again */
	if (store_clean_lock(s->store, clock_ms() + HELLO_MS) < 0)
		journal_say(&s->journal,
		    "warning: an earlier qmail-clean is still at work");
	store_clean_unlock(s->store);
	s->now = clock_real();
	discover_scan(s);
	verdict_status(s);
}

/* --- the loop --- */

static void
catch_signals(struct send *s)
{
	int number;

	if (!wait_ready(&s->wait, s->sig_handle))
		return;
	while ((number = sig_next(s->sigfd)) != 0) {
		switch (number) {
		case SIGTERM:
			send_stop(s, 0);
			break;
		case SIGALRM:
			send_flush(s);
			break;
		case SIGHUP:
			(void)send_reload(s); /* which logs it */
			break;
		case SIGCHLD:
			bounce_reap(s);
			break;
		default:
			break;
		}
	}
}

static void
lose_spawner(struct send *s, struct spawner *c)
{
	journal_say(
	    &s->journal, "alert: oh no! lost spawn connection! dying...");
	send_stop(s, EX_SOFT);
	deliver_lost(s, c);
}

static void
lose_cleaner(struct send *s)
{
	journal_say(
	    &s->journal, "alert: oh no! lost qmail-clean connection! dying...");
	s->cleaner.is_alive = false;
	finish_unanswered(s);
	send_stop(s, EX_SOFT);
}

static void
hear_partners(struct send *s)
{
	for (size_t c = 0; c < CHANNELS; c++)
		if (spawner_ready(
			&s->spawners[c], &s->wait, deliver_result, s) < 0)
			lose_spawner(s, &s->spawners[c]);
	if (cleaner_ready(&s->cleaner, &s->wait, finish_answer, s) < 0)
		lose_cleaner(s);
}

static void
tell_partners(struct send *s)
{
	/* first what was delivered, then what is to be */
	if (cleaner_flush(&s->cleaner) < 0)
		lose_cleaner(s);
	for (size_t c = 0; c < CHANNELS; c++)
		if (spawner_flush(&s->spawners[c]) < 0)
			lose_spawner(s, &s->spawners[c]);
}

/* What had trouble is due again. */
static void
try_again(struct send *s)
{
	uint32_t slot;

	while (!s->is_stopping &&
	       (slot = heap_first(s->table, HEAP_AGAIN)) != TABLE_NONE &&
	       table_at(s->table, slot)->due[HEAP_AGAIN] <= s->now) {
		struct active *a;

		heap_drop(s->table, HEAP_AGAIN, slot);
		if (table_at(s->table, slot)->stage == STAGE_CLEAN) {
			finish_clean(s, slot);
		} else if (table_at(s->table, slot)->stage == STAGE_FINISH) {
			a = message_load(s, slot);
			if (a != NULL)
				finish_message(s, a);
		} else {
			list_push(s->table, &s->fresh, slot);
		}
	}
}

/* Sleep no longer than until then, by the clock people set. */
static void
wait_for(struct send *s, int64_t seconds)
{
	int64_t ms = CLOCK_STEP_MS;

	/* it may jump: look again now and then */
	if (seconds <= s->now + CLOCK_STEP_MS / 1000)
		ms = seconds * 1000 - (int64_t)(clock_real_us() / 1000);
	wait_until(&s->wait, clock_ms() + ms);
}

/* Sleep no longer than until a message is due. */
static void
wait_for_heap(struct send *s, enum heap h)
{
	uint32_t slot = heap_first(s->table, h);

	if (slot != TABLE_NONE && !s->is_stopping)
		wait_for(s, table_at(s->table, slot)->due[h]);
}

static void
prepare(struct send *s)
{
	wait_reset(&s->wait);
	message_note_all(s);
	tell_partners(s);
	journal_flush(&s->journal);
	s->sig_handle = wait_in(&s->wait, s->sigfd);
	discover_prepare(s);
	deliver_prepare(s);
	for (size_t c = 0; c < CHANNELS; c++) {
		spawner_prepare(&s->spawners[c], &s->wait);
		if (spawner_has_room(&s->spawners[c]) &&
		    !cleaner_is_behind(&s->cleaner))
			wait_for_heap(s, (enum heap)c);
	}
	wait_for_heap(s, HEAP_AGAIN);
	if (s->ways.overrides_end < INT64_MAX && !s->is_stopping)
		wait_for(s, s->ways.overrides_end);
	cleaner_prepare(&s->cleaner, &s->wait);
	talk_prepare(s);
	if (s->must_hurry)
		wait_until(&s->wait, clock_ms());
	if (s->is_stopping)
		wait_until(&s->wait, s->stop_by);
	s->must_hurry = false;
}

static void
turn(struct send *s)
{
	struct ways_trouble t;

	prepare(s);
	if (wait_run(&s->wait) < 0) {
		/* no memory for it: everything is looked at next time */
		journal_say(&s->journal, "warning: trouble in select");
		return;
	}
	s->now = clock_real();
	s->loads = LOADS_MAX;
	refresh_ways(s, &t);
	catch_signals(s);
	hear_partners(s);
	discover_ready(s);
	talk_ready(s);
	try_again(s);
	deliver_start(s);
	discover_step(s);
}

/* Whether a stopping qmail-send has nothing to wait for. */
static bool
is_quiet(struct send *s)
{
	for (size_t c = 0; c < CHANNELS; c++)
		if (s->spawners[c].is_alive && s->spawners[c].running > 0)
			return false;
	if (s->nbounces > 0)
		return false;
	if (!s->cleaner.is_alive || s->cleaner.n == 0)
		return true;
	if (s->stop_by == INT64_MAX)
		s->stop_by = clock_ms() + FAREWELL_MS;
	return clock_ms() >= s->stop_by;
}

/* Note what no note says yet, and let go of everything. */
static void
finish(struct send *s)
{
	for (struct active *a = s->actives; a != NULL; a = s->actives) {
		if (a->is_dirty)
			(void)message_note(s, a, false);
		message_unload(s, a);
	}
	journal_say(&s->journal, "status: exiting");
	journal_flush(&s->journal);
	if (s->talk.fd >= 0)
		err_ignore(file_unlink(FILE_CWD, "run/send"));
	talk_close(&s->talk);
	for (size_t c = 0; c < CHANNELS; c++)
		spawner_free(&s->spawners[c]);
	for (struct active *a = s->spares; a != NULL; a = s->spares) {
		s->spares = a->next;
		active_destroy(&a);
	}
	for (size_t c = 0; c < CHANNELS; c++)
		dests_destroy(&s->dests[c]);
	ways_free(&s->ways);
	cleaner_free(&s->cleaner);
	table_destroy(&s->table);
	hash_destroy(&s->hash);
	hash_destroy(&s->verify.hash);
	fd_close(&s->verify.fd);
	fd_close(&s->sigfd);
	store_close(&s->store);
	controls_free(&s->controls);
	buf_free(&s->heard);
	buf_free(&s->journal.text);
	wait_free(&s->wait);
}

int
main(void)
{
	struct send s;

	prog_start("qmail-send");
	(void)umask(027);
	start(&s);
	s.stop_by = INT64_MAX;
	do
		turn(&s);
	while (!s.is_stopping || !is_quiet(&s));
	finish(&s);
	return s.code;
}

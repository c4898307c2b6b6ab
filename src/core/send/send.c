/*
 * qmail-send - deliver mail from the queue
 *
 * Run by:   qmail-start(8)
 * Runs as:  qmails
 * Input:    envelopes in queue/todo and its own notes in queue/info; results
 *           from qmail-lspawn and qmail-rspawn on descriptors 2 and 4,
 *           answers from qmail-clean on 6; IDs from the FIFO lock/trigger;
 *           an operator's words on the socket run/send; signals
 * Trusts:   control files; qmail-queue for what has a fitting seal; a
 *           spawner for the verdicts on its own jobs. The trigger is a hint
 * Output:   jobs on descriptors 1 and 3, requests on 5, log on 0; notes;
 *           bounces through run/queue
 * Exits:    0 told to stop, 111 it could not start or lost a companion
 *
 * One loop, no threads. Nothing here waits for a disk but to read an
 * envelope, to check a message in slices, and to write a note.
 */
#include "send.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/num.h"
#include "conf/control.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/home.h"
#include "sys/prog.h"
#include "sys/sig.h"

enum {
	LOG_FD = 0,
	LOCAL_TO = 1,
	LOCAL_FROM = 2,
	REMOTE_TO = 3,
	REMOTE_FROM = 4,
	CLEAN_TO = 5,
	CLEAN_FROM = 6,

	LOG_MAX = 1024 * 1024,
	FRAMES_MAX = 64 * 1024 * 1024,
	TRIGGER_READ = 4096,
	TRIGGER_FULL = 48 * 1024, /* so much at once: some may be missing */
	RESCAN_MS = 1500 * 1000,
	FRESH_PER_TURN = 64,
	LIFETIME = 604800,
	CONCURRENCY_LOCAL = 10,
	CONCURRENCY_REMOTE = 20,
	CONCURRENCY_MAX = 100000,
	LINE_LIMIT = 65536
};

/* --- starting --- */

static void NORETURN
cannot_start(struct send *s, const char *why)
{
	buf_puts(&s->log, "alert: cannot start: ");
	slog(s, why);
	slog_flush(s);
	_exit(EX_SOFT);
}

/* Absent is fine: the default stands. */
static bool
is_read(int r)
{
	return r == 0 || r == E_ABSENT;
}

static bool
read_number(const char *name, uint64_t max, uint64_t *value)
{
	return is_read(control_int(name, max, value));
}

static void
read_controls(struct send *s, uint64_t wanted[CHANNELS])
{
	wanted[CHANNEL_LOCAL] = CONCURRENCY_LOCAL;
	wanted[CHANNEL_REMOTE] = CONCURRENCY_REMOTE;
	s->lifetime = LIFETIME;
	buf_puts(&s->bouncefrom, "MAILER-DAEMON");
	buf_puts(&s->doubleto, "postmaster");
	if (routes_new(&s->routes) < 0 ||
	    !is_read(control_line("bouncefrom", &s->bouncefrom)) ||
	    !is_read(
		control_line_me("bouncehost", "bouncehost", &s->bouncehost)) ||
	    !is_read(control_line("doublebounceto", &s->doubleto)) ||
	    !is_read(control_line_me(
		"doublebouncehost", "doublebouncehost", &s->doublehost)) ||
	    !read_number(
		"concurrencylocal", CONCURRENCY_MAX, &wanted[CHANNEL_LOCAL]) ||
	    !read_number("concurrencyremote", CONCURRENCY_MAX,
		&wanted[CHANNEL_REMOTE]) ||
	    !read_number("queuelifetime", INT32_MAX, &s->lifetime))
		cannot_start(s, "unable to read controls");
}

static void
init(struct send *s)
{
	*s = (struct send){ .log = BUF_INIT(LOG_MAX),
		.log_fd = LOG_FD,
		.wait = WAIT_INIT,
		.control = -1,
		.signals = -1,
		.trigger = -1,
		.trigger_line = BUF_INIT(2 * TRIGGER_READ),
		.bouncefrom = BUF_INIT(LINE_LIMIT),
		.bouncehost = BUF_INIT(LINE_LIMIT),
		.doubleto = BUF_INIT(LINE_LIMIT),
		.doublehost = BUF_INIT(LINE_LIMIT) };
	s->channels[CHANNEL_LOCAL] = (struct spawner){
		.name = "local", .to = LOCAL_TO, .from = LOCAL_FROM
	};
	s->channels[CHANNEL_REMOTE] = (struct spawner){
		.name = "remote", .to = REMOTE_TO, .from = REMOTE_FROM
	};
	for (int i = 0; i < CHANNELS; i++) {
		s->channels[i].in = BUF_INIT(FRAMES_MAX);
		s->channels[i].out = BUF_INIT(FRAMES_MAX);
	}
	s->cleaner = (struct cleaner){ .to = CLEAN_TO,
		.from = CLEAN_FROM,
		.is_alive = true,
		.out = BUF_INIT(FRAMES_MAX) };
	for (int fd = LOG_FD; fd <= CLEAN_FROM; fd++)
		err_ignore(fd_cloexec(fd, true)); /* a closed one shows below */
}

static void
start(struct send *s)
{
	const int signals[] = { SIGTERM, SIGALRM, SIGHUP, SIGCHLD, 0 };
	uint64_t wanted[CHANNELS];
	int r;

	if (home_enter() < 0)
		cannot_start(s, "unable to switch to home directory");
	read_controls(s, wanted);
	if (store_open(&s->store) < 0)
		cannot_start(s, "unable to switch to queue directory");
	r = store_mutex(s->store);
	if (r == E_BUSY)
		cannot_start(s, "qmail-send is already running");
	if (r < 0)
		cannot_start(s, "unable to open mutex");
	if (store_trigger(s->store, &s->trigger) < 0)
		cannot_start(s, "unable to open trigger");
	s->hash = hash_new();
	if (s->hash == NULL || sig_open(signals, &s->signals) < 0)
		cannot_start(s, "out of memory");
	for (int i = 0; i < CHANNELS; i++)
		if (spawner_hello(&s->channels[i], wanted[i]) < 0)
			cannot_start(s, "hath the daemon spawn no fire?");
	if (fd_nonblock(CLEAN_TO, true) < 0)
		cannot_start(s, "hath the daemon spawn no fire?");
	control_open(s);
	if (store_note_sweep(s->store) < 0)
		slog(s, "warning: unable to remove old notes from info");
	slog_status(s);
	send_rescan(s);
}

/* --- discovery --- */

/* The times of the next attempts, from the note. */
static void
add_noted(struct send *s, uint32_t place)
{
	struct message *m = &s->messages.v[place];
	struct note n;
	bool any = false;

	note_init(&n, m->id, 0);
	m->flags |= MESSAGE_HAS_NOTE | MESSAGE_SEEN;
	/* a damaged one is found, and dealt with, when it is loaded */
	if (store_note_read(s->store, &n) == 0)
		for (int c = 0; c < CHANNELS; c++)
			if (n.next[c] != 0)
				any |= messages_due(&s->messages, place,
					   (enum channel)c, n.next[c]) == 0;
	note_free(&n);
	if (!any)
		err_ignore(messages_put_fresh(&s->messages, place));
}

static bool
add(struct send *s, uint64_t id, bool has_note)
{
	uint32_t place;
	int r = messages_add(&s->messages, id, &place);

	if (r == E_BUSY)
		return true;
	if (r == 0 && has_note)
		add_noted(s, place);
	else if (r == 0)
		r = messages_put_fresh(&s->messages, place);
	if (r < 0)
		slog(s, "alert: out of memory, will look again");
	return r == 0;
}

static bool
add_listed(void *ctx, uint64_t id, bool has_note)
{
	return add(ctx, id, has_note);
}

void
send_rescan(struct send *s)
{
	int r = store_each(s->store, add_listed, s);

	if (r < 0) {
		buf_puts(&s->log, "alert: unable to list queue/todo: ");
		slog(s, err_text(r));
	}
	s->rescan_at = clock_ms() + (r < 0 ? RETRY_MS : RESCAN_MS);
}

/* IDs, one a line; anything else is somebody poking, which is allowed. */
static void
read_trigger(struct send *s)
{
	size_t all = 0, got;

	for (;;) {
		char piece[TRIGGER_READ];
		ssize_t n = read(s->trigger, piece, sizeof(piece));
		struct span rest, line;
		uint64_t id;

		if (n <= 0)
			break;
		all += (size_t)n;
		buf_put(&s->trigger_line, (struct span){ piece, (size_t)n });
		if (buf_err(&s->trigger_line) < 0) {
			buf_reset(&s->trigger_line);
			continue;
		}
		rest = buf_span(&s->trigger_line);
		got = rest.len;
		while (
		    span_find(rest, '\n') < rest.len && span_line(&rest, &line))
			if (num_parse(line, UINT64_MAX, &id) == 0)
				(void)add(s, id, false);
		if (rest.len > TRIGGER_READ)
			buf_reset(&s->trigger_line);
		else
			buf_drop(&s->trigger_line, got - rest.len);
	}
	if (all >= TRIGGER_FULL)
		send_rescan(s);
}

/* --- signals --- */

void
send_stop(struct send *s, int code)
{
	s->is_stopping = true;
	if (code > s->code)
		s->code = code;
}

void
send_flush(struct send *s)
{
	messages_all_due(&s->messages, clock_real());
	send_rescan(s);
}

void
send_reread(struct send *s)
{
	const char *file;

	if (home_enter() < 0) {
		slog(s, "alert: unable to reread controls: unable to switch "
			"to home directory");
		return;
	}
	if (routes_reread(s->routes, &file) < 0) {
		buf_puts(&s->log, "alert: unable to reread control/");
		slog(s, file);
	}
}

static void
read_signals(struct send *s)
{
	int sig;

	while ((sig = sig_next(s->signals)) != 0)
		switch (sig) {
		case SIGTERM:
			send_stop(s, 0);
			break;
		case SIGALRM:
			send_flush(s);
			break;
		case SIGHUP:
			send_reread(s);
			break;
		default:
			bounce_reap(s);
			break;
		}
}

/* --- the wheel --- */

static void
prepare(struct send *s)
{
	int64_t ms = clock_ms(), now = clock_real();

	wait_reset(&s->wait);
	s->h_signals = wait_in(&s->wait, s->signals);
	s->h_trigger = wait_in(&s->wait, s->trigger);
	wait_until(&s->wait, s->rescan_at);
	for (int i = 0; i < CHANNELS; i++) {
		struct spawner *c = &s->channels[i];
		uint32_t first = messages_first(&s->messages, (enum channel)i);

		spawner_prepare(s, c);
		if (first != MESSAGE_NONE && spawner_has_room(c) &&
		    !s->is_stopping) {
			int64_t due = s->messages.v[first].due[i];

			wait_until(&s->wait,
			    due <= now ? ms : ms + (due - now) * 1000);
		}
	}
	cleaner_prepare(s);
	control_prepare(s);
	active_prepare(s);
	if ((s->messages.fresh_n > 0 && !s->is_stopping) || s->checking != NULL)
		wait_until(&s->wait, ms);
	slog_flush(s);
}

static void
turn(struct send *s)
{
	if (wait_ready(&s->wait, s->h_signals))
		read_signals(s);
	if (wait_ready(&s->wait, s->h_trigger))
		read_trigger(s);
	if (clock_ms() >= s->rescan_at)
		send_rescan(s);
	for (int i = 0; i < CHANNELS; i++)
		spawner_ready(s, &s->channels[i]);
	cleaner_ready(s);
	control_ready(s);
	active_check_more(s);
	for (int i = 0; i < FRESH_PER_TURN && !s->is_stopping; i++) {
		uint32_t place = messages_take_fresh(&s->messages);

		if (place == MESSAGE_NONE)
			break;
		active_fresh(s, place);
	}
	for (int i = 0; i < CHANNELS; i++)
		active_start_more(s, (enum channel)i);
	active_write_notes(s);
	bounce_start_more(s);
}

static bool
is_over(const struct send *s)
{
	return s->is_stopping && s->channels[CHANNEL_LOCAL].inflight == 0 &&
	       s->channels[CHANNEL_REMOTE].inflight == 0 && !bounce_any(s);
}

static int
run(struct send *s)
{
	while (!is_over(s)) {
		prepare(s);
		if (wait_run(&s->wait) < 0) {
			slog(s, "warning: trouble in select");
			continue;
		}
		turn(s);
	}
	active_forget_all(s);
	cleaner_drain(s);
	slog(s, "status: exiting");
	slog_flush(s);
	return s->code;
}

int
main(void)
{
	static struct send s; /* large, and the only one */

	prog_start("qmail-send");
	(void)umask(027);
	init(&s);
	start(&s);
	return run(&s);
}

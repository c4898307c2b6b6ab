/*
 * send - what the parts of qmail-send know of one another
 *
 * messages   every message in the queue, in a few dozen bytes each
 * active     the few being delivered now, with their recipients
 * spawner    the two spawners: jobs out, results in
 * cleaner    requests to qmail-clean
 * bounce     children that write bounces
 * control    the operator's socket
 *
 * Each has prepare (what it waits for) and ready (what came); send.c turns
 * the wheel.
 */
#ifndef SEND_H
#define SEND_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "conf/routes.h"
#include "messages.h"
#include "queue/job.h"
#include "queue/note.h"
#include "queue/store.h"
#include "sys/wait.h"

enum {
	RETRY_MS = 123 * 1000, /* after a failure of the system */
	RETRY_S = 123,
	BOUNCES_MAX = 10, /* children at once */
	CALLERS_MAX = 4   /* operators at once */
};

/* --- spawner: one channel --- */

struct active;

struct flight {
	struct active *active; /* NULL: free, or the message is forgotten */
	uint64_t delivery;     /* number of the first recipient's delivery */
	uint32_t n;
	uint32_t rcpt[JOB_RCPTS_MAX]; /* indexes */
};

struct spawner {
	const char *name; /* "local", "remote" */
	int to, from;
	uint32_t limit;    /* jobs at once */
	uint32_t inflight; /* jobs */
	bool is_alive;
	struct flight *flights; /* limit of them; a job's number is its place */
	uint32_t free_hint;
	struct buf out, in;
	struct active *first, *last; /* passes with recipients still to start */
	uint32_t passes;             /* how many of them */
	bool turn;                   /* a due message, or a running pass? */
	size_t h_in, h_out;
};

/* --- cleaner --- */

enum clean_what { CLEAN_ALL, CLEAN_TODO, CLEAN_MESS, CLEAN_NOTE, CLEAN_ASIDE };

struct asked {
	uint64_t id;
	enum clean_what what;
};

struct cleaner {
	int to, from;
	bool is_alive;
	struct buf out;
	struct asked *asked; /* a ring: requests not answered yet */
	size_t cap, at, n;
	size_t h_in, h_out;
};

/* --- bounce --- */

struct bouncing {
	struct active *active;
	pid_t pid;
	int report; /* the child writes its qp there */
};

/* --- control --- */

struct caller {
	int fd;
	int64_t until;
	struct buf in;
	size_t h;
};

struct send {
	struct store *store;
	struct routes *routes;
	struct messages messages;
	struct spawner channels[CHANNELS];
	struct cleaner cleaner;
	struct bouncing bouncing[BOUNCES_MAX];
	struct caller callers[CALLERS_MAX];
	int control; /* the listening socket */
	size_t h_control;

	struct buf bouncefrom, bouncehost, doubleto, doublehost;
	uint64_t lifetime;

	struct buf log; /* lines of this turn */
	int log_fd;
	struct wait wait;
	int signals, trigger;
	size_t h_signals, h_trigger;
	struct buf trigger_line;

	struct active *actives;    /* all of them, a list */
	struct active *dirty;      /* notes to write at the end of the turn */
	struct active *checking;   /* large messages being verified */
	struct active *bounceable; /* waiting for a child */
	struct hash *hash;
	uint64_t deliveries; /* numbers given so far */
	int64_t rescan_at;   /* clock_ms() */
	bool is_stopping;
	int code; /* exit code once stopped */
};

/* log.c */
void slog(struct send *s, const char *words);
void slog_id(
    struct send *s, const char *before, uint64_t id, const char *after);
void slog_status(struct send *s);
void slog_flush(struct send *s);

/* cleaner.c */
void cleaner_ask(
    struct send *s, enum clean_what what, uint64_t id, struct span reason);
void cleaner_prepare(struct send *s);
void cleaner_ready(struct send *s);
void cleaner_drain(struct send *s);

/* spawner.c */
void spawner_prepare(struct send *s, struct spawner *c);
void spawner_ready(struct send *s, struct spawner *c);
void spawner_flush(struct send *s, struct spawner *c);
bool spawner_has_room(const struct spawner *c);
/* Start a delivery; returns the job's number. j->number is filled in. */
void spawner_start(
    struct send *s, struct spawner *c, struct active *a, struct job *j);
int spawner_hello(struct spawner *c, uint64_t wanted);

/* active.c */
void active_fresh(struct send *s, uint32_t m);
void active_due(struct send *s, uint32_t m, enum channel ch);
void active_start_more(struct send *s, enum channel ch);
void active_verdicts(
    struct send *s, struct flight *f, enum channel ch, const struct result *r);
void active_check_more(struct send *s);
void active_write_notes(struct send *s);
void active_prepare(struct send *s);
void active_finished(struct send *s, struct active *a);
void active_forget_all(struct send *s);
void active_lost(struct send *s, enum channel ch);
bool active_any(const struct send *s);
/* For bounce.c. */
struct note *active_note(struct active *a);
const struct envelope *active_envelope(const struct active *a);
void active_bounced(struct send *s, struct active *a, bool ok, uint64_t qp);
struct active *active_next_bounceable(struct send *s);

/* bounce.c */
enum bounce {
	BOUNCE_NONE,
	BOUNCE_SINGLE,
	BOUNCE_DOUBLE,
	BOUNCE_TRIPLE,
	BOUNCE_DROP
};
enum bounce bounce_kind(struct send *s, const struct envelope *e);
void bounce_start_more(struct send *s);
void bounce_reap(struct send *s);
bool bounce_any(const struct send *s);
/* Append the paragraph about one failure (contract queue.md 4.7). */
void bounce_paragraph(
    struct send *s, struct buf *b, struct span addr, struct span text);

/* control.c */
void control_open(struct send *s);
void control_prepare(struct send *s);
void control_ready(struct send *s);

/* send.c */
void send_stop(struct send *s, int code);
void send_flush(struct send *s);
void send_reread(struct send *s);
void send_rescan(struct send *s);

#endif

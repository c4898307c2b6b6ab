/*
 * send - the state of qmail-send, and what its parts do to it
 *
 * A message goes: discover, deliver, finish. Each part has the functions
 * below; parts that know nothing of messages (spawner, cleaner, table,
 * journal) have headers of their own.
 */
#ifndef SEND_H
#define SEND_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "active.h"
#include "cleaner.h"
#include "controls.h"
#include "dest.h"
#include "journal.h"
#include "queue/hash.h"
#include "queue/store.h"
#include "spawner.h"
#include "sys/wait.h"
#include "table.h"
#include "talk.h"
#include "ways.h"

/* contract queue.md 1.2 */
enum send_fd {
	SEND_LOG = 0,
	SEND_LSPAWN_OUT = 1,
	SEND_LSPAWN_IN = 2,
	SEND_RSPAWN_OUT = 3,
	SEND_RSPAWN_IN = 4,
	SEND_CLEAN_OUT = 5,
	SEND_CLEAN_IN = 6,
	SEND_FDS = 7
};

enum {
	BOUNCES_MAX = 10,
	SPARES_MAX = 64,
	LOADS_MAX = 256 /* messages loaded for attempts in one turn */
};

/* A bounce being put into the queue, or a warning, by a child. */
struct bounce {
	struct active *a; /* NULL: none */
	pid_t pid;
	int fd; /* it writes its qp there */
	bool is_warning;
};

/* A large message being verified, a piece in each turn of the loop. */
struct verify {
	struct active *a; /* NULL: none */
	struct hash *hash;
	int fd;
	uint64_t at;
};

struct send {
	struct controls controls;
	struct store *store;
	struct table *table;
	struct journal journal;
	struct spawner spawners[CHANNELS];
	struct dests *dests[CHANNELS];
	struct ways ways;
	struct cleaner cleaner;
	struct bounce bounces[BOUNCES_MAX];
	uint32_t nbounces;
	struct talk talk;
	struct wait wait;

	int sigfd, trigger;
	size_t sig_handle, trigger_handle;
	struct buf heard; /* of the trigger: a line that is not complete */
	int64_t scan_at;  /* of clock_ms() */
	size_t hurry_old; /* of old: so many were there when all became due */
	bool must_scan;
	unsigned int scan_part; /* to be looked at next; STORE_SPLIT: none */

	struct list fresh;    /* messages nobody has looked at */
	struct list old;      /* with a note to be read */
	struct list big;      /* to be verified in pieces */
	struct list bouncing; /* whose bounce waits for its turn */
	struct verify verify;
	struct hash *hash; /* for messages verified at once */

	struct active *actives; /* all that are loaded */
	struct active *spares;  /* none of them */
	uint32_t nspares;
	bool any_dirty;

	uint64_t deliveries; /* started so far */
	uint32_t nmany;      /* passes on with several destinations */
	int loads;           /* that are left in this turn */
	int64_t now;         /* seconds since 1970, once in a turn */
	bool must_hurry;     /* there is more to do: do not sleep */
	bool is_stopping;
	int64_t stop_by; /* of clock_ms(): for qmail-clean's last answers */
	int code;        /* to exit with */
};

/* --- messages (message.c) --- */

/* Load the message in slot, or find it loaded. NULL when it cannot be:
 * whatever has to follow from that has been done. */
struct active *message_load(struct send *s, uint32_t slot);

/* Unload a message, whose note has been written if it had to be. */
void message_unload(struct send *s, struct active *a);

/* It leaves all heaps. */
void message_leave(struct send *s, uint32_t slot);

/* Write the note. False: trouble, which was logged. */
bool message_note(struct send *s, struct active *a, bool must_sync);

/* Nothing is being done for the message now: finish it, or unload it. */
void message_settle(struct send *s, struct active *a);

/* Wait in the heaps of the channels where something is left to do. */
void message_place(struct send *s, const struct active *a);

/* It is damaged: have it set aside. */
void message_damaged(struct send *s, uint32_t slot, const char *why);

/* Something went wrong that may pass: look at it again later. */
void message_again(struct send *s, uint32_t slot, enum stage stage);

/* Check the message against its envelope. 0; E_BUSY: too large to be done
 * at once; any other failure has been dealt with, the message unloaded. */
int message_verify(struct send *s, struct active *a) MUST_CHECK;

/* The check failed: see to what follows. */
void message_unverified(struct send *s, struct active *a, int r);

/* The message is gone. */
void message_forget(struct send *s, uint32_t slot);

/* Notes that are due at the end of a turn. */
void message_note_all(struct send *s);

/* --- discover.c --- */

void discover_prepare(struct send *s);
void discover_ready(struct send *s);
/* Log that it is there, if that was not done. */
void discover_announce(struct send *s, const struct active *a);
/* Look at new messages, for as long as one turn may take. */
void discover_step(struct send *s);
/* List all of the queue at once: at start. */
void discover_scan(struct send *s);

/* --- attempt.c --- */

/* Start an attempt at what is due, or was first in a line. */
void attempt_begin(
    struct send *s, uint32_t slot, enum channel c, bool was_first);
/* The time of a message has come: begin, or see whether it still has to
 * wait in its line. */
void attempt_begin_due(struct send *s, uint32_t slot, enum channel c);
/* End the attempt if nothing more will come of it. */
void attempt_check(struct send *s, struct active *a, enum channel c);
/* Whether the operator wants no more of a message to be delivered. */
bool attempt_must_stop(const struct send *s, const struct active *a);
/*
 * A group that has left its line: not tried in this attempt, because its
 * destination is left alone (then the attempt is to be checked); or not
 * tried any more, and the attempt is made again.
 */
void attempt_pass_over(struct send *s, const struct group *g, enum channel c);
void attempt_cut_off(struct send *s, const struct group *g, enum channel c);
/* The same for all groups of a message that are in line; it stays loaded. */
void attempt_withdraw(struct send *s, struct active *a);
/* Nothing more is to start: nobody stays in line. */
void attempt_stop(struct send *s);

/* --- deliver.c --- */

/* The destinations are there: be told of them. */
void deliver_open(struct send *s);
void deliver_prepare(struct send *s);
/* Start what is due and has room. */
void deliver_start(struct send *s);
spawner_result_fn deliver_result;
/* A spawner has gone: forget what it was doing. */
void deliver_lost(struct send *s, struct spawner *c);
/* The ways of a channel are not what they were: who waits for them is
 * looked at anew. */
void deliver_reroute(struct send *s, enum channel c);

/* --- verdict.c --- */

const char *verdict_channel(enum channel c);
/* Log how much is running; that a delivery starts. */
void verdict_status(struct send *s);
void verdict_start(struct send *s, const struct active *a, enum channel c,
    uint64_t delivery, uint32_t index);
/* See to what follows from a verdict, NULL: there is none. */
void verdict_judge(struct send *s, struct active *a, const struct pass *p,
    uint32_t index, uint64_t delivery, const struct verdict *v);
/*
 * A recipient failed for good: what the bounce will say. False: there is no
 * memory for that, so it has to fail again some other time.
 */
bool verdict_failed(struct send *s, struct active *a, uint32_t index,
    struct span text) MUST_CHECK;

/* --- finish.c --- */

/* Every recipient is done: bounce if need be, then end. */
void finish_message(struct send *s, struct active *a);
/* Nothing more is to be done for it. */
void finish_end(struct send *s, struct active *a);
/* Remove a message that has ended. */
void finish_clean(struct send *s, uint32_t slot);
/*
 * qmail-clean is lost: note of all that it was asked to remove that it is
 * done, so that the next start does not deliver it again.
 */
void finish_unanswered(struct send *s);
cleaner_answer_fn finish_answer;

/* --- bounce.c --- */

/* Send the bounce of a message, or let it wait for its turn. False: there
 * is none to be sent. */
bool bounce_start(struct send *s, struct active *a);
/* Whether it is time to tell the sender of a delay. */
bool bounce_must_warn(const struct send *s, const struct entry *e);
/* Tell, if it is time and a child is to be had. */
void bounce_warn(struct send *s, struct active *a);
/* See which have ended, after SIGCHLD; start those that waited. */
void bounce_reap(struct send *s);

/* --- operate.c --- */

/*
 * What the operator with this uid asks of one message. The answer of the
 * control socket: "ok", "later" or "error WHY".
 */
typedef const char *operate_fn(struct send *s, uint64_t id, uint64_t uid);
operate_fn operate_hold;
operate_fn operate_release;
operate_fn operate_flush;
operate_fn operate_delete;
operate_fn operate_bounce;
/* Nobody has the message now: do what was wanted of it, which ends it. */
void operate_apply(struct send *s, struct active *a);

/* --- send.c --- */

/* All messages are due now. */
void send_flush(struct send *s);
/* Read locals and virtualdomains again. */
int send_reload(struct send *s);
/* Read the routes again; append the answer of the control socket. */
void send_routes(struct send *s, struct buf *b);
/* Start nothing more, and go when all is quiet. */
void send_stop(struct send *s, int code);

#endif

/*
 * lsched - what the parts of qmail-lsched share
 *
 * A JOB of qmail-send is an order; each of its recipients is a task. A task
 * goes from users_find(), which learns whose it is, to pool_add(), which
 * has a worker of that account deliver it, and ends at task_end(). When all
 * tasks of an order have ended its RESULT is written and it is gone.
 */
#ifndef LSCHED_H
#define LSCHED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/span.h"
#include "conf/cdb.h"
#include "queue/job.h"
#include "queue/store.h"
#include "queue/worker.h"
#include "sys/file.h"
#include "sys/proc.h"
#include "sys/wait.h"

enum {
	ORDERS_MAX = JOBS_MAX,   /* announced to qmail-send */
	WORKERS_PER_UID = 20,    /* of them one user's */
	PATIENCE_MS = 20,        /* while all of an account's are busy */
	IDLE_MS = 60 * 1000,     /* an idle worker is kept so long */
	GRACE_MS = 10 * 1000,    /* to go away when told to */
	LOOKUP_MS = 60 * 1000,   /* to learn whose a recipient is */
	CACHE_MS = 2 * 1000,     /* answers of qmail-getpw are kept so long */
	CACHE_MAX = 1000,        /* how many of them */
	ASKED_MAX = 4,           /* questions in the pipe: it holds 64 KiB */
	ASK_LOCAL_MAX = 8192,    /* bytes of a local part asked for: those of an
	                            address, behind a line of virtualdomains */
	REPLY_MS = 600 * 1000,   /* qmail-send takes a result in that time */
	DONE_MAX = 64 * 1024,    /* bytes of a worker's answer */
	ACCOUNT_MAX = 72 * 1024, /* bytes of qmail-getpw's answer */
	ANSWERS_MAX = 2 * ACCOUNT_MAX,
	IN_MAX = 256 * 1024,        /* a JOB frame, and what came behind it */
	WORK_MAX = 160 * 1024,      /* bytes of a WORK frame */
	OUT_MAX = 256 * 1024 * 1024 /* results of one turn */
};

struct order;
struct task {
	TAILQ_ENTRY(task) link; /* asking, asked or ready */
	struct order *order;
	uint32_t index;
	struct span local, domain; /* borrowed from the order */
	int64_t deadline;          /* to know uid and gid; later, how long
	                              it waits for a worker that is busy */
	struct proc_id id;
	struct buf bytes; /* the WORK frame, later the text of the verdict */
	char letter;      /* the verdict; 0 while there is none */
};
TAILQ_HEAD(tasks, task);

struct order {
	TAILQ_ENTRY(order) link;
	uint32_t number; /* as qmail-send has it */
	uint64_t id;     /* of the message */
	struct span sender;
	struct buf frame; /* what the spans point into */
	uint32_t n, left; /* tasks, and those without a verdict */
	struct task task[];
};
TAILQ_HEAD(orders, order);

/* One process qmail-local, bound to one account for its life. */
struct worker {
	bool is_used; /* else the slot is free */
	int fd;       /* -1: told to go; killed if it has not at `since` */
	struct proc_id id;
	struct task *task; /* NULL: idle, from `since` on */
	int64_t since;
	bool has_worked; /* it has given a result */
	bool is_unread;  /* it never saw the task */
	size_t handle;
};

struct lsched {
	bool is_any;          /* qmail-lspawn can become any account */
	uid_t uid;            /* whose all mail is otherwise */
	struct span fallback; /* the default delivery */
	struct store *store;
	int signal_fd;

	/* orders */
	struct orders orders;
	size_t norders;
	struct buf in, out;
	bool is_over; /* no more orders come */
	int code;     /* to exit with */

	/* users */
	struct cdbfile *cdb; /* NULL: none */
	struct file_stamp stamp;
	struct tasks asking, asked;
	size_t nasked;
	pid_t getpw;
	int ask_fd, answer_fd;
	struct buf answer, ext;
	bool has_answered;
	struct map *cache;
	int64_t cached_at;
	size_t handle;

	/* pool */
	struct tasks ready;
	bool is_changed; /* something may be possible that was not */
	int64_t look_at; /* or will be then, of clock_ms() */
	struct worker worker[WORKERS_MAX];
	struct buf done, order, gone;
	size_t lspawn; /* handle of the socket to qmail-lspawn */
};

/* orders.c: read what qmail-send wants; end a task; tell qmail-send. */
void orders_read(struct lsched *s);
void task_end(struct lsched *s, struct task *t, char letter, const char *text);
void task_report(
    struct lsched *s, struct task *t, uint32_t code, struct span output);
void orders_write(struct lsched *s);

/* users.c: whose is it? Ends in pool_add() or task_end(). */
void users_find(struct lsched *s, struct task *t);
void users_prepare(struct lsched *s, struct wait *w);
void users_ready(struct lsched *s, const struct wait *w);
void users_gone(struct lsched *s, pid_t pid);

/* pool.c: deliver it. Ends in task_end(). */
void pool_add(struct lsched *s, struct task *t);
void pool_prepare(struct lsched *s, struct wait *w);
void pool_ready(struct lsched *s, const struct wait *w);
void pool_run(struct lsched *s);

#endif

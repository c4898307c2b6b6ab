/*
 * classic - programs with qmail-remote's classic interface, once per
 *           recipient
 *
 * For $QMAILREMOTE and control/remotecommand: host, sender, recipient as
 * arguments, the message on 0, the report from 1 and 2.
 */
#ifndef RSPAWN_CLASSIC_H
#define RSPAWN_CLASSIC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/buf.h"
#include "queue/store.h"
#include "sys/wait.h"
#include "task.h"

struct run;

struct classic {
	struct run *runs; /* list */
	size_t n;         /* how many */
	unsigned long soft;
};

/* Called with each task that has all its verdicts. */
typedef void classic_done_fn(void *ctx, struct task *t);

/*
 * Start the program for the recipients of t that come next, as many as
 * may run. 0: all of them are begun; E_BUSY: ask again when one has ended.
 * Failures become verdicts; when those were the last, t->left is 0 and no
 * run refers to t.
 */
int classic_give(struct classic *c, struct store *store, const char *program,
    struct task *t) MUST_CHECK;

void classic_prepare(struct classic *c, struct wait *w);
void classic_ready(
    struct classic *c, const struct wait *w, classic_done_fn *done, void *ctx);
void classic_reaped(
    struct classic *c, pid_t pid, int status, classic_done_fn *done, void *ctx);

#endif

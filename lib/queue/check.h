/*
 * check - whether the queue is as it should be
 *
 * Looks at every file: folders, owners, modes and types; seals of todo and
 * info; size and hash of mess; what belongs together and is not there. The
 * system may be running meanwhile: messages come and go between two looks,
 * so what looks wrong is looked at again, two seconds later at least, and
 * told of only if it still does.
 */
#ifndef QUEUE_CHECK_H
#define QUEUE_CHECK_H

#include <stdint.h>

#include "base/attr.h"
#include "queue/store.h"

enum check_remedy {
	CHECK_NOTE,      /* nothing is wrong, but somebody may want to know */
	CHECK_ADJUST,    /* the operator must see to it */
	CHECK_QUARANTINE /* check_repair() takes it out of the queue */
};

enum check_kind { CHECK_TODO, CHECK_MESS, CHECK_INFO, CHECK_KINDS };

/* Lent for the length of a call. */
struct check_finding {
	const char *path;    /* below the home directory */
	const char *problem; /* a phrase: what is wrong */
	enum check_remedy remedy;
	/* for check_repair() */
	enum check_kind kind;
	unsigned int folder;
	const char *name; /* in that folder; NULL: none of its files */
};

/*
 * Call fn for everything that is to be told. Rights to read are enough;
 * what cannot be read is told of, too. The system's own failures.
 */
typedef void check_fn(void *ctx, const struct check_finding *f);
int check_queue(struct store *s, check_fn *fn, void *ctx) MUST_CHECK;

/*
 * Move what a finding of CHECK_QUARANTINE is about to quarantine/, with the
 * reason; of a damaged message all files. Nothing is ever deleted. May be
 * called from fn. The caller holds the mutex of qmail-send and the lock of
 * qmail-clean: nobody else is at work on what is in the queue.
 */
int check_repair(struct store *s, const struct check_finding *f) MUST_CHECK;

#endif

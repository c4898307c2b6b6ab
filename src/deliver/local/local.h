/*
 * local - one delivery: what is asked for, and what it needs on its way
 *
 * A process of qmail-local, one-shot or resident, serves one uid. `struct
 * local` lives as long as the process; `struct delivery` as long as one
 * job, and nothing in it outlives the job.
 *
 * Steps of a delivery return 0 to go on, or the exit code the job ends
 * with (EX_HARD, EX_SOFT) after its reason has been reported; EX_LAST from
 * a program means: a success, and no line after this one.
 */
#ifndef LOCAL_H
#define LOCAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

#include "message.h"
#include "report.h"

/* The eight operands; none contains a NUL. */
struct work {
	struct span user;
	struct span home;
	struct span local;
	struct span dash;
	struct span ext;
	struct span domain;
	struct span sender;
	struct span instructions; /* for want of a .qmail file */
};

/* For people, and for a worker whose caller should have known. */
#define LOCAL_USAGE \
	"qmail-local [ -nN ] user homedir local dash ext domain sender aliasempty"

enum { WORK_FIELDS = 8, HOST_MAX = 64 };

struct local {
	char *const *environment; /* as inherited; never changed */
	char host[HOST_MAX + 1];  /* for names in maildirs; "": not asked yet */
	pid_t pid;                /* ours */
	uint64_t deliveries;      /* into maildirs, for unique names */
	struct message msg;
	int64_t rule_at;      /* when control/maildirquota was read; 0: never */
	struct buf rule_text; /* what it says */
};

/* A child's environment: the inherited one, and what this job adds. */
struct environment {
	struct buf text; /* NAME=VALUE, each with its NUL */
	char **list;     /* NULL at its end; NULL: not made yet */
};

struct delivery {
	struct local *self;
	const struct work *job;
	struct report *report;
	bool describe;        /* -n: say what would be done */
	int64_t when;         /* seconds since 1970 */
	struct buf safe;      /* ext as in names of files */
	struct buf rpline;    /* Return-Path and its LF */
	struct buf dtline;    /* Delivered-To and its LF */
	struct buf ufline;    /* From_ and its LF */
	struct buf newsender; /* of what is forwarded */
	struct buf content;   /* the instructions */
	bool forward_only;    /* x bit, or after +list */
	bool has_default;     /* whether DEFAULT is set */
	struct span deflt;    /* its value */
	struct buf envelope;  /* of what is forwarded, "" if nothing is */
	struct environment env;
	uintmax_t files, forwards, programs;
	int pipe[2]; /* output of programs; -1: none, or ours */
};

/*
 * Carry out the job; message is the caller's descriptor, -1 if it has
 * none. Returns the exit code of the job.
 */
int deliver(struct local *self, const struct work *job, int message,
    bool describe, struct report *report) MUST_CHECK;

/*
 * The kinds of delivery. path and command are C strings: what the line of
 * the .qmail file says up to a NUL.
 */
int mbox_deliver(struct delivery *d, const char *path) MUST_CHECK;
int maildir_deliver(struct delivery *d, const char *path) MUST_CHECK;
int folder_deliver(struct delivery *d, const char *maildir) MUST_CHECK;
int program_run(struct delivery *d, const char *command) MUST_CHECK;
int lmtp_deliver(struct delivery *d, const char *text) MUST_CHECK;

/*
 * The quota of the maildir at path. 0 when there is room for the message,
 * and *fd is where to note that it was delivered: -1 if nowhere, else the
 * caller's.
 */
int ledger_open(struct delivery *d, const char *path, int *fd) MUST_CHECK;

/* A message of so many bytes was delivered. */
void ledger_add(int fd, uint64_t size);

/* This host's name, as gethostname(2) has it; asked for once. */
struct span local_host(struct local *self);

/* Output of programs that is still to come. */
void program_finish(struct delivery *d);

/*
 * Hand in what d->envelope begins. *qp is the number for "qp N". Changes
 * the working directory.
 */
int forward_all(struct delivery *d, uint64_t *qp) MUST_CHECK;

/* Serve jobs from descriptor 0 until the peer goes away. */
int resident(struct local *self);

#endif

/*
 * limits - what bounds qmail-rspawn
 */
#ifndef RSPAWN_LIMITS_H
#define RSPAWN_LIMITS_H

#include "queue/job.h"

enum {
	LIMIT_JOBS = JOBS_MAX, /* announced to qmail-send */
	LIMIT_WORKERS = 500,   /* resident qmail-remotes */
	LIMIT_RUNS = 1000,     /* processes of a classic program */
	LIMIT_FILES = 4096,    /* descriptors: all of the above, and some */

	LIMIT_IDLE_MS = 65000,  /* a worker's own connection lasts 60 s */
	LIMIT_JOB_MS = 7200000, /* one delivery, whatever hangs */
	LIMIT_LEAVE_MS = 60000, /* a worker that was told to go */

	LIMIT_REPORT = 1024 * 1024,       /* bytes of a classic report */
	LIMIT_BACKLOG = 1024 * 1024,      /* results nobody reads: stop here */
	LIMIT_RESULTS = 64 * 1024 * 1024, /* and never hold more */
	LIMIT_KEY = 4096
};

#endif

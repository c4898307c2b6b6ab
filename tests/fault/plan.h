/*
 * plan - what is to go wrong, in a file that the test, the tracer (inject)
 * and the preloaded faultlib share
 *
 * The test writes mode last: until then nothing counts, and nothing happens.
 */
#ifndef FAULT_PLAN_H
#define FAULT_PLAN_H

#include <stdint.h>

enum plan_mode {
	PLAN_NONE = 0,
	PLAN_COUNT = 1,  /* only count the system calls */
	PLAN_KILL = 2,   /* whoever makes the nth dies instead */
	PLAN_FAIL = 3,   /* the nth fails with its error number variant */
	PLAN_SHORT = 4,  /* the nth reads or writes half of what it should */
	PLAN_MEMORY = 5, /* the nth allocation fails */
};

struct plan {
	uint32_t mode; /* enum plan_mode */
	uint32_t nth;  /* from 1 */
	uint32_t variant;
	uint32_t seen;     /* calls, or allocations, since armed */
	uint32_t fired;    /* 1 once it happened */
	uint32_t variants; /* how many errors the nth call may fail with */
	uint32_t can_short;
	uint32_t moves; /* always counted: tells whether anything moves */
	uint32_t pid;   /* of whoever made the nth call */
	uint32_t unused;
	int64_t ahead;  /* seconds added to every clock */
	char what[160]; /* the nth call, in words */
};

/*
 * Closing this tells the tracer that faultlib has set itself up: from now on
 * what the process does is the program's doing.
 */
enum { PLAN_READY_FD = -7011 };

#endif

/*
 * proc - processes: start, wait, run
 */
#ifndef SYS_PROC_H
#define SYS_PROC_H

#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/buf.h"

enum proc_how {
	PROC_EXITED, /* value: exit code */
	PROC_KILLED, /* value: signal */
	PROC_NOEXEC  /* value: errno of execve; nothing ran */
};

struct proc_end {
	enum proc_how how;
	int value;
};

/* The child gets `from` as its descriptor `to`; lists end with from -1. */
struct proc_fd {
	int from, to;
};

struct proc_id {
	uid_t uid;
	gid_t gid;
};

struct proc_start {
	const char *const *argv;   /* argv[0] with a slash: a path; else PATH */
	const struct proc_fd *fds; /* may be NULL; the rest is close-on-exec */
	const struct proc_id *as;  /* become this for good; NULL: stay */
	gid_t effective;           /* for now, beside as->gid; 0: not */
	const char *cwd;           /* NULL: stay */
	int noexec;                /* see proc_spawn(); 0: 120 and 126 */
};

/*
 * Start a program: signals default and unblocked. If it cannot be executed
 * the child exits with noexec; or 120 (temporary) or 126 (permanent), as
 * contract queue.md 5.4 has it. 0 and *pid, or why there is no child.
 */
int proc_spawn(const struct proc_start *what, pid_t *pid) MUST_CHECK;

/* Wait for one child. */
int proc_wait(pid_t pid, struct proc_end *end) MUST_CHECK;

/* A child that has ended, and its wait(2) status; 0: none has, by now. */
pid_t proc_reap(int *status);

/* What a wait(2) status says. */
struct proc_end proc_end_of(int status);

/*
 * Start a program with our descriptors 1 and 2, and in as its 0. argv[0]
 * and signals as for proc_spawn(). 0 with *noexec 0: it runs; 0 and an errno
 * value: it could not be executed, and there is no child.
 */
int proc_begin(char *const argv[], int in, pid_t *pid, int *noexec) MUST_CHECK;

/* The same with our descriptor 0, and wait; finds PROC_NOEXEC. */
int proc_run(char *const argv[], struct proc_end *end) MUST_CHECK;

/*
 * A process that dies when its parent does: for children, right after fork.
 * One whose parent has died before lives on; proc_fork() has no such gap.
 */
void proc_die_with_parent(void);

/* fork(2) a child, *pid 0, that dies when its parent does, however early. */
int proc_fork(pid_t *pid) MUST_CHECK;

#endif

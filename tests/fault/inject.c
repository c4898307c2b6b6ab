/*
 * inject - run a program and make one of its system calls fail
 *
 * Usage: inject PLAN PROGRAM [ARGUMENT ...]
 *
 * The system calls of the program and of its children are counted while the
 * plan (plan.h) is armed, from when faultlib is ready in them; the nth fails, is cut short, or is the last thing
 * its process did. A failing call is not made; but close(2) is, for the
 * descriptor is gone on Linux whatever it says.
 *
 * The tracer is neither parent nor child of the program: that has the pid,
 * the children and the descriptors it would have without. Not part of the
 * product.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/ptrace.h>

#include "plan.h"

enum { ERRORS_MAX = 6, WORD = 96, CANNOT = 126, LOADING_MAX = 64 };

/* --- registers: the only place that knows the machine --- */

#if defined(__x86_64__)

typedef struct user_regs_struct regs;

static unsigned long long *
regs_arg(regs *r, unsigned int i)
{
	unsigned long long *const args[] = { &r->rdi, &r->rsi, &r->rdx };

	return args[i];
}

static unsigned long long *
regs_result(regs *r)
{
	return &r->rax;
}

/* Make no call at all. */
static void
regs_skip(pid_t pid, regs *r)
{
	(void)pid;
	r->orig_rax = (unsigned long long)-1;
}

#elif defined(__aarch64__)

typedef struct user_regs_struct regs;

static unsigned long long *
regs_arg(regs *r, unsigned int i)
{
	return &r->regs[i];
}

static unsigned long long *
regs_result(regs *r)
{
	return &r->regs[0];
}

static void
regs_skip(pid_t pid, regs *r)
{
	int none = -1;
	struct iovec v = { &none, sizeof(none) };

	(void)r;
	(void)ptrace(PTRACE_SETREGSET, pid, NT_ARM_SYSTEM_CALL, &v);
}

#else
#error "which registers hold the arguments of a system call?"
#endif

static void
regs_load(pid_t pid, regs *r)
{
	struct iovec v = { r, sizeof(*r) };

	(void)ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &v);
}

static void
regs_store(pid_t pid, regs *r)
{
	struct iovec v = { r, sizeof(*r) };

	(void)ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &v);
}

/* --- how calls fail --- */

enum kind {
	PLAIN,
	OPENS,  /* may also make a file */
	READS,  /* from descriptor argument 0, argument 2 bytes */
	WRITES, /* the same */
	CLOSES, /* done, and yet it fails */
	BREAKS, /* brk: has no error but the old break */
	NEVER,  /* cannot fail, or its library does not go on then */
};

enum { NO_PATH = -1, FD_PATH = -2 }; /* else the argument that is a path */

struct call {
	long number;
	const char *name;
	enum kind kind;
	int path;
	int errors[ERRORS_MAX]; /* up to a 0 */
};

static const struct call calls[] = {
	{ SYS_openat, "openat", OPENS, 1, { EMFILE, EIO, EINTR } },
	{ SYS_read, "read", READS, FD_PATH, { 0 } },
	{ SYS_pread64, "pread", READS, FD_PATH, { 0 } },
	{ SYS_recvfrom, "recv", READS, FD_PATH, { 0 } },
	{ SYS_recvmsg, "recvmsg", PLAIN, FD_PATH,
	    { ECONNRESET, ENOMEM, EINTR } },
	{ SYS_write, "write", WRITES, FD_PATH, { 0 } },
	{ SYS_pwrite64, "pwrite", WRITES, FD_PATH, { 0 } },
	{ SYS_writev, "writev", PLAIN, FD_PATH, { EIO, ENOSPC } },
	{ SYS_copy_file_range, "copy_file_range", PLAIN, FD_PATH,
	    { EIO, ENOSPC } },
	{ SYS_sendto, "send", WRITES, FD_PATH, { 0 } },
	{ SYS_sendmsg, "sendmsg", PLAIN, FD_PATH, { EPIPE, ENOBUFS, EINTR } },
	{ SYS_close, "close", CLOSES, FD_PATH, { EIO, EINTR } },
	{ SYS_fsync, "fsync", PLAIN, FD_PATH, { EIO, ENOSPC } },
	{ SYS_fdatasync, "fdatasync", PLAIN, FD_PATH, { EIO, ENOSPC } },
	{ SYS_syncfs, "syncfs", PLAIN, FD_PATH, { EIO, ENOSPC } },
	{ SYS_sync_file_range, "sync_file_range", PLAIN, FD_PATH,
	    { EIO, ENOSPC } },
	{ SYS_ftruncate, "ftruncate", PLAIN, FD_PATH, { EIO, ENOSPC } },
	{ SYS_linkat, "linkat", PLAIN, 1, { EIO, ENOSPC } },
	{ SYS_renameat, "renameat", PLAIN, 1, { EIO, ENOSPC } },
	{ SYS_renameat2, "renameat2", PLAIN, 1, { EIO, ENOSPC } },
	{ SYS_unlinkat, "unlinkat", PLAIN, 1, { EIO, ENOSPC } },
	{ SYS_newfstatat, "fstatat", PLAIN, 1, { EIO, ENOMEM } },
	{ SYS_fstat, "fstat", PLAIN, FD_PATH, { EIO, ENOMEM } },
	{ SYS_faccessat, "faccessat", PLAIN, 1, { EIO, ENOMEM } },
	{ SYS_faccessat2, "faccessat2", PLAIN, 1, { EIO, ENOMEM } },
	{ SYS_fchmodat, "fchmodat", PLAIN, 1, { EIO, ENOSPC } },
	{ SYS_chdir, "chdir", PLAIN, 0, { EIO, ENOMEM } },
	{ SYS_getdents64, "getdents", PLAIN, FD_PATH, { EIO, ENOMEM } },
	{ SYS_lseek, "lseek", PLAIN, FD_PATH, { EIO } },
	{ SYS_flock, "flock", PLAIN, FD_PATH, { ENOLCK, EINTR } },
	{ SYS_fcntl, "fcntl", PLAIN, FD_PATH, { EMFILE, EINTR } },
	{ SYS_ioctl, "ioctl", PLAIN, FD_PATH, { EIO, ENOTTY } },
	{ SYS_pipe2, "pipe2", PLAIN, NO_PATH, { EMFILE, ENFILE } },
	{ SYS_dup3, "dup3", PLAIN, FD_PATH, { EBUSY, EINTR } },
	{ SYS_signalfd4, "signalfd", PLAIN, NO_PATH, { EMFILE, ENOMEM } },
	{ SYS_socket, "socket", PLAIN, NO_PATH, { EMFILE, ENOBUFS } },
	{ SYS_socketpair, "socketpair", PLAIN, NO_PATH, { EMFILE, ENOBUFS } },
	{ SYS_bind, "bind", PLAIN, FD_PATH, { ENOSPC, EADDRINUSE } },
	{ SYS_listen, "listen", PLAIN, FD_PATH, { ENOMEM, EADDRINUSE } },
	{ SYS_connect, "connect", PLAIN, FD_PATH,
	    { ECONNREFUSED, EAGAIN, ENOMEM, EINTR } },
	{ SYS_accept4, "accept", PLAIN, FD_PATH,
	    { ECONNABORTED, EMFILE, ENOMEM, EINTR } },
	{ SYS_getsockopt, "getsockopt", PLAIN, FD_PATH, { ENOBUFS } },
	{ SYS_setsockopt, "setsockopt", PLAIN, FD_PATH, { ENOMEM } },
	{ SYS_ppoll, "ppoll", PLAIN, NO_PATH, { ENOMEM, EINTR } },
	{ SYS_clone, "clone", PLAIN, NO_PATH, { EAGAIN, ENOMEM } },
	{ SYS_clone3, "clone3", PLAIN, NO_PATH, { EAGAIN, ENOMEM } },
	{ SYS_execve, "execve", PLAIN, 0, { ENOMEM, EIO } },
	{ SYS_wait4, "wait4", PLAIN, NO_PATH, { EINTR } },
	{ SYS_mmap, "mmap", PLAIN, NO_PATH, { ENOMEM } },
	{ SYS_mremap, "mremap", PLAIN, NO_PATH, { ENOMEM } },
	{ SYS_mprotect, "mprotect", PLAIN, NO_PATH, { ENOMEM } },
	{ SYS_madvise, "madvise", PLAIN, NO_PATH, { EAGAIN } },
	{ SYS_brk, "brk", BREAKS, NO_PATH, { ENOMEM } },
	{ SYS_getrandom, "getrandom", PLAIN, NO_PATH, { EAGAIN, EINTR } },
#ifdef SYS_open /* the calls that newer machines do without */
	{ SYS_poll, "poll", PLAIN, NO_PATH, { ENOMEM, EINTR } },
	{ SYS_access, "access", PLAIN, 0, { EIO, ENOMEM } },
	{ SYS_stat, "stat", PLAIN, 0, { EIO, ENOMEM } },
	{ SYS_lstat, "lstat", PLAIN, 0, { EIO, ENOMEM } },
	{ SYS_unlink, "unlink", PLAIN, 0, { EIO, ENOSPC } },
	{ SYS_chmod, "chmod", PLAIN, 0, { EIO, ENOSPC } },
	{ SYS_dup2, "dup2", PLAIN, FD_PATH, { EBUSY, EINTR } },
	{ SYS_fork, "fork", PLAIN, NO_PATH, { EAGAIN, ENOMEM } },
	{ SYS_vfork, "vfork", PLAIN, NO_PATH, { EAGAIN, ENOMEM } },
	{ SYS_arch_prctl, "arch_prctl", NEVER, NO_PATH, { 0 } },
	{ SYS_getpgrp, "getpgrp", NEVER, NO_PATH, { 0 } },
#endif
	{ SYS_kill, "kill", PLAIN, NO_PATH, { ESRCH } },
	{ SYS_rt_sigprocmask, "rt_sigprocmask", NEVER, NO_PATH, { 0 } },
	{ SYS_rt_sigaction, "rt_sigaction", NEVER, NO_PATH, { 0 } },
	{ SYS_exit, "exit", NEVER, NO_PATH, { 0 } },
	{ SYS_exit_group, "exit_group", NEVER, NO_PATH, { 0 } },
	{ SYS_rt_sigreturn, "rt_sigreturn", NEVER, NO_PATH, { 0 } },
	{ SYS_restart_syscall, "restart_syscall", NEVER, NO_PATH, { 0 } },
	{ SYS_futex, "futex", NEVER, NO_PATH, { 0 } },
	{ SYS_set_tid_address, "set_tid_address", NEVER, NO_PATH, { 0 } },
	{ SYS_set_robust_list, "set_robust_list", NEVER, NO_PATH, { 0 } },
	{ SYS_rseq, "rseq", NEVER, NO_PATH, { 0 } },
	{ SYS_getpid, "getpid", NEVER, NO_PATH, { 0 } },
	{ SYS_gettid, "gettid", NEVER, NO_PATH, { 0 } },
	{ SYS_getppid, "getppid", NEVER, NO_PATH, { 0 } },
	{ SYS_getuid, "getuid", NEVER, NO_PATH, { 0 } },
	{ SYS_geteuid, "geteuid", NEVER, NO_PATH, { 0 } },
	{ SYS_getgid, "getgid", NEVER, NO_PATH, { 0 } },
	{ SYS_getegid, "getegid", NEVER, NO_PATH, { 0 } },
	{ SYS_umask, "umask", NEVER, NO_PATH, { 0 } },
	{ SYS_sched_yield, "sched_yield", NEVER, NO_PATH, { 0 } },
};

static const struct call *
call_of(long number)
{
	static struct call other = { 0, "call", PLAIN, NO_PATH, { EIO } };

	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		if (calls[i].number == number)
			return &calls[i];
	other.number = number;
	return &other;
}

/* What a descriptor is, and whether it never waits. */
struct place {
	mode_t type;
	int is_nonblocking;
};

static struct place
place_of(pid_t pid, int fd)
{
	struct place p = { 0 };
	char path[64], line[128];
	struct stat st;
	unsigned long flags = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
	if (stat(path, &st) == 0)
		p.type = st.st_mode & S_IFMT;
	(void)snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, fd);
	f = fopen(path, "re");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "flags:", 6) == 0)
			flags = strtoul(line + 6, NULL, 8);
	if (f != NULL)
		(void)fclose(f);
	p.is_nonblocking = (flags & O_NONBLOCK) != 0;
	return p;
}

/* A call about to be made, and what could become of it. */
struct victim {
	pid_t pid;
	const struct call *call;
	uint64_t args[6];
	int errors[ERRORS_MAX];
	uint32_t n;
	int can_short;
};

static void
may_be(struct victim *v, int error)
{
	v->errors[v->n++] = error;
}

/* Whether a socket has messages, which are sent whole. */
static int
has_messages(pid_t pid, int number)
{
	int process = pidfd_open(pid, 0);
	int fd = process < 0 ? -1 : pidfd_getfd(process, number, 0);
	int type = SOCK_STREAM;
	socklen_t len = sizeof(type);

	(void)getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len);
	(void)close(fd);
	(void)close(process);
	return type != SOCK_STREAM;
}

/* Whether fewer bytes may be read or written than asked for. */
static int
can_cut(const struct victim *v, const struct place *p)
{
	switch (p->type) {
	case S_IFREG:
		return 1;
	case S_IFSOCK:
		return !has_messages(v->pid, (int)v->args[0]);
	case S_IFIFO:
		/* what is written in one piece stays in one piece */
		return v->call->kind == READS || v->args[2] > PIPE_BUF;
	default:
		return 0;
	}
}

static void
judge_io(struct victim *v)
{
	struct place p = place_of(v->pid, (int)v->args[0]);
	int is_read = v->call->kind == READS;
	long number = v->call->number;
	int never_waits = p.is_nonblocking ||
			  ((number == SYS_sendto || number == SYS_recvfrom) &&
			      (v->args[3] & MSG_DONTWAIT) != 0);

	switch (p.type) {
	case S_IFREG:
		may_be(v, EIO);
		if (!is_read)
			may_be(v, ENOSPC);
		break;
	case S_IFIFO:
	case S_IFSOCK:
		if (!is_read)
			may_be(v, EPIPE);
		else if (p.type == S_IFSOCK)
			may_be(v, ECONNRESET);
		may_be(v, EINTR);
		if (never_waits)
			may_be(v, EAGAIN);
		break;
	default:
		may_be(v, EIO);
		may_be(v, EINTR);
	}
	v->can_short = v->args[2] > 1 && can_cut(v, &p);
}

static void
judge(struct victim *v)
{
	switch (v->call->kind) {
	case NEVER:
		return;
	case READS:
	case WRITES:
		judge_io(v);
		return;
	case OPENS:
		if ((v->args[2] & O_CREAT) != 0 ||
		    (v->args[2] & O_TMPFILE) == O_TMPFILE)
			may_be(v, ENOSPC);
		break;
	case PLAIN:
	case CLOSES:
	case BREAKS:
		break;
	}
	for (size_t i = 0; i < ERRORS_MAX && v->call->errors[i] != 0; i++)
		may_be(v, v->call->errors[i]);
}

/* The path a call is about, or what its descriptor is open on. */
static void
put_object(const struct victim *v, char out[WORD])
{
	char path[64];
	ssize_t n = 0;
	int fd;

	if (v->call->path == FD_PATH) {
		(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", v->pid,
		    (int)v->args[0]);
		n = readlink(path, out, WORD - 1);
	} else if (v->call->path >= 0) {
		(void)snprintf(path, sizeof(path), "/proc/%d/mem", v->pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		n = pread(fd, out, WORD - 1, (off_t)v->args[v->call->path]);
		(void)close(fd);
	}
	out[n > 0 ? n : 0] = '\0';
}

static void
describe(struct plan *plan, const struct victim *v, const char *how)
{
	char object[WORD];
	char number[16] = "";

	put_object(v, object);
	if (strcmp(v->call->name, "call") == 0)
		(void)snprintf(number, sizeof(number), " %ld", v->call->number);
	(void)snprintf(plan->what, sizeof(plan->what), "%s%s(%s): %s",
	    v->call->name, number, object, how);
}

/* --- the tracer --- */

/* What is still to be done when the call that was changed returns. */
struct debt {
	pid_t pid; /* 0: nothing */
	int result;
	int arg;
	unsigned long long value;
};

struct tracer {
	struct plan *plan;
	struct debt debt;
	pid_t loading[LOADING_MAX]; /* 0: free */
};

static void
fail(struct tracer *t, const struct victim *v)
{
	int error = v->errors[t->plan->variant % v->n];
	regs r;

	regs_load(v->pid, &r);
	t->debt = (struct debt){ .pid = v->pid, .result = -error, .arg = -1 };
	if (v->call->kind == BREAKS) {
		t->debt = (struct debt){ v->pid, 0, 0, *regs_arg(&r, 0) };
		*regs_arg(&r, 0) = 0;
	} else if (v->call->kind != CLOSES) {
		regs_skip(v->pid, &r);
	}
	regs_store(v->pid, &r);
	describe(t->plan, v, strerrorname_np(error));
}

static void
cut(struct tracer *t, const struct victim *v)
{
	regs r;

	regs_load(v->pid, &r);
	t->debt = (struct debt){ v->pid, 0, 2, *regs_arg(&r, 2) };
	*regs_arg(&r, 2) /= 2;
	regs_store(v->pid, &r);
	describe(t->plan, v, "short");
}

/* The call that was to go wrong. */
static void
strike(struct tracer *t, const struct victim *v)
{
	struct plan *plan = t->plan;

	plan->variants = v->n;
	plan->can_short = (uint32_t)v->can_short;
	plan->pid = (uint32_t)v->pid;
	describe(plan, v, "as it is");
	switch (plan->mode) {
	case PLAN_KILL:
		describe(plan, v, "killed");
		(void)kill(v->pid, SIGKILL);
		break;
	case PLAN_FAIL:
		if (v->n > 0)
			fail(t, v);
		break;
	case PLAN_SHORT:
		if (v->can_short)
			cut(t, v);
		break;
	default:
		break;
	}
	__atomic_store_n(&plan->fired, 1, __ATOMIC_SEQ_CST);
}

/* A process is executing something, or has loaded it. */
static void
set_loading(struct tracer *t, pid_t from, pid_t to)
{
	for (size_t i = 0; i < LOADING_MAX; i++)
		if (t->loading[i] == from) {
			t->loading[i] = to;
			return;
		}
}

static int
is_loading(const struct tracer *t, pid_t pid)
{
	for (size_t i = 0; i < LOADING_MAX; i++)
		if (t->loading[i] == pid)
			return 1;
	return 0;
}

static void
enter(struct tracer *t, pid_t pid, const struct ptrace_syscall_info *info)
{
	struct plan *plan = t->plan;
	uint32_t mode = __atomic_load_n(&plan->mode, __ATOMIC_SEQ_CST);
	struct victim v = { .pid = pid };

	plan->moves++;
	if (is_loading(t, pid)) {
		if (info->entry.nr == SYS_close &&
		    (int)info->entry.args[0] == PLAN_READY_FD)
			set_loading(t, pid, 0);
		return;
	}
	if (mode == PLAN_NONE || mode == PLAN_MEMORY ||
	    ++plan->seen != plan->nth)
		return;
	v.call = call_of((long)info->entry.nr);
	for (size_t i = 0; i < 6; i++)
		v.args[i] = info->entry.args[i];
	judge(&v);
	strike(t, &v);
}

static void
leave(struct tracer *t, pid_t pid)
{
	regs r;

	if (t->debt.pid != pid)
		return;
	regs_load(pid, &r);
	if (t->debt.result != 0)
		*regs_result(&r) =
		    (unsigned long long)(long long)t->debt.result;
	/* an argument register is as it was, unless the result is there */
	if (t->debt.arg >= 0 &&
	    regs_arg(&r, (unsigned int)t->debt.arg) != regs_result(&r))
		*regs_arg(&r, (unsigned int)t->debt.arg) = t->debt.value;
	regs_store(pid, &r);
	t->debt.pid = 0;
}

/* One stop; then the process goes on. */
static void
stopped(struct tracer *t, pid_t pid, int status)
{
	int number = WSTOPSIG(status), event = status >> 16;
	struct ptrace_syscall_info info;
	int passed = 0;

	if (number == (SIGTRAP | 0x80)) {
		if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) <=
		    0)
			info.op = PTRACE_SYSCALL_INFO_NONE;
		if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
			enter(t, pid, &info);
		else if (info.op == PTRACE_SYSCALL_INFO_EXIT)
			leave(t, pid);
	} else if (event == PTRACE_EVENT_STOP && number != SIGTRAP) {
		/* stopped by a signal: it stays so */
		(void)ptrace(PTRACE_LISTEN, pid, 0, 0);
		return;
	} else if (event == PTRACE_EVENT_EXEC) {
		set_loading(t, pid, 0);
		set_loading(t, 0, pid);
	} else if (event == 0) {
		passed = number;
	}
	(void)ptrace(PTRACE_SYSCALL, pid, 0, passed);
}

/* Until the last process has ended. */
static void
trace(struct tracer *t)
{
	int status;
	pid_t pid;

	for (;;) {
		pid = waitpid(-1, &status, __WALL);
		if (pid < 0 && errno == EINTR)
			continue;
		if (pid < 0)
			return;
		if (WIFSTOPPED(status))
			stopped(t, pid, status);
		else
			set_loading(t, pid, 0);
	}
}

static void
attach(struct tracer *t, pid_t program)
{
	unsigned long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK |
				PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
				PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
	int status;

	set_loading(t, 0, program);
	if (ptrace(PTRACE_SEIZE, program, 0, options) < 0 ||
	    ptrace(PTRACE_INTERRUPT, program, 0, 0) < 0 ||
	    waitpid(program, &status, __WALL) != program)
		_exit(CANNOT);
	stopped(t, program, status);
}

static struct plan *
open_plan(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	void *p = mmap(NULL, sizeof(struct plan), PROT_READ | PROT_WRITE,
	    MAP_SHARED, fd, 0);

	(void)close(fd);
	return p == MAP_FAILED ? NULL : p;
}

/* Start the tracer, as nobody's child; 0 when it has attached. */
static int
start_tracer(struct plan *plan, pid_t program)
{
	struct tracer t = { .plan = plan };
	int ready[2];
	int status = 0;
	char byte;
	pid_t child;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return -1;
	child = fork();
	if (child == 0) {
		/* no descriptor of the program's lives on in the tracer */
		if (dup2(ready[1], 0) < 0 || close_range(1, ~0U, 0) < 0 ||
		    fork() != 0)
			_exit(0);
		attach(&t, program);
		if (write(0, "", 1) != 1)
			_exit(CANNOT);
		(void)close(0);
		trace(&t);
		_exit(0);
	}
	(void)close(ready[1]);
	if (child < 0 || waitpid(child, &status, 0) != child ||
	    read(ready[0], &byte, 1) != 1)
		return -1;
	return close(ready[0]);
}

int
main(int argc, char **argv)
{
	struct plan *plan = argc > 2 ? open_plan(argv[1]) : NULL;
	sigset_t wake;

	if (plan == NULL)
		return CANNOT;
	/* for systems where only parents may trace */
	(void)prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	/* a test that wakes the program does not mean us */
	(void)sigemptyset(&wake);
	(void)sigaddset(&wake, SIGURG);
	(void)sigprocmask(SIG_BLOCK, &wake, NULL);
	if (start_tracer(plan, getpid()) < 0)
		return CANNOT;
	(void)sigprocmask(SIG_UNBLOCK, &wake, NULL);
	(void)execv(argv[2], argv + 2);
	return CANNOT;
}

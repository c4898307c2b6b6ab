/*
 * proc_test - what a child gets, and how its end is told
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "sys/clock.h"
#include "sys/env.h"
#include "sys/fd.h"
#include "sys/proc.h"
#include "sys/sig.h"

static char home[] = "/tmp/proc_test.XXXXXX";
static pid_t outlived; /* prctl() waits for the end of this parent */

/* In place of the C library's. */
int
prctl(int option, ...)
{
	unsigned long arg;
	va_list ap;

	va_start(ap, option);
	arg = va_arg(ap, unsigned long);
	va_end(ap);
	while (outlived != 0 && getppid() == outlived)
		(void)poll(NULL, 0, 1);
	return (int)syscall(SYS_prctl, option, arg, 0, 0, 0);
}

static void
put_file(const char *path, const char *text, mode_t mode)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static int
enter(void **state)
{
	(void)state;
	/* a folder of PATH that we may not enter would be EACCES */
	if (env_put("PATH", SPAN("/usr/bin:/bin")) < 0)
		return -1;
	if (mkdtemp(home) == NULL || chmod(home, 0755) < 0 || chdir(home) < 0)
		return -1;
	put_file("script", "#!/bin/sh\nexit 3\n", 0755);
	put_file("plain", "#!/bin/sh\nexit 3\n", 0644);
	put_file("junk", "exit 3\n", 0755);
	put_file("dangling", "#!/nonexistent/interpreter\n", 0755);
	return 0;
}

static int
leave(void **state)
{
	(void)state;
	if (unlink("script") < 0 || unlink("plain") < 0 || unlink("junk") < 0 ||
	    unlink("dangling") < 0)
		return -1;
	return rmdir(home);
}

static struct proc_end
spawn_and_wait(const struct proc_start *what)
{
	struct proc_end end = { PROC_NOEXEC, -1 };
	pid_t pid;

	assert_int_equal(proc_spawn(what, &pid), 0);
	assert_int_equal(proc_wait(pid, &end), 0);
	return end;
}

/* The end of a shell script. */
static struct proc_end
shell(const char *script, const struct proc_fd *fds)
{
	const char *const argv[] = { "sh", "-c", script, NULL };
	const struct proc_start what = { .argv = argv, .fds = fds };

	return spawn_and_wait(&what);
}

/* contract queue.md 5.4 */
static void
test_exec_failure(void **state)
{
	static const struct {
		const char *name;
		const char *path;
		int code;  /* of proc_spawn() */
		int error; /* of proc_run(); 0: it runs */
	} rows[] = {
		{ "no such path", "/nonexistent/x", 126, ENOENT },
		{ "not in PATH", "facteur-nonexistent", 126, ENOENT },
		{ "empty", "", 126, ENOENT },
		{ "a directory", "/tmp", 126, EACCES },
		{ "below a file", "./plain/x", 126, ENOTDIR },
		{ "no x bit", "./plain", 126, EACCES },
		{ "no format", "./junk", 126, ENOEXEC },
		{ "no interpreter", "./dangling", 126, ENOENT },
		{ "a script", "./script", 3, 0 },
		{ "in PATH", "true", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const char *const argv[] = { rows[i].path, NULL };
		struct proc_start what = { .argv = argv };
		struct proc_end end = spawn_and_wait(&what);

		if (end.how != PROC_EXITED || end.value != rows[i].code)
			fail_msg("%s: spawn", rows[i].name);
		what.noexec = 77;
		end = spawn_and_wait(&what);
		if (end.how != PROC_EXITED ||
		    end.value != (rows[i].error == 0 ? rows[i].code : 77))
			fail_msg("%s: spawn with noexec", rows[i].name);
		assert_int_equal(
		    proc_run((char *const *)(uintptr_t)argv, &end), 0);
		if (rows[i].error == 0
			? end.how != PROC_EXITED || end.value != rows[i].code
			: end.how != PROC_NOEXEC || end.value != rows[i].error)
			fail_msg("%s: run", rows[i].name);
	}
}

/* A program that is being written may be whole in a moment. */
static void
test_temporary_exec_failure(void **state)
{
	static const char *const argv[] = { "./script", NULL };
	const struct proc_start what = { .argv = argv };
	struct proc_end end;
	int fd = open("script", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(proc_run((char *const *)(uintptr_t)argv, &end), 0);
	if (end.how != PROC_NOEXEC) {
		fd_close(&fd);
		skip(); /* a kernel that does not mind */
	}
	assert_int_equal(end.value, ETXTBSY);
	end = spawn_and_wait(&what);
	assert_int_equal(end.how, PROC_EXITED);
	assert_int_equal(end.value, 120);
	fd_close(&fd);
}

static void
test_ends(void **state)
{
	static const struct {
		const char *script;
		enum proc_how how;
		int value;
	} rows[] = {
		{ "exit 0", PROC_EXITED, 0 },
		{ "exit 7", PROC_EXITED, 7 },
		{ "exit 126", PROC_EXITED, 126 },
		{ "exit 255", PROC_EXITED, 255 },
		{ "kill -KILL $$", PROC_KILLED, SIGKILL },
		{ "kill -TERM $$", PROC_KILLED, SIGTERM },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const char *const argv[] = { "sh", "-c", rows[i].script, NULL };
		struct proc_end end = shell(rows[i].script, NULL);

		if (end.how != rows[i].how || end.value != rows[i].value)
			fail_msg("spawn: %s", rows[i].script);
		assert_int_equal(
		    proc_run((char *const *)(uintptr_t)argv, &end), 0);
		if (end.how != rows[i].how || end.value != rows[i].value)
			fail_msg("run: %s", rows[i].script);
	}
}

/* Whatever we ignore or block, the child does not. */
static void
test_signals(void **state)
{
	static const struct {
		const char *script;
		int number;
	} rows[] = {
		{ "kill -PIPE $$", SIGPIPE },
		{ "kill -HUP $$", SIGHUP },
		{ "kill -TERM $$", SIGTERM },
		{ "kill -USR1 $$", SIGUSR1 },
	};

	(void)state;
	sig_ignore(SIGPIPE);
	sig_ignore(SIGHUP);
	sig_block(SIGTERM);
	sig_ignore(SIGUSR1);
	sig_block(SIGUSR1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const char *const argv[] = { "sh", "-c", rows[i].script, NULL };
		struct proc_end end = shell(rows[i].script, NULL);

		if (end.how != PROC_KILLED || end.value != rows[i].number)
			fail_msg("spawn: %s", rows[i].script);
		assert_int_equal(
		    proc_run((char *const *)(uintptr_t)argv, &end), 0);
		if (end.how != PROC_KILLED || end.value != rows[i].number)
			fail_msg("run: %s", rows[i].script);
	}
	sig_unblock_all();
	sig_default(SIGHUP);
	sig_default(SIGUSR1);
}

/* What two pipes hold after a script wrote into some descriptors. */
static void
test_fd_mapping(void **state)
{
	static const struct {
		const char *name;
		struct proc_fd fds[4];
		const char *script;
		const char *first, *second;
	} rows[] = {
		{ "in place", { { 7, 7 }, { 8, 8 }, { -1, -1 } },
		    "echo A >&7; echo B >&8", "A\n", "B\n" },
		{ "exchanged", { { 7, 8 }, { 8, 7 }, { -1, -1 } },
		    "echo A >&7; echo B >&8", "B\n", "A\n" },
		{ "a chain", { { 7, 8 }, { 8, 9 }, { -1, -1 } },
		    "echo A >&8; echo B >&9; (: >&7) 2>/dev/null && echo C >&8",
		    "A\n", "B\n" },
		{ "one for two", { { 7, 5 }, { 7, 6 }, { -1, -1 } },
		    "echo A >&5; echo B >&6", "A\nB\n", "" },
		{ "onto standard output", { { 7, 1 }, { -1, -1 } }, "echo A",
		    "A\n", "" },
		{ "close-on-exec", { { 8, 1 }, { -1, -1 } },
		    "for i in 3 4 5 6 7 8 9; do "
		    "(: >&$i) 2>/dev/null && echo $i; done; echo end",
		    "", "end\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct buf a = BUF_INIT(1000), b = BUF_INIT(1000);
		int first[2], second[2];
		int seven, eight;

		assert_int_equal(fd_pipe(first), 0);
		assert_int_equal(fd_pipe(second), 0);
		seven = fcntl(first[1], F_DUPFD_CLOEXEC, 20);
		eight = fcntl(second[1], F_DUPFD_CLOEXEC, 20);
		fd_close(&first[1]);
		fd_close(&second[1]);
		assert_int_equal(dup3(seven, 7, O_CLOEXEC), 7);
		assert_int_equal(dup3(eight, 8, O_CLOEXEC), 8);
		(void)shell(rows[i].script, rows[i].fds);
		fd_close(&seven);
		fd_close(&eight);
		seven = 7;
		eight = 8;
		fd_close(&seven);
		fd_close(&eight);
		assert_int_equal(fd_read_all(first[0], &a), 0);
		assert_int_equal(fd_read_all(second[0], &b), 0);
		if (!span_eq(buf_span(&a), span_cstr(rows[i].first)) ||
		    !span_eq(buf_span(&b), span_cstr(rows[i].second)))
			fail_msg("%s: %.*s / %.*s", rows[i].name, (int)a.len,
			    a.p, (int)b.len, b.p);
		fd_close(&first[0]);
		fd_close(&second[0]);
		buf_free(&a);
		buf_free(&b);
	}
}

/* {3 -> 0, 0 -> 3}: standard input is not above the others. */
static void
test_exchange_with_0(void **state)
{
	const struct proc_fd fds[] = { { 7, 0 }, { 0, 7 }, { -1, -1 } };
	int ends[2], old[2];
	int saved = fcntl(0, F_DUPFD_CLOEXEC, 20);
	int seven;

	(void)state;
	assert_int_equal(fd_pipe(ends), 0);
	assert_int_equal(fd_pipe(old), 0);
	assert_int_equal(fd_write(ends[1], SPAN("new\n"), FD_FOREVER), 0);
	assert_int_equal(fd_write(old[1], SPAN("old\n"), FD_FOREVER), 0);
	assert_int_equal(dup2(old[0], 0), 0);
	seven = dup3(ends[0], 7, O_CLOEXEC);
	assert_int_equal(seven, 7);
	assert_int_equal(
	    shell("read a; read b <&7; test $a$b = newold", fds).value, 0);
	fd_close(&seven);
	if (saved >= 0)
		assert_int_equal(dup2(saved, 0), 0);
	fd_close(&saved);
	for (int i = 0; i < 2; i++) {
		fd_close(&ends[i]);
		fd_close(&old[i]);
	}
}

static void
test_cannot_begin(void **state)
{
	static const struct proc_id other = { 12345, 12345 };
	static const struct proc_fd closed[] = { { 99, 0 }, { -1, -1 } };
	static const char *const argv[] = { "true", NULL };
	const struct proc_start rows[] = {
		{ .argv = argv, .cwd = "/nonexistent" },
		{ .argv = argv, .fds = closed },
		{ .argv = argv, .as = geteuid() == 0 ? NULL : &other },
	};

	(void)state;
	for (size_t i = 0; i < 2 + (geteuid() != 0); i++)
		assert_int_equal(spawn_and_wait(&rows[i]).value, 111);
}

static void
test_cwd(void **state)
{
	static const char *const argv[] = { "sh", "-c", "test $(pwd) = /",
		NULL };
	const struct proc_start what = { .argv = argv, .cwd = "/" };

	(void)state;
	assert_int_equal(spawn_and_wait(&what).value, 0);
}

static void
test_as(void **state)
{
	static const struct proc_id nobody = { 65534, 65534 };
	static const char *const argv[] = { "sh", "-c",
		"test $(id -u).$(id -g).$(id -G) = 65534.65534.65534", NULL };
	const struct proc_start what = { .argv = argv, .as = &nobody };

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(spawn_and_wait(&what).value, 0);
}

static void
test_wait_for_nobody(void **state)
{
	struct proc_end end;

	(void)state;
	assert_true(err_is(proc_wait(getpid(), &end), ECHILD));
}

/* The grandchild's end of the pipe closes when its parent has died. */
static void
test_die_with_parent(void **state)
{
	int ends[2], ready[2], status;
	size_t got = 9;
	pid_t pid;
	char c;

	(void)state;
	assert_int_equal(fd_pipe(ends), 0);
	assert_int_equal(fd_pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		if (fork() == 0) {
			proc_die_with_parent();
			if (write(ready[1], "", 1) != 1)
				_exit(1);
			for (;;)
				(void)pause();
		}
		/* not before the grandchild has asked for it */
		_exit(fd_read(ready[0], &c, 1, FD_FOREVER, &got) == 0 ? 0 : 1);
	}
	fd_close(&ends[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(fd_read(ends[0], &c, 1, FD_FOREVER, &got), 0);
	assert_int_equal(got, 0);
	fd_close(&ends[0]);
	fd_close(&ready[0]);
	fd_close(&ready[1]);
}

/* The same when the parent has died before the child asked for it. */
static void
test_parent_died_before(void **state)
{
	int ends[2];
	size_t got = 9;
	pid_t pid, child;
	char c;

	(void)state;
	assert_int_equal(fd_pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		outlived = getpid();
		if (proc_fork(&child) < 0 || child > 0)
			_exit(0);
		for (;;)
			(void)pause();
	}
	fd_close(&ends[1]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(
	    fd_read(ends[0], &c, 1, clock_ms() + 60 * 1000, &got), 0);
	assert_int_equal(got, 0);
	fd_close(&ends[0]);
}

static void
test_reap(void **state)
{
	siginfo_t over;
	int status = 0;
	pid_t pid;

	(void)state;
	assert_int_equal(proc_reap(&status), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(3);
	assert_int_equal(waitid(P_PID, (id_t)pid, &over, WEXITED | WNOWAIT), 0);
	assert_int_equal(proc_reap(&status), pid);
	assert_int_equal(proc_end_of(status).value, 3);
	assert_int_equal(proc_reap(&status), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exec_failure),
		cmocka_unit_test(test_temporary_exec_failure),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_fd_mapping),
		cmocka_unit_test(test_exchange_with_0),
		cmocka_unit_test(test_cannot_begin),
		cmocka_unit_test(test_cwd),
		cmocka_unit_test(test_as),
		cmocka_unit_test(test_wait_for_nobody),
		cmocka_unit_test(test_reap),
		cmocka_unit_test(test_die_with_parent),
		cmocka_unit_test(test_parent_died_before),
	};

	return cmocka_run_group_tests(tests, enter, leave);
}

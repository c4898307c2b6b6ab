/*
 * fd_test - reading and writing whole, and deadlines that hold
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "sys/clock.h"
#include "sys/fd.h"

enum { BIG = 300000 }; /* more than a pipe or a socket takes */

static char big[BIG];

/* An unnamed file. */
static int
scratch(void)
{
	FILE *f = tmpfile();
	int fd;

	assert_non_null(f);
	fd = dup(fileno(f));
	assert_true(fd >= 0);
	assert_int_equal(fclose(f), 0);
	return fd;
}

static void
test_close(void **state)
{
	int ends[2];
	int twin;

	(void)state;
	assert_int_equal(fd_pipe(ends), 0);
	twin = ends[0];
	assert_true(fd_is_open(twin));
	assert_true((fcntl(ends[0], F_GETFD) & FD_CLOEXEC) != 0);
	assert_true((fcntl(ends[1], F_GETFD) & FD_CLOEXEC) != 0);
	fd_close(&ends[0]);
	assert_int_equal(ends[0], -1);
	assert_false(fd_is_open(twin));
	fd_close(&ends[0]);
	assert_int_equal(fd_close_checked(&ends[1]), 0);
	assert_int_equal(ends[1], -1);
	assert_int_equal(fd_close_checked(&ends[1]), 0);
	assert_true(err_is(fd_close_checked(&twin), EBADF));
	assert_false(fd_is_open(-1));
}

static void
test_read(void **state)
{
	char two[2];
	size_t got = 9;
	int ends[2];

	(void)state;
	assert_int_equal(fd_pipe(ends), 0);
	assert_int_equal(fd_write(ends[1], SPAN(""), FD_FOREVER), 0);
	assert_int_equal(fd_write(ends[1], SPAN("abc"), FD_FOREVER), 0);
	assert_int_equal(fd_read(ends[0], two, 2, FD_FOREVER, &got), 0);
	assert_int_equal(got, 2);
	assert_memory_equal(two, "ab", 2);
	/* what is there is read even if it is late */
	assert_int_equal(fd_read(ends[0], two, 2, 1, &got), 0);
	assert_int_equal(got, 1);
	fd_close(&ends[1]);
	assert_int_equal(fd_read(ends[0], two, 2, clock_ms(), &got), 0);
	assert_int_equal(got, 0);
	assert_int_equal(fd_read(ends[0], two, 2, FD_FOREVER, &got), 0);
	assert_int_equal(got, 0);
	fd_close(&ends[0]);
	assert_true(err_is(fd_read(-1, two, 2, FD_FOREVER, &got), EBADF));
	assert_true(err_is(fd_read(-1, two, 2, INT64_MAX - 1, &got), EBADF));
}

static void
test_read_deadline(void **state)
{
	static const struct {
		const char *name;
		bool nonblock;
		int ms;
	} rows[] = {
		{ "blocking, now", false, 0 },
		{ "blocking, past", false, -1000 },
		{ "blocking, soon", false, 3 },
		{ "nonblocking, now", true, 0 },
		{ "nonblocking, soon", true, 3 },
	};
	int ends[2];

	(void)state;
	assert_int_equal(fd_pipe(ends), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int64_t deadline = clock_ms() + rows[i].ms;
		size_t got;
		char c;

		assert_int_equal(fd_nonblock(ends[0], rows[i].nonblock), 0);
		if (fd_read(ends[0], &c, 1, deadline, &got) != E_TIMEOUT ||
		    clock_ms() < deadline)
			fail_msg("%s", rows[i].name);
	}
	fd_close(&ends[0]);
	fd_close(&ends[1]);
}

/* Nonblocking and no deadline: it waits nevertheless. */
static void
test_nonblocking_forever(void **state)
{
	int ends[2], status;
	size_t got = 0;
	pid_t pid;
	char c = 'x';

	(void)state;
	assert_int_equal(fd_pipe(ends), 0);
	assert_int_equal(fd_nonblock(ends[0], true), 0);
	pid = fork();
	if (pid == 0)
		_exit(write(ends[1], "y", 1) == 1 ? 0 : 1);
	assert_int_equal(fd_read(ends[0], &c, 1, FD_FOREVER, &got), 0);
	assert_int_equal(got, 1);
	assert_int_equal(c, 'y');
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	fd_close(&ends[0]);
	fd_close(&ends[1]);
}

static int
make_pipe(int ends[2])
{
	return fd_pipe(ends);
}

static int
make_sockets(int ends[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
}

/* Nobody reads: a write of much must not outlive its deadline. */
static void
test_write_deadline(void **state)
{
	static const struct {
		const char *name;
		int (*make)(int[2]);
		bool nonblock;
	} rows[] = {
		{ "blocking pipe", make_pipe, false },
		{ "nonblocking pipe", make_pipe, true },
		{ "blocking socket", make_sockets, false },
		{ "nonblocking socket", make_sockets, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int ends[2];

		assert_int_equal(rows[i].make(ends), 0);
		assert_int_equal(fd_nonblock(ends[1], rows[i].nonblock), 0);
		if (fd_write(ends[1], SPAN("abc"), clock_ms()) != 0)
			fail_msg("%s: small", rows[i].name);
		if (fd_write(ends[1], (struct span){ big, BIG },
			clock_ms() + 3) != E_TIMEOUT)
			fail_msg("%s: big", rows[i].name);
		fd_close(&ends[0]);
		if (!err_is(
			fd_write(ends[1], SPAN("x"), clock_ms() + 1000), EPIPE))
			fail_msg("%s: nobody", rows[i].name);
		if (!err_is(fd_write(ends[1], SPAN("x"), FD_FOREVER), EPIPE))
			fail_msg("%s: nobody, forever", rows[i].name);
		fd_close(&ends[1]);
	}
	assert_true(err_is(fd_write(-1, SPAN("x"), FD_FOREVER), EBADF));
	assert_true(err_is(fd_write(-1, SPAN("x"), clock_ms()), EBADF));
}

/* Somebody reads slowly: everything arrives. */
static void
test_write_all(void **state)
{
	static const struct {
		const char *name;
		int (*make)(int[2]);
		bool nonblock;
		bool forever;
	} rows[] = {
		{ "pipe", make_pipe, false, true },
		{ "pipe, deadline", make_pipe, false, false },
		{ "nonblocking pipe", make_pipe, true, true },
		{ "nonblocking pipe, deadline", make_pipe, true, false },
		{ "socket", make_sockets, false, true },
		{ "socket, deadline", make_sockets, false, false },
		{ "nonblocking socket, deadline", make_sockets, true, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct buf b = BUF_INIT(BIG);
		int ends[2], status;
		pid_t pid;

		assert_int_equal(rows[i].make(ends), 0);
		assert_int_equal(fd_nonblock(ends[1], rows[i].nonblock), 0);
		pid = fork();
		if (pid == 0) {
			int64_t deadline =
			    rows[i].forever ? FD_FOREVER : clock_ms() + 60000;

			fd_close(&ends[0]);
			_exit(fd_write(ends[1], (struct span){ big, BIG },
				  deadline) == 0
				  ? 0
				  : 1);
		}
		fd_close(&ends[1]);
		if (fd_read_all(ends[0], &b) != 0 || b.len != BIG ||
		    memcmp(b.p, big, BIG) != 0)
			fail_msg("%s", rows[i].name);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		fd_close(&ends[0]);
		buf_free(&b);
	}
}

static void
test_files_have_no_wait(void **state)
{
	struct buf b = BUF_INIT(BIG);
	int fd = scratch();

	(void)state;
	assert_int_equal(
	    fd_write(fd, (struct span){ big, BIG }, clock_ms()), 0);
	assert_int_equal(fd_pwrite(fd, SPAN("head"), 0), 0);
	assert_int_equal(fd_pwrite(fd, SPAN("tail"), BIG - 4), 0);
	assert_int_equal(fd_rewind(fd), 0);
	assert_int_equal(fd_read_all(fd, &b), 0);
	assert_int_equal(b.len, BIG);
	assert_memory_equal(b.p, "head", 4);
	assert_memory_equal(b.p + 4, big + 4, BIG - 8);
	assert_memory_equal(b.p + BIG - 4, "tail", 4);
	fd_close(&fd);
	buf_free(&b);
}

static void
test_read_all_bounds(void **state)
{
	static const struct {
		const char *name;
		size_t bytes, max;
		int want;
	} rows[] = {
		{ "nothing, bound 0", 0, 0, 0 },
		{ "one, bound 0", 1, 0, E_TOOBIG },
		{ "nothing", 0, 10, 0 },
		{ "below", 9, 10, 0 },
		{ "the bound", 10, 10, 0 },
		{ "bound plus one", 11, 10, E_TOOBIG },
		{ "a first piece", 4096, 8192, 0 },
		{ "large bound", 200000, 200000, 0 },
		{ "large bound plus one", 200001, 200000, E_TOOBIG },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct buf b = BUF_INIT(rows[i].max);
		int fd = scratch();
		int r;

		assert_int_equal(
		    fd_write(
			fd, (struct span){ big, rows[i].bytes }, FD_FOREVER),
		    0);
		assert_int_equal(fd_rewind(fd), 0);
		r = fd_read_all(fd, &b);
		if (r != rows[i].want || (r == 0 && b.len != rows[i].bytes))
			fail_msg("%s", rows[i].name);
		fd_close(&fd);
		buf_free(&b);
	}
}

static void
test_read_buf(void **state)
{
	struct buf b = BUF_INIT(4);
	size_t got = 9;
	int ends[2];

	(void)state;
	assert_int_equal(fd_pipe(ends), 0);
	assert_int_equal(fd_write(ends[1], SPAN("abcdef"), FD_FOREVER), 0);
	buf_putc(&b, '>');
	assert_int_equal(fd_read_buf(ends[0], &b, 2, FD_FOREVER, &got), 0);
	assert_int_equal(got, 2);
	assert_int_equal(fd_read_buf(ends[0], &b, 99, FD_FOREVER, &got), 0);
	assert_int_equal(got, 1);
	assert_true(span_eq(buf_span(&b), SPAN(">abc")));
	assert_int_equal(
	    fd_read_buf(ends[0], &b, 1, FD_FOREVER, &got), E_TOOBIG);
	assert_int_equal(buf_err(&b), 0);
	fd_close(&ends[0]);
	fd_close(&ends[1]);
	buf_free(&b);
}

static void
test_flags(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(fd_pipe(ends), 0);
	assert_int_equal(fd_nonblock(ends[0], true), 0);
	assert_true((fcntl(ends[0], F_GETFL) & O_NONBLOCK) != 0);
	assert_int_equal(fd_nonblock(ends[0], false), 0);
	assert_true((fcntl(ends[0], F_GETFL) & O_NONBLOCK) == 0);
	assert_int_equal(fd_cloexec(ends[0], false), 0);
	assert_int_equal(fcntl(ends[0], F_GETFD), 0);
	assert_int_equal(fd_cloexec(ends[0], true), 0);
	assert_int_equal(fcntl(ends[0], F_GETFD), FD_CLOEXEC);
	assert_true(err_is(fd_rewind(ends[0]), ESPIPE));
	assert_false(fd_is_listening(ends[0]));
	fd_close(&ends[0]);
	fd_close(&ends[1]);
	assert_true(err_is(fd_nonblock(-1, true), EBADF));
	assert_true(err_is(fd_cloexec(-1, true), EBADF));
}

static void
test_waits(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(fd_pipe(ends), 0);
	assert_int_equal(fd_wait_in(ends[0], clock_ms()), E_TIMEOUT);
	assert_int_equal(fd_wait_out(ends[1], FD_FOREVER), 0);
	assert_int_equal(fd_write(ends[1], SPAN("x"), FD_FOREVER), 0);
	assert_int_equal(fd_wait_in(ends[0], FD_FOREVER), 0);
	assert_int_equal(fd_wait_in(ends[0], clock_ms() - 9), 0);
	fd_close(&ends[0]);
	fd_close(&ends[1]);
	assert_true(err_is(fd_wait_in(-1, FD_FOREVER), EBADF));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_close),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_read_deadline),
		cmocka_unit_test(test_nonblocking_forever),
		cmocka_unit_test(test_write_deadline),
		cmocka_unit_test(test_write_all),
		cmocka_unit_test(test_files_have_no_wait),
		cmocka_unit_test(test_read_all_bounds),
		cmocka_unit_test(test_read_buf),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_waits),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < BIG; i++)
		big[i] = (char)(i * 31 + i / 256);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * lock_test - one holder at a time, and deadlines
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/lock.h"

/* Two open files of the same name, which then goes. */
static void
open_two(int fds[2])
{
	char path[] = "/tmp/lock_test.XXXXXX";

	fds[0] = mkstemp(path);
	assert_true(fds[0] >= 0);
	fds[1] = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fds[1] >= 0);
	assert_int_equal(unlink(path), 0);
}

static void
test_one_holder(void **state)
{
	int64_t deadline;
	int fds[2];

	(void)state;
	open_two(fds);
	assert_int_equal(lock_try(fds[0]), 0);
	assert_int_equal(lock_try(fds[0]), 0);
	assert_int_equal(lock_try(fds[1]), E_BUSY);
	assert_int_equal(lock_wait(fds[1], clock_ms() - 1), E_TIMEOUT);
	deadline = clock_ms() + 3;
	assert_int_equal(lock_wait(fds[1], deadline), E_TIMEOUT);
	assert_true(clock_ms() >= deadline);
	fd_close(&fds[0]);
	assert_int_equal(lock_wait(fds[1], clock_ms() - 1), 0);
	fd_close(&fds[1]);
}

static void
test_bad_descriptor(void **state)
{
	(void)state;
	assert_true(err_is(lock_try(-1), EBADF));
	assert_true(err_is(lock_wait(-1, FD_FOREVER), EBADF));
}

static void
test_wait_for_another_process(void **state)
{
	int fds[2], held[2], go[2], status;
	size_t got = 0;
	pid_t pid;
	char c;

	(void)state;
	open_two(fds);
	assert_int_equal(fd_pipe(held), 0);
	assert_int_equal(fd_pipe(go), 0);
	pid = fork();
	if (pid == 0) {
		/* hold it until told that the other one is about to wait */
		fd_close(&go[1]);
		if (lock_try(fds[0]) != 0 || write(held[1], "", 1) != 1)
			_exit(1);
		_exit(fd_read(go[0], &c, 1, FD_FOREVER, &got) == 0 ? 0 : 1);
	}
	fd_close(&fds[0]); /* the lock lives as long as any copy of it */
	assert_int_equal(fd_read(held[0], &c, 1, FD_FOREVER, &got), 0);
	assert_int_equal(lock_try(fds[1]), E_BUSY);
	fd_close(&go[1]);
	assert_int_equal(lock_wait(fds[1], clock_ms() + 60000), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	fd_close(&fds[1]);
	fd_close(&held[0]);
	fd_close(&held[1]);
	fd_close(&go[0]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_holder),
		cmocka_unit_test(test_bad_descriptor),
		cmocka_unit_test(test_wait_for_another_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * wait_test - many descriptors, deadlines, handles that mean nothing
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/time.h>

#include <cmocka.h>

#include "base/err.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/wait.h"

static void
test_deadlines(void **state)
{
	static const struct {
		const char *name;
		int ms;
	} rows[] = {
		{ "long ago", -1000 },
		{ "now", 0 },
		{ "soon", 3 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct wait w = WAIT_INIT;
		int64_t when = clock_ms() + rows[i].ms;

		wait_until(&w, INT64_MAX);
		wait_until(&w, when);
		wait_until(&w, when + 100000); /* the earliest counts */
		if (wait_run(&w) != 0 || clock_ms() < when)
			fail_msg("%s", rows[i].name);
		wait_free(&w);
	}
}

static void
test_ready(void **state)
{
	struct wait w = WAIT_INIT;
	size_t in, out, none, same;
	int ends[2];

	(void)state;
	assert_int_equal(fd_pipe(ends), 0);
	in = wait_in(&w, ends[0]);
	out = wait_out(&w, ends[1]);
	none = wait_in(&w, -1);
	assert_false(wait_ready(&w, in)); /* nobody has looked yet */
	assert_int_equal(wait_run(&w), 0);
	assert_false(wait_ready(&w, in));
	assert_true(wait_ready(&w, out));
	assert_false(wait_ready(&w, none));
	assert_false(wait_ready(&w, SIZE_MAX));
	assert_false(wait_ready(&w, 3));

	wait_reset(&w);
	assert_int_equal(fd_write(ends[1], SPAN("x"), FD_FOREVER), 0);
	in = wait_in(&w, ends[0]);
	same = wait_in(&w, ends[0]);
	assert_int_equal(wait_run(&w), 0);
	assert_true(wait_ready(&w, in));
	assert_true(wait_ready(&w, same));

	/* the far end has gone: that is something to look at */
	wait_reset(&w);
	fd_close(&ends[0]);
	out = wait_out(&w, ends[1]);
	assert_int_equal(wait_run(&w), 0);
	assert_true(wait_ready(&w, out));
	fd_close(&ends[1]);
	wait_free(&w);
	wait_free(&w);
}

static void
test_many(void **state)
{
	struct wait w = WAIT_INIT;
	int ends[2];
	size_t last = 0;

	(void)state;
	assert_int_equal(fd_pipe(ends), 0);
	for (int turn = 0; turn < 2; turn++) {
		wait_reset(&w);
		for (int i = 0; i < 1000; i++)
			assert_int_equal(wait_in(&w, -1), i);
		last = wait_out(&w, ends[1]);
		assert_int_equal(wait_run(&w), 0);
		assert_true(wait_ready(&w, last));
		assert_false(wait_ready(&w, last - 1));
	}
	fd_close(&ends[0]);
	fd_close(&ends[1]);
	wait_free(&w);
}

static void
do_nothing(int number)
{
	(void)number;
}

static void
test_signal_wakes(void **state)
{
	const struct sigaction act = { .sa_handler = do_nothing };
	/* again and again: the first may come before we wait */
	const struct itimerval often = { { 0, 2000 }, { 0, 2000 } };
	const struct itimerval never = { { 0, 0 }, { 0, 0 } };
	struct wait w = WAIT_INIT;
	int64_t when = clock_ms() + 60000;
	size_t in;
	int ends[2];

	(void)state;
	assert_int_equal(fd_pipe(ends), 0);
	in = wait_in(&w, ends[0]);
	wait_until(&w, when);
	assert_int_equal(sigaction(SIGALRM, &act, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
	assert_int_equal(wait_run(&w), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
	assert_true(clock_ms() < when);
	assert_false(wait_ready(&w, in));
	fd_close(&ends[0]);
	fd_close(&ends[1]);
	wait_free(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deadlines),
		cmocka_unit_test(test_ready),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_signal_wakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

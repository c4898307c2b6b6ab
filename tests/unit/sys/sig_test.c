/*
 * sig_test - signals arrive on a descriptor
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/sig.h"

static void
test_caught(void **state)
{
	static const int wanted[] = { SIGUSR1, SIGUSR2, 0 };
	int fd = -1;
	int sum = 0;

	(void)state;
	assert_int_equal(sig_open(wanted, &fd), 0);
	assert_int_equal(sig_next(fd), 0);
	assert_int_equal(raise(SIGUSR1), 0);
	assert_int_equal(raise(SIGUSR2), 0);
	assert_int_equal(raise(SIGUSR1), 0);
	assert_int_equal(fd_wait_in(fd, clock_ms()), 0);
	sum += sig_next(fd);
	sum += sig_next(fd);
	assert_int_equal(sum, SIGUSR1 + SIGUSR2);
	assert_int_equal(sig_next(fd), 0);
	fd_close(&fd);
	sig_unblock_all();
	assert_int_equal(sig_next(-1), 0);
}

static void
test_ignored(void **state)
{
	(void)state;
	sig_ignore(SIGUSR1);
	assert_int_equal(raise(SIGUSR1), 0);
	sig_default(SIGUSR1);
}

static void
test_blocked(void **state)
{
	sigset_t pending;

	(void)state;
	sig_block(SIGUSR1);
	assert_int_equal(raise(SIGUSR1), 0);
	assert_int_equal(sigpending(&pending), 0);
	assert_int_equal(sigismember(&pending, SIGUSR1), 1);
	sig_ignore(SIGUSR1); /* forgets the one that waits */
	sig_unblock_all();
	sig_default(SIGUSR1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_caught),
		cmocka_unit_test(test_ignored),
		cmocka_unit_test(test_blocked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

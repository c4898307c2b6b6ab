/*
 * clock_test - both clocks go forward and agree with the system
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "sys/clock.h"

static void
test_monotonic(void **state)
{
	int64_t last = clock_ms();

	(void)state;
	assert_true(last > 0);
	for (int i = 0; i < 1000; i++) {
		int64_t now = clock_ms();

		assert_true(now >= last);
		last = now;
	}
}

static void
test_real(void **state)
{
	time_t before = time(NULL) - 1;

	(void)state;
	assert_true(clock_real() >= before);
	assert_true(clock_real() <= time(NULL) + 1);
	assert_true(clock_real_us() / 1000000 >= (uint64_t)before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_monotonic),
		cmocka_unit_test(test_real),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

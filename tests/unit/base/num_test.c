/*
 * num_test - numbers from text, and arithmetic at its limits
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/num.h"

enum { UNTOUCHED = 77 };

struct row {
	const char *name;
	struct span s;
	uint64_t max;
	int want;
	uint64_t value; /* UNTOUCHED unless want is 0 */
};

static void
test_parse(void **state)
{
	static const struct row rows[] = {
		{ "nothing", { NULL, 0 }, 9, E_SYNTAX, UNTOUCHED },
		{ "zero", { "0", 1 }, 0, 0, 0 },
		{ "leading zeros", { "007", 3 }, 9, 0, 7 },
		{ "the bound", { "255", 3 }, 255, 0, 255 },
		{ "bound plus one", { "256", 3 }, 255, E_TOOBIG, UNTOUCHED },
		{ "bound 0", { "1", 1 }, 0, E_TOOBIG, UNTOUCHED },
		{ "largest", { "18446744073709551615", 20 }, UINT64_MAX, 0,
		    UINT64_MAX },
		{ "largest plus one", { "18446744073709551616", 20 },
		    UINT64_MAX, E_TOOBIG, UNTOUCHED },
		{ "far too long", { "99999999999999999999999", 23 }, UINT64_MAX,
		    E_TOOBIG, UNTOUCHED },
		{ "too big, then junk", { "999x", 4 }, 9, E_SYNTAX, UNTOUCHED },
		{ "sign", { "-1", 2 }, 9, E_SYNTAX, UNTOUCHED },
		{ "plus", { "+1", 2 }, 9, E_SYNTAX, UNTOUCHED },
		{ "blank before", { " 1", 2 }, 9, E_SYNTAX, UNTOUCHED },
		{ "blank behind", { "1 ", 2 }, 9, E_SYNTAX, UNTOUCHED },
		{ "NUL behind", { "1\0", 2 }, 9, E_SYNTAX, UNTOUCHED },
		{ "slash, below 0", { "/", 1 }, 9, E_SYNTAX, UNTOUCHED },
		{ "colon, above 9", { ":", 1 }, 9, E_SYNTAX, UNTOUCHED },
		{ "8-bit", { "\xb2", 1 }, 9, E_SYNTAX, UNTOUCHED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint64_t n = UNTOUCHED;

		if (num_parse(rows[i].s, rows[i].max, &n) != rows[i].want ||
		    n != rows[i].value)
			fail_msg("%s", rows[i].name);
	}
}

static void
test_prefix(void **state)
{
	static const struct row rows[] = {
		{ "nothing", { NULL, 0 }, 9, E_SYNTAX, UNTOUCHED },
		{ "no digit", { "x5", 2 }, 9, E_SYNTAX, UNTOUCHED },
		{ "sign", { "-5", 2 }, 9, E_SYNTAX, UNTOUCHED },
		{ "all", { "5", 1 }, 9, 0, 5 },
		{ "then junk", { "5x6", 3 }, 9, 0, 5 },
		{ "then NUL", { "5\0", 2 }, 9, 0, 5 },
		{ "bound plus one", { "10", 2 }, 9, 0, 9 },
		{ "overflow", { "99999999999999999999999 ", 24 }, UINT64_MAX, 0,
		    UINT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint64_t n = UNTOUCHED;

		if (num_prefix(rows[i].s, rows[i].max, &n) != rows[i].want ||
		    n != rows[i].value)
			fail_msg("%s", rows[i].name);
	}
}

static void
test_hex(void **state)
{
	static const struct row rows[] = {
		{ "nothing", { NULL, 0 }, 0, E_SYNTAX, UNTOUCHED },
		{ "zero", { "0", 1 }, 0, 0, 0 },
		{ "both cases", { "aFA9", 4 }, 0, 0, 0xafa9 },
		{ "16 digits", { "ffffffffffffffff", 16 }, 0, 0, UINT64_MAX },
		{ "17 digits", { "10000000000000000", 17 }, 0, E_TOOBIG,
		    UNTOUCHED },
		{ "17 zeros", { "00000000000000000", 17 }, 0, E_TOOBIG,
		    UNTOUCHED },
		{ "17 digits and junk", { "00000000000000000g", 18 }, 0,
		    E_SYNTAX, UNTOUCHED },
		{ "prefix", { "0x1", 3 }, 0, E_SYNTAX, UNTOUCHED },
		{ "g", { "g", 1 }, 0, E_SYNTAX, UNTOUCHED },
		{ "@", { "@", 1 }, 0, E_SYNTAX, UNTOUCHED },
		{ "sign", { "-1", 2 }, 0, E_SYNTAX, UNTOUCHED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint64_t n = UNTOUCHED;

		if (num_hex(rows[i].s, &n) != rows[i].want ||
		    n != rows[i].value)
			fail_msg("%s", rows[i].name);
	}
}

static void
test_arithmetic(void **state)
{
	size_t n = 0;

	(void)state;
	assert_int_equal(num_add(0, 0, &n), 0);
	assert_true(n == 0);
	assert_int_equal(num_add(SIZE_MAX - 1, 1, &n), 0);
	assert_true(n == SIZE_MAX);
	assert_int_equal(num_add(SIZE_MAX, 1, &n), E_TOOBIG);
	assert_int_equal(num_mul(SIZE_MAX, 0, &n), 0);
	assert_true(n == 0);
	assert_int_equal(num_mul(SIZE_MAX / 2, 2, &n), 0);
	assert_true(n == SIZE_MAX - 1);
	assert_int_equal(num_mul(SIZE_MAX / 2 + 1, 2, &n), E_TOOBIG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_prefix),
		cmocka_unit_test(test_hex),
		cmocka_unit_test(test_arithmetic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * mem_test - sizes that overflow, and what failure leaves alone
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

static void
test_new_is_zeroed(void **state)
{
	char *p = mem_new(100, 3);

	(void)state;
	assert_non_null(p);
	for (size_t i = 0; i < 300; i++)
		assert_int_equal(p[i], 0);
	mem_free(p);
	mem_free(NULL);
}

static void
test_overflow(void **state)
{
	/* volatile: the compiler knows that this cannot work */
	volatile size_t many = SIZE_MAX / 2 + 1;
	char *p = mem_new(1, 1);

	(void)state;
	assert_non_null(p);
	p[0] = 'x';
	assert_null(mem_new(many, 2));
	assert_null(mem_resize(p, many, 2));
	assert_int_equal(p[0], 'x');
	mem_free(p);
}

static void
test_resize(void **state)
{
	char *p = mem_resize(NULL, 2, 1);
	char *q;

	(void)state;
	assert_non_null(p);
	p[0] = 'x';
	q = mem_resize(p, 1000, 10);
	assert_non_null(q);
	assert_int_equal(q[0], 'x');
	p = mem_resize(q, 0, 10); /* released only by mem_free() */
	assert_non_null(p);
	mem_free(p);
}

static void
test_cstr(void **state)
{
	static const struct {
		const char *name;
		struct span s;
		const char *want;
	} rows[] = {
		{ "nothing", { NULL, 0 }, "" },
		{ "text", { "abcd", 3 }, "abc" },
		{ "NUL inside", { "a\0b", 3 }, NULL },
		{ "NUL at the end", { "a\0", 2 }, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char *p = mem_cstr(rows[i].s);

		if ((p == NULL) != (rows[i].want == NULL) ||
		    (p != NULL && strcmp(p, rows[i].want) != 0))
			fail_msg("%s", rows[i].name);
		mem_free(p);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new_is_zeroed),
		cmocka_unit_test(test_overflow),
		cmocka_unit_test(test_resize),
		cmocka_unit_test(test_cstr),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

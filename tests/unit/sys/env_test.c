/*
 * env_test, also of home: variables set, replaced, refused, gone
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "sys/env.h"
#include "sys/home.h"

static void
test_put_and_drop(void **state)
{
	(void)state;
	env_drop("FACTEUR_TEST");
	assert_null(env_get("FACTEUR_TEST"));
	assert_int_equal(env_put("FACTEUR_TEST", SPAN("")), 0);
	assert_string_equal(env_get("FACTEUR_TEST"), "");
	assert_int_equal(env_put("FACTEUR_TEST", SPAN("a=b\n\xff")), 0);
	assert_string_equal(env_get("FACTEUR_TEST"), "a=b\n\xff");
	assert_int_equal(env_put("FACTEUR_TEST", SPAN("a\0b")), E_NUL);
	assert_string_equal(env_get("FACTEUR_TEST"), "a=b\n\xff");
	env_drop("FACTEUR_TEST");
	env_drop("FACTEUR_TEST");
	assert_null(env_get("FACTEUR_TEST"));
}

static void
test_bad_name(void **state)
{
	(void)state;
	assert_true(env_put("", SPAN("x")) < 0);
	assert_true(env_put("A=B", SPAN("x")) < 0);
}

static void
test_home(void **state)
{
	static const struct {
		const char *name;
		struct span value;
		const char *want;
	} rows[] = {
		{ "empty", { "", 0 }, QH },
		{ "relative", { "var/qmail", 9 }, QH },
		{ "absolute", { "/tmp", 4 }, "/tmp" },
		{ "root", { "/", 1 }, "/" },
	};

	(void)state;
	env_drop("QMAILHOME");
	assert_string_equal(home_path(), QH);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(env_put("QMAILHOME", rows[i].value), 0);
		assert_string_equal(home_path(), rows[i].want);
	}
}

static void
test_enter(void **state)
{
	char at[100];

	(void)state;
	assert_int_equal(env_put("QMAILHOME", SPAN("/")), 0);
	assert_int_equal(home_enter(), 0);
	assert_non_null(getcwd(at, sizeof(at)));
	assert_string_equal(at, "/");
	assert_int_equal(env_put("QMAILHOME", SPAN("/nonexistent")), 0);
	assert_string_equal(err_text(home_enter()), "file does not exist");
	env_drop("QMAILHOME");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put_and_drop),
		cmocka_unit_test(test_bad_name),
		cmocka_unit_test(test_home),
		cmocka_unit_test(test_enter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

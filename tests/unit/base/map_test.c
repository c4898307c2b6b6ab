/*
 * map_test - keys without case, odd keys, and growth
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/map.h"

static void
test_empty(void **state)
{
	struct map *m = map_new();

	(void)state;
	assert_non_null(m);
	assert_false(map_get(m, SPAN("a"), NULL));
	assert_false(map_get(m, (struct span){ NULL, 0 }, NULL));
	assert_int_equal(map_size(m), 0);
	map_destroy(&m);
	assert_null(m);
	map_destroy(&m);
}

static void
test_keys(void **state)
{
	static const struct {
		const char *name;
		struct span key, value;
	} rows[] = {
		{ "empty key, no value", { NULL, 0 }, { NULL, 0 } },
		{ "no value", { "a", 1 }, { NULL, 0 } },
		{ "one byte", { "b", 1 }, { "1", 1 } },
		{ "NUL is a byte", { "b\0", 2 }, { "\0", 1 } },
		{ "NUL then more", { "b\0c", 3 }, { "2\0", 2 } },
		{ "8-bit", { "\xc4", 1 }, { "upper", 5 } },
		{ "8-bit has no case", { "\xe4", 1 }, { "lower", 5 } },
	};
	struct map *m = map_new();

	(void)state;
	assert_non_null(m);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_false(map_get(m, rows[i].key, NULL));
		assert_int_equal(map_put(m, rows[i].key, rows[i].value), 0);
		assert_int_equal(map_size(m), i + 1);
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct span got;

		if (!map_get(m, rows[i].key, &got) ||
		    !span_eq(got, rows[i].value))
			fail_msg("%s", rows[i].name);
	}
	map_destroy(&m);
}

static void
test_last_wins_without_case(void **state)
{
	struct map *m = map_new();
	struct span got;

	(void)state;
	assert_non_null(m);
	assert_int_equal(map_put(m, SPAN("Example.ORG"), SPAN("one")), 0);
	assert_int_equal(map_put(m, SPAN("example.org"), SPAN("two")), 0);
	assert_int_equal(map_size(m), 1);
	assert_true(map_get(m, SPAN("EXAMPLE.org"), &got));
	assert_true(span_eq(got, SPAN("two")));
	/* a value may come from the map itself */
	assert_int_equal(map_put(m, SPAN("example.org"), got), 0);
	assert_true(map_get(m, SPAN("example.org"), &got));
	assert_true(span_eq(got, SPAN("two")));
	map_destroy(&m);
}

static void
test_growth(void **state)
{
	struct map *m = map_new();
	struct buf b = BUF_INIT(100);
	struct span got;

	(void)state;
	assert_non_null(m);
	for (unsigned int i = 0; i < 5000; i++) {
		buf_reset(&b);
		buf_putu(&b, i);
		assert_int_equal(map_put(m, buf_span(&b), buf_span(&b)), 0);
	}
	assert_int_equal(map_size(m), 5000);
	for (unsigned int i = 0; i < 5000; i++) {
		buf_reset(&b);
		buf_putu(&b, i);
		assert_true(map_get(m, buf_span(&b), &got));
		assert_true(span_eq(got, buf_span(&b)));
	}
	assert_false(map_get(m, SPAN("5000"), NULL));
	buf_free(&b);
	map_destroy(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_last_wins_without_case),
		cmocka_unit_test(test_growth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * quantity_test - times and sizes
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "conf/quantity.h"

typedef int parse_fn(struct span s, uint64_t max, uint64_t *out);

static void
test_rows(void **state)
{
	const struct {
		parse_fn *fn;
		struct span in;
		uint64_t max;
		int want;
		uint64_t value;
	} rows[] = {
		{ quantity_time, SPAN(""), 100, E_SYNTAX, 0 },
		{ quantity_time, SPAN("m"), 100, E_SYNTAX, 0 },
		{ quantity_time, SPAN("0"), 100, 0, 0 },
		{ quantity_time, SPAN("90"), 100, 0, 90 },
		{ quantity_time, SPAN("90s"), 100, 0, 90 },
		{ quantity_time, SPAN("5m"), 300, 0, 300 },
		{ quantity_time, SPAN("5m"), 299, E_TOOBIG, 0 },
		{ quantity_time, SPAN("2h"), 10000, 0, 7200 },
		{ quantity_time, SPAN("7d"), 1000000, 0, 604800 },
		{ quantity_time, SPAN("1w"), 1000000, 0, 604800 },
		{ quantity_time, SPAN("1 h"), 10000, E_SYNTAX, 0 },
		{ quantity_time, SPAN("-1h"), 10000, E_SYNTAX, 0 },
		{ quantity_time, SPAN("1hh"), 10000, E_SYNTAX, 0 },
		{ quantity_time, SPAN("1M"), 10000, E_SYNTAX, 0 },
		{ quantity_time, SPAN("99999999999999999999w"), UINT64_MAX,
		    E_TOOBIG, 0 },
		{ quantity_size, SPAN("17"), 100, 0, 17 },
		{ quantity_size, SPAN("1K"), UINT64_MAX, 0, 1024 },
		{ quantity_size, SPAN("3M"), UINT64_MAX, 0, 3145728 },
		{ quantity_size, SPAN("2G"), UINT64_MAX, 0, 2147483648 },
		{ quantity_size, SPAN("1T"), UINT64_MAX, 0, 1099511627776 },
		{ quantity_size, SPAN("1k"), UINT64_MAX, E_SYNTAX, 0 },
		{ quantity_size, SPAN("G"), UINT64_MAX, E_SYNTAX, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint64_t got = 0;
		int r = rows[i].fn(rows[i].in, rows[i].max, &got);

		if (r != rows[i].want || (r == 0 && got != rows[i].value))
			fail_msg("%.*s: %d, %llu", (int)rows[i].in.len,
			    rows[i].in.p, r, (unsigned long long)got);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * date_test - moments in the three ways mail writes them
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mail/date.h"

static const struct {
	const char *name;
	int64_t t;
	const char *as_822, *as_mbox, *as_digits;
} rows[] = {
	{ "the beginning", 0, "1 Jan 1970 00:00:00 -0000",
	    "Thu Jan 01 00:00:00 1970", "19700101000000" },
	{ "contract 7.1", 1795358230, "22 Nov 2026 14:37:10 -0000",
	    "Sun Nov 22 14:37:10 2026", "20261122143710" },
	{ "oracle 77: one digit of day", 100000000, "3 Mar 1973 09:46:40 -0000",
	    "Sat Mar 03 09:46:40 1973", "19730303094640" },
	{ "leap day of a year divisible by 400", 951827696,
	    "29 Feb 2000 12:34:56 -0000", "Tue Feb 29 12:34:56 2000",
	    "20000229123456" },
	{ "the day behind it", 951868800, "1 Mar 2000 00:00:00 -0000",
	    "Wed Mar 01 00:00:00 2000", "20000301000000" },
	{ "no leap day in 2100", 4107542400, "1 Mar 2100 00:00:00 -0000",
	    "Mon Mar 01 00:00:00 2100", "21000301000000" },
	{ "the last second of a year", 946684799, "31 Dec 1999 23:59:59 -0000",
	    "Fri Dec 31 23:59:59 1999", "19991231235959" },
	{ "behind 32 bits", 4294967296, "7 Feb 2106 06:28:16 -0000",
	    "Sun Feb 07 06:28:16 2106", "21060207062816" },
	{ "a second before the beginning", -1, "31 Dec 1969 23:59:59 -0000",
	    "Wed Dec 31 23:59:59 1969", "19691231235959" },
};

static void
check(const char *name, struct buf *b, const char *expected)
{
	const char *got;

	assert_int_equal(buf_cstr(b, &got), 0);
	if (!span_eq(buf_span(b), span_cstr(expected)))
		fail_msg("%s: %s is not %s", name, got, expected);
	buf_reset(b);
}

static void
test_rows(void **state)
{
	struct buf b = BUF_INIT(100);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		date_822(&b, rows[i].t);
		check(rows[i].name, &b, rows[i].as_822);
		date_mbox(&b, rows[i].t);
		check(rows[i].name, &b, rows[i].as_mbox);
		date_digits(&b, rows[i].t);
		check(rows[i].name, &b, rows[i].as_digits);
	}
	buf_free(&b);
}

/* Every day of four centuries follows the one before it. */
static void
test_days_in_order(void **state)
{
	struct buf b = BUF_INIT(100), old = BUF_INIT(100);

	(void)state;
	for (int64_t day = -200 * 365; day < 200 * 366; day++) {
		struct buf swap = old;

		date_digits(&b, day * 86400);
		assert_int_equal(b.len, 14);
		if (old.len > 0)
			assert_true(memcmp(old.p, b.p, 14) < 0);
		old = b;
		b = swap;
		buf_reset(&b);
	}
	buf_free(&b);
	buf_free(&old);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_days_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

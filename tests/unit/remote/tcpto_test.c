/*
 * tcpto_test - the table of those who did not answer (queue.md 9, R25, R26)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../../src/deliver/remote/tcpto.c"

enum { NOW = 1700000000 };

static struct ip
addr(unsigned int n)
{
	struct ip ip = { .family = AF_INET };

	ip.bytes[0] = 10;
	ip.bytes[2] = (unsigned char)(n >> 8);
	ip.bytes[3] = (unsigned char)n;
	return ip;
}

static void
test_skipping(void **state)
{
	static const struct {
		unsigned char count;
		int64_t age;
		uint32_t pid;
		bool skips;
	} rows[] = {
		{ 1, 10, 0, false },
		{ 2, 10, 0, true },
		{ 2, 60 * 64 - 1, 0, true },
		{ 2, 60 * 64, 0, false },
		{ 2, 60 * 64, 1, true },
		{ 2, 91 * 64 - 1, 31, true },
		{ 2, 91 * 64, 31, false },
		{ 2, 60 * 64, 32, false },
		{ 0, 10, 0, false },
		{ 10, 10, 5, true },
	};
	struct ip ip = addr(1), other = addr(2);
	bool known;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct tcptable table = { 0 };

		(void)tcpto_note(&table, &ip, NOW - rows[i].age);
		table.record[0].count = rows[i].count;
		assert_int_equal(
		    tcpto_skips(&table, &ip, NOW, rows[i].pid, &known),
		    rows[i].skips);
		assert_true(known);
		assert_false(tcpto_skips(&table, &other, NOW, 0, &known));
		assert_false(known);
	}
}

static void
test_counting(void **state)
{
	struct tcptable table = { 0 };
	struct ip ip = addr(1);
	int64_t now = NOW;

	(void)state;
	assert_true(tcpto_note(&table, &ip, now));
	assert_false(tcpto_note(&table, &ip, now + 119)); /* oracle 65 */
	assert_int_equal(table.record[0].count, 1);
	for (int i = 2; i < 13; i++) {
		now += 120;
		assert_true(tcpto_note(&table, &ip, now));
		assert_int_equal(table.record[0].count, i < 10 ? i : 10);
	}
	assert_true(tcpto_clear(&table, &ip));
	assert_int_equal(table.record[0].count, 0);
	assert_false(tcpto_clear(&table, &ip));
	/* a cleared record begins anew, at once */
	assert_true(tcpto_note(&table, &ip, now));
	assert_int_equal(table.record[0].count, 1);
}

static void
test_full(void **state)
{
	struct tcptable table = { 0 };
	struct ip late = addr(1000);
	bool known;

	(void)state;
	for (unsigned int i = 0; i < TCPTABLE_RECORDS; i++) {
		struct ip ip = addr(i + 1);

		assert_true(tcpto_note(&table, &ip, NOW + i));
	}
	/* the oldest, but a count weighs 1024 seconds */
	table.record[0].count = 2;
	assert_true(tcpto_note(&table, &late, NOW + 100));
	assert_memory_equal(table.record[1].ip, late.bytes, 4);
	(void)tcpto_skips(&table, &late, NOW, 0, &known);
	assert_true(known);
}

static void
test_ipv6_is_not_known(void **state)
{
	struct tcptable table = { 0 };
	struct ip ip = { .family = AF_INET6 };
	bool known;

	(void)state;
	assert_false(tcpto_note(&table, &ip, NOW));
	assert_false(tcpto_clear(&table, &ip));
	assert_false(tcpto_skips(&table, &ip, NOW, 0, &known));
	assert_false(known);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_skipping),
		cmocka_unit_test(test_counting),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_ipv6_is_not_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

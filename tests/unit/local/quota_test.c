/*
 * quota_test - what a Maildir++ quota says, and what adds up to it
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* a room has no library: its file is taken whole */
#include "../../../src/deliver/local/quota.c"

static const struct {
	const char *list;
	int r;
	uint64_t bytes, count;
} lists[] = {
	{ "", 0, 0, 0 },
	{ "1000000S,1000C", 0, 1000000, 1000 },
	{ "5C,6S", 0, 6, 5 },
	{ "7X,1S", 0, 1, 0 },
	{ "0S,0C", 0, 0, 0 },
	{ "281474976710656S", 0, 281474976710656, 0 },
	{ "281474976710657S", E_TOOBIG, 0, 0 },
	{ "S", E_SYNTAX, 0, 0 },
	{ "1", E_SYNTAX, 0, 0 },
	{ "12", E_SYNTAX, 0, 0 },
	{ "1s", E_SYNTAX, 0, 0 },
	{ "1S,,2C", E_SYNTAX, 0, 0 },
	{ " 1S", E_SYNTAX, 0, 0 },
	{ "-1S", E_SYNTAX, 0, 0 },
	{ "1KS", E_SYNTAX, 0, 0 },
};

static void
test_lists(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		struct quota q;
		int r = quota_parse(span_cstr(lists[i].list), &q);

		if (r != lists[i].r ||
		    (r == 0 && (q.bytes != lists[i].bytes ||
				   q.count != lists[i].count)))
			fail_msg("%s: %d", lists[i].list, r);
	}
}

static const struct {
	const char *lines;
	int r;
	int64_t bytes, count;
} sums[] = {
	{ "", 0, 0, 0 },
	{ "1 1\n", 0, 1, 1 },
	{ "100 2\n-40 -1\n5 1", 0, 65, 2 },
	{ "  100    2  \n", 0, 100, 2 },
	{ "-5 -5\n", 0, -5, -5 },
	{ "\n", E_SYNTAX, 0, 0 },
	{ "1\n", E_SYNTAX, 0, 0 },
	{ "1 1 1\n", E_SYNTAX, 0, 0 },
	{ "+1 1\n", E_SYNTAX, 0, 0 },
	{ "--1 1\n", E_SYNTAX, 0, 0 },
	{ "99999999999999999999 1\n", E_TOOBIG, 0, 0 },
};

static void
test_sums(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(sums) / sizeof(*sums); i++) {
		struct quota_usage u = { .bytes = 0 };
		int r = quota_sum(span_cstr(sums[i].lines), &u);

		if (r != sums[i].r || (r == 0 && (u.bytes != sums[i].bytes ||
						     u.count != sums[i].count)))
			fail_msg("%s: %d", sums[i].lines, r);
	}
}

static const struct {
	const char *name;
	bool is_trashed;
	int64_t size; /* -1: not told */
} names[] = {
	{ "1.M2P3.host", false, -1 },
	{ "1.M2P3.host,S=12", false, 12 },
	{ "1.M2P3.host,S=12,W=13:2,S", false, 12 },
	{ "1.M2P3.host,W=13,S=12:2,ST", true, 12 },
	{ "1.x:2,T", true, -1 },
	{ "1.T:2,", false, -1 },
	{ "1.T", false, -1 },
	{ "1.x:1,T", false, -1 },
	{ "1.x,S=", false, -1 },
	{ "1.x,S=1x", false, -1 },
	{ "1.x:2,S=5", false, -1 },
	{ "", false, -1 },
};

static void
test_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct span s = span_cstr(names[i].name);
		uint64_t size = 0;
		bool told = quota_size_of(s, &size);

		if (quota_is_trashed(s) != names[i].is_trashed ||
		    told != (names[i].size >= 0) ||
		    (told && (int64_t)size != names[i].size))
			fail_msg("%s", names[i].name);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

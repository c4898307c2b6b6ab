/*
 * netstring_test - counted bytes, whole, cut short, and not netstrings
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "mail/netstring.h"

enum { MAX = 1000 };

#define ZEROS_49 "0000000000000000000000000000000000000000000000000"
#define ZEROS_98 ZEROS_49 ZEROS_49

/* a span in a table, where SPAN() is no constant */
#define LIT(s) \
	{ \
		s, sizeof(s) - 1 \
	}

static const struct {
	const char *name;
	struct span in;
	int r;
	struct span out, rest;
} rows[] = {
	{ "empty", LIT("0:,"), 0, LIT(""), LIT("") },
	{ "hello", LIT("5:hello,x"), 0, LIT("hello"), LIT("x") },
	{ "any byte", LIT("3:\0,:,"), 0, LIT("\0,:"), LIT("") },
	{ "leading zeros", LIT("003:abc,"), 0, LIT("abc"), LIT("") },
	{ "no digits", LIT(":,"), 0, LIT(""), LIT("") },
	{ "nothing", LIT(""), E_EOF, LIT(""), LIT("") },
	{ "a letter", LIT("x:,"), E_SYNTAX, LIT(""), LIT("x:,") },
	{ "a blank", LIT("5 :hello,"), E_SYNTAX, LIT(""), LIT("5 :hello,") },
	{ "a sign", LIT("-1:,"), E_SYNTAX, LIT(""), LIT("-1:,") },
	{ "no comma", LIT("5:hello."), E_SYNTAX, LIT(""), LIT("5:hello.") },
	{ "above the bound", LIT("1001:"), E_TOOBIG, LIT(""), LIT("1001:") },
	{ "no end of digits", LIT("99999999999999999999999999999"), E_TOOBIG,
	    LIT(""), LIT("99999999999999999999999999999") },
	{ "99 digits", LIT(ZEROS_98 "1:x,"), 0, LIT("x"), LIT("") },
	{ "100 digits", LIT(ZEROS_98 "01:x,"), E_SYNTAX, LIT(""),
	    LIT(ZEROS_98 "01:x,") },
	{ "no end of zeros", LIT(ZEROS_98 ZEROS_49), E_SYNTAX, LIT(""),
	    LIT(ZEROS_98 ZEROS_49) },
	{ "at the bound, incomplete", LIT("1000:"), E_EOF, LIT(""),
	    LIT("1000:") },
};

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct span in = rows[i].in, out = SPAN("");
		int r = netstring_get(&in, MAX, &out);

		if (r != rows[i].r || !span_eq(out, rows[i].out) ||
		    !span_eq(in, rows[i].rest))
			fail_msg("%s: %d", rows[i].name, r);
	}
}

static void
test_every_prefix_is_incomplete(void **state)
{
	const struct span whole = SPAN("12:hello, world,");

	(void)state;
	for (size_t n = 0; n < whole.len; n++) {
		struct span in = span_head(whole, n), out;

		assert_int_equal(netstring_get(&in, MAX, &out), E_EOF);
		assert_int_equal(in.len, n);
	}
}

static void
test_there_and_back(void **state)
{
	struct buf b = BUF_INIT(10000);
	struct span in, out;

	(void)state;
	netstring_put(&b, SPAN(""));
	netstring_put(&b, SPAN("a\0b"));
	assert_true(span_eq(buf_span(&b), SPAN("0:,3:a\0b,")));
	in = buf_span(&b);
	assert_int_equal(netstring_get(&in, MAX, &out), 0);
	assert_int_equal(netstring_get(&in, MAX, &out), 0);
	assert_true(span_eq(out, SPAN("a\0b")));
	assert_int_equal(in.len, 0);
	buf_free(&b);
}

static void
test_length_alone(void **state)
{
	struct span in = SPAN("200000000:begin");
	size_t n = 0;

	(void)state;
	assert_int_equal(netstring_length(&in, 200000000, &n), 0);
	assert_int_equal(n, 200000000);
	assert_true(span_eq(in, SPAN("begin")));
	in = SPAN("200000001:");
	assert_int_equal(netstring_length(&in, 200000000, &n), E_TOOBIG);
	in = SPAN("18446744073709551615:");
	assert_int_equal(netstring_length(&in, SIZE_MAX, &n), 0);
	in = SPAN("18446744073709551616:");
	assert_int_equal(netstring_length(&in, SIZE_MAX, &n), E_TOOBIG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_every_prefix_is_incomplete),
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_length_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

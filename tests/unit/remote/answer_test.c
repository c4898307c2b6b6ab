/*
 * answer_test - answers from the DNS, made by hand
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../../src/deliver/remote/answer.c"

#include "base/buf.h"

static void
put16(struct buf *b, unsigned int n)
{
	buf_putc(b, (char)(n >> 8));
	buf_putc(b, (char)n);
}

/* The question h.test IN MX, and room for n answers. */
static void
begin(struct buf *b, unsigned int n)
{
	buf_reset(b);
	put16(b, 7);
	put16(b, 0x8180);
	put16(b, 1);
	put16(b, n);
	put16(b, 0);
	put16(b, 0);
	buf_put(b, SPAN("\1h\4test\0"));
	put16(b, ns_t_mx);
	put16(b, ns_c_in);
}

/* An answer about the question's name. */
static void
put(struct buf *b, unsigned int type, struct span data)
{
	put16(b, 0xc00c);
	put16(b, type);
	put16(b, ns_c_in);
	put16(b, 0);
	put16(b, 60);
	put16(b, (unsigned int)data.len);
	buf_put(b, data);
}

static int
parse(struct buf *b, struct mx_set *set)
{
	struct span s = buf_span(b);

	return answer_mx((const unsigned char *)s.p, s.len, set);
}

static void
test_good(void **state)
{
	struct buf b = BUF_INIT(65536);
	struct mx_set set;

	(void)state;
	begin(&b, 4);
	put(&b, ns_t_cname, SPAN("\1c\0"));
	put(&b, ns_t_mx, SPAN("\0\24\1b\300\16")); /* compressed: b.test */
	put(&b, ns_t_mx, SPAN("\0\12\1a\4TEST\0"));
	put(&b, ns_t_mx, SPAN("\0\0\0")); /* a dot among names: ignored */
	assert_int_equal(parse(&b, &set), 0);
	assert_false(set.is_null);
	assert_int_equal(set.n, 2);
	answer_sort(&set);
	assert_string_equal(set.mx[0].name, "a.TEST");
	assert_int_equal(set.mx[0].preference, 10);
	assert_string_equal(set.mx[1].name, "b.test");
	assert_int_equal(set.mx[1].preference, 20);
	buf_free(&b);
}

static void
test_null(void **state)
{
	struct buf b = BUF_INIT(65536);
	struct mx_set set;

	(void)state;
	begin(&b, 1);
	put(&b, ns_t_mx, SPAN("\0\0\0"));
	assert_int_equal(parse(&b, &set), 0);
	assert_true(set.is_null);
	assert_int_equal(set.n, 0);
	buf_free(&b);
}

static void
test_none(void **state)
{
	struct buf b = BUF_INIT(65536);
	struct mx_set set;

	(void)state;
	begin(&b, 0);
	assert_int_equal(parse(&b, &set), E_ABSENT);
	begin(&b, 1);
	put(&b, ns_t_a, SPAN("\1\2\3\4"));
	assert_int_equal(parse(&b, &set), E_ABSENT);
	buf_free(&b);
}

static void
test_malformed(void **state)
{
	static const struct span bad[] = {
		{ "", 0 }, { "\0", 1 }, { "\0\1", 2 }, /* no name */
		{ "\0\1\5ab", 5 },     /* a label that is not there */
		{ "\0\1\300\377", 4 }, /* a pointer out of the packet */
		{ "\0\1\300\46", 4 },  /* into itself */
	};
	struct buf b = BUF_INIT(65536);
	struct mx_set set;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		begin(&b, 1);
		put(&b, ns_t_mx, bad[i]);
		if (parse(&b, &set) != E_SYNTAX)
			fail_msg("row %zu", i);
	}
	begin(&b, 2); /* one less than it says */
	put(&b, ns_t_mx, SPAN("\0\1\1a\0"));
	assert_int_equal(parse(&b, &set), E_SYNTAX);
	for (size_t n = 0; n < b.len; n++)
		assert_int_equal(
		    answer_mx((const unsigned char *)b.p, n, &set), E_SYNTAX);
	buf_free(&b);
}

static void
test_too_many(void **state)
{
	struct buf b = BUF_INIT(65536);
	struct mx_set set;

	(void)state;
	begin(&b, LIMIT_MX + 5);
	for (int i = 0; i < LIMIT_MX + 5; i++)
		put(&b, ns_t_mx, SPAN("\0\1\1a\0"));
	assert_int_equal(parse(&b, &set), 0);
	assert_int_equal(set.n, LIMIT_MX);
	buf_free(&b);
}

static void
test_lots(void **state)
{
	struct mx_set set = { .n = 3 };

	(void)state;
	set.mx[0] = (struct mx){ .preference = 5, .lot = 9, .name = "late" };
	set.mx[1] = (struct mx){ .preference = 5, .lot = 1, .name = "soon" };
	set.mx[2] = (struct mx){ .preference = 1, .lot = 99, .name = "best" };
	answer_sort(&set);
	assert_string_equal(set.mx[0].name, "best");
	assert_string_equal(set.mx[1].name, "soon");
	assert_string_equal(set.mx[2].name, "late");
}

#define TEN "0123456789"
#define SIXTY TEN TEN TEN TEN TEN TEN

static void
test_names(void **state)
{
	static const struct {
		const char *name;
		bool is;
	} rows[] = {
		{ "", false },
		{ ".", false },
		{ "a", true },
		{ "a.", true },
		{ "a..b", false },
		{ ".a", false },
		{ "a b", false },
		{ "a\tb", false },
		{ "a\177", false },
		{ "a\\046b", false },
		{ "_dmarc.a-b.test", true },
		{ SIXTY "123.test", true },
		{ SIXTY "1234.test", false },
		/* 253 bytes, and a dot; 254 */
		{ SIXTY "." SIXTY "." SIXTY "." SIXTY ".012345678", true },
		{ SIXTY "." SIXTY "." SIXTY "." SIXTY ".012345678.", true },
		{ SIXTY "." SIXTY "." SIXTY "." SIXTY "." TEN, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (answer_is_name(rows[i].name) != rows[i].is)
			fail_msg("%s", rows[i].name);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_null),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_lots),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * span_test - comparing, cutting and splitting borrowed bytes
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/span.h"

static void
test_compare(void **state)
{
	static const struct {
		const char *name;
		struct span a, b;
		bool eq, eq_nocase, starts, starts_nocase, ends;
	} rows[] = {
		{ "both without bytes", { NULL, 0 }, { NULL, 0 }, true, true,
		    true, true, true },
		{ "nothing and empty", { NULL, 0 }, { "", 0 }, true, true, true,
		    true, true },
		{ "empty second", { "a", 1 }, { NULL, 0 }, false, false, true,
		    true, true },
		{ "empty first", { NULL, 0 }, { "a", 1 }, false, false, false,
		    false, false },
		{ "same", { "ab", 2 }, { "ab", 2 }, true, true, true, true,
		    true },
		{ "case", { "aB", 2 }, { "Ab", 2 }, false, true, false, true,
		    false },
		{ "NUL inside", { "a\0b", 3 }, { "a\0c", 3 }, false, false,
		    false, false, false },
		{ "8-bit has no case", { "\xc4", 1 }, { "\xe4", 1 }, false,
		    false, false, false, false },
		{ "@ is no letter", { "@", 1 }, { "`", 1 }, false, false, false,
		    false, false },
		{ "head", { "abc", 3 }, { "ab", 2 }, false, false, true, true,
		    false },
		{ "tail", { "abc", 3 }, { "bc", 2 }, false, false, false, false,
		    true },
		{ "longer", { "ab", 2 }, { "abc", 3 }, false, false, false,
		    false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (span_eq(rows[i].a, rows[i].b) != rows[i].eq ||
		    span_eq_nocase(rows[i].a, rows[i].b) != rows[i].eq_nocase ||
		    span_starts(rows[i].a, rows[i].b) != rows[i].starts ||
		    span_starts_nocase(rows[i].a, rows[i].b) !=
			rows[i].starts_nocase ||
		    span_ends(rows[i].a, rows[i].b) != rows[i].ends)
			fail_msg("%s", rows[i].name);
}

static void
test_head_and_tail(void **state)
{
	static const struct {
		const char *name;
		struct span s;
		size_t n;
		struct span head, tail;
	} rows[] = {
		{ "nothing", { NULL, 0 }, 0, { "", 0 }, { "", 0 } },
		{ "beyond nothing", { NULL, 0 }, 5, { "", 0 }, { "", 0 } },
		{ "none of two", { "ab", 2 }, 0, { "", 0 }, { "ab", 2 } },
		{ "one of two", { "ab", 2 }, 1, { "a", 1 }, { "b", 1 } },
		{ "all", { "ab", 2 }, 2, { "ab", 2 }, { "", 0 } },
		{ "one too many", { "ab", 2 }, 3, { "ab", 2 }, { "", 0 } },
		{ "far too many", { "ab", 2 }, SIZE_MAX, { "ab", 2 },
		    { "", 0 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (!span_eq(span_head(rows[i].s, rows[i].n), rows[i].head) ||
		    !span_eq(span_tail(rows[i].s, rows[i].n), rows[i].tail))
			fail_msg("%s", rows[i].name);
}

static void
test_find(void **state)
{
	static const struct {
		const char *name;
		struct span s;
		char c;
		size_t first, last;
	} rows[] = {
		{ "nothing", { NULL, 0 }, 'a', 0, 0 },
		{ "absent", { "bc", 2 }, 'a', 2, 2 },
		{ "once", { "bac", 3 }, 'a', 1, 1 },
		{ "twice", { "abca", 4 }, 'a', 0, 3 },
		{ "NUL", { "a\0b\0", 4 }, '\0', 1, 3 },
		{ "8-bit", { "a\xff", 2 }, '\xff', 1, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (span_find(rows[i].s, rows[i].c) != rows[i].first ||
		    span_rfind(rows[i].s, rows[i].c) != rows[i].last)
			fail_msg("%s", rows[i].name);
}

static void
test_trim_end(void **state)
{
	static const struct {
		const char *name;
		struct span s, want;
	} rows[] = {
		{ "nothing", { NULL, 0 }, { "", 0 } },
		{ "blanks only", { " \t\n ", 4 }, { "", 0 } },
		{ "begin stays", { " a \t\n", 5 }, { " a", 2 } },
		{ "CR stays", { "a\r\n", 3 }, { "a\r", 2 } },
		{ "NUL stays", { "a\0 ", 3 }, { "a\0", 2 } },
		{ "nothing to do", { "a", 1 }, { "a", 1 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (!span_eq(span_trim_end(rows[i].s), rows[i].want))
			fail_msg("%s", rows[i].name);
}

/* Splits s to the end, with a '|' behind each piece. */
static size_t
split(bool next(struct span *, struct span *), struct span *s, char *out)
{
	struct span piece;
	size_t n = 0;

	while (next(s, &piece)) {
		for (size_t i = 0; i < piece.len; i++)
			out[n++] = piece.p[i];
		out[n++] = '|';
	}
	return n;
}

static void
test_split(void **state)
{
	static const struct {
		const char *name;
		bool (*next)(struct span *, struct span *);
		struct span s;
		const char *pieces;
		size_t left;
	} rows[] = {
		{ "no line", span_line, { NULL, 0 }, "", 0 },
		{ "one empty line", span_line, { "\n", 1 }, "|", 0 },
		{ "line without LF", span_line, { "a", 1 }, "a|", 0 },
		{ "line with LF", span_line, { "a\n", 2 }, "a|", 0 },
		{ "empty lines", span_line, { "\n\na\n\nb", 6 }, "||a||b|", 0 },
		{ "CR stays", span_line, { "a\r\nb", 4 }, "a\r|b|", 0 },
		{ "no field", span_field, { NULL, 0 }, "", 0 },
		{ "empty field", span_field, { "\0", 1 }, "|", 0 },
		{ "unfinished field", span_field, { "abc", 3 }, "", 3 },
		{ "fields, one unfinished", span_field, { "a\0\0b\0c", 6 },
		    "a||b|", 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct span s = rows[i].s;
		char out[32];
		struct span got = { out, split(rows[i].next, &s, out) };

		if (!span_eq(got, span_cstr(rows[i].pieces)) ||
		    s.len != rows[i].left)
			fail_msg("%s", rows[i].name);
	}
}

static void
test_literal(void **state)
{
	(void)state;
	assert_int_equal(SPAN("").len, 0);
	assert_int_equal(SPAN("a\0b").len, 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compare),
		cmocka_unit_test(test_head_and_tail),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_trim_end),
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_literal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

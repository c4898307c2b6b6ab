/*
 * words_test - what an operator of qmailctl writes and reads
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* the modules live in a room, which is no library */
#include "../../../src/admin/ctl/glob.c"
#include "../../../src/admin/ctl/text.c"
#include "../../../src/admin/ctl/utf8.c"
#include "../../../src/admin/ctl/when.c"

#define EACH(i, rows) (size_t i = 0; i < sizeof(rows) / sizeof(*(rows)); i++)

static void
test_glob(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool fits;
	} rows[] = {
		{ "", "", true },
		{ "", "a", false },
		{ "*", "", true },
		{ "**", "", true },
		{ "*", "joe@a.test", true },
		{ "?", "", false },
		{ "?", "a", true },
		{ "?", "ab", false },
		{ "joe@a.test", "joe@a.test", true },
		{ "joe@a.test", "JOE@A.Test", true },
		{ "JOE@*", "joe@a.test", true },
		{ "joe", "joe@a.test", false },
		{ "*@a.test", "joe@a.test", true },
		{ "*@a.test", "joe@b.a.test", false },
		{ "*.a.test", "b.a.test", true },
		{ "*.a.test", "a.test", false },
		{ "*a*b*", "xaxbx", true },
		{ "*a*b*", "xbxax", false },
		{ "*ab", "aab", true },
		{ "*aab", "aaaab", true },
		{ "a*a", "a", false },
		{ "a?c*", "abcd", true },
		/* nothing else is special: it is in addresses */
		{ "[ab]@*", "a@x", false },
		{ "[ab]@*", "[ab]@x", true },
		{ "a\\*", "a\\b", true },
		{ "a\\*", "a*", false },
		{ "a/?", "a/.", true },
		{ "*", ".hidden/x", true },
		/* bytes, not characters; case of ASCII only */
		{ "?@x", "\xc3\xa9@x", false },
		{ "??@x", "\xc3\xa9@x", true },
		{ "\xe9@x", "\xe9@x", true },
		{ "\xe9@x", "\xc9@x", false },
	};

	(void)state;
	for
		EACH(i, rows)
	if (glob_match(span_cstr(rows[i].pattern), span_cstr(rows[i].text)) !=
	    rows[i].fits)
		fail_msg("%s %s", rows[i].pattern, rows[i].text);
}

/* Patterns that make a careless matcher take all day. */
static void
test_glob_hard(void **state)
{
	enum { N = 100 };
	char pattern[2 * N + 1], text[10 * N];

	(void)state;
	for (size_t i = 0; i < N; i++) {
		pattern[2 * i] = '*';
		pattern[2 * i + 1] = 'a';
	}
	pattern[2 * N] = 'b';
	memset(text, 'a', sizeof(text));
	assert_false(glob_match((struct span){ pattern, sizeof(pattern) },
	    (struct span){ text, sizeof(text) }));
	text[sizeof(text) - 1] = 'b';
	assert_true(glob_match((struct span){ pattern, sizeof(pattern) },
	    (struct span){ text, sizeof(text) }));
	/* a NUL is a byte */
	assert_true(
	    glob_match((struct span){ "a?c", 3 }, (struct span){ "a\0c", 3 }));
}

static void
test_span(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds; /* -1: none */
	} rows[] = {
		{ "", -1 },
		{ "s", -1 },
		{ "d", -1 },
		{ "0", 0 },
		{ "90", 90 },
		{ "90s", 90 },
		{ "30m", 1800 },
		{ "12h", 43200 },
		{ "5d", 432000 },
		{ "2w", 1209600 },
		{ "1000000000w", INT64_C(604800000000000) },
		{ "1000000001", -1 },
		{ "99999999999999999999", -1 },
		{ "-1", -1 },
		{ "+1", -1 },
		{ "1.5h", -1 },
		{ "1h30m", -1 },
		{ "5 d", -1 },
		{ "5D", -1 },
		{ "5y", -1 },
		{ "dd", -1 },
	};

	(void)state;
	for
		EACH(i, rows)
		{
			int64_t n = -1;

			err_ignore(when_span(span_cstr(rows[i].text), &n));
			if (n != rows[i].seconds)
				fail_msg("%s: %ld", rows[i].text, (long)n);
		}
}

static void
test_moment(void **state)
{
	static const struct {
		const char *text;
		int64_t t; /* -1: none */
	} rows[] = {
		{ "@0", 0 },
		{ "@1795653111", 1795653111 },
		{ "1970-01-01", 0 },
		{ "1970-01-01T00:00Z", 0 },
		{ "2026-11-26T00:31:51Z", 1795653111 },
		{ "2026-11-26T00:31:51", 1795653111 },
		{ "2026-11-26 00:31:51", 1795653111 },
		{ "2026-11-26T01:31:51+01:00", 1795653111 },
		{ "2026-11-26T01:31:51+0100", 1795653111 },
		{ "2026-11-25T19:01:51-05:30", 1795653111 },
		{ "2026-11-26T00:31", 1795653060 },
		{ "2026-11-26T00:31Z", 1795653060 },
		{ "2024-02-29", 1709164800 },
		{ "2000-02-29T23:59:59Z", 951868799 },
		{ "2038-01-19T03:14:08Z", INT64_C(2147483648) },
		{ "", -1 },
		{ "@", -1 },
		{ "@-1", -1 },
		{ "@9223372036854775808", -1 },
		{ "1795653111", -1 },
		{ "2026", -1 },
		{ "2026-11", -1 },
		{ "2026-11-26T", -1 },
		{ "2026-11-26T00", -1 },
		{ "2026-11-26T0:31", -1 },
		{ "2026-11-26T00:31:5", -1 },
		{ "2026-11-26T00:31:51.5", -1 },
		{ "2026-11-26T00:31:51Zx", -1 },
		{ "2026-11-26T00:31:51+1", -1 },
		{ "2026-11-26T00:31:51+24:00", -1 },
		{ "2026-11-26T00:31:51+01:60", -1 },
		{ "2026-11-26Z", -1 },
		{ "2026-11-26 ", -1 },
		{ " 2026-11-26", -1 },
		{ "26-11-26", -1 },
		{ "2026-13-01", -1 },
		{ "2026-00-01", -1 },
		{ "2026-01-00", -1 },
		{ "2026-02-29", -1 },
		{ "2026-02-30", -1 },
		{ "2026-11-26T24:00", -1 },
		{ "2026-11-26T00:60", -1 },
		{ "2026-11-26T00:00:60", -1 },
		{ "tomorrow", -1 },
	};

	(void)state;
	for
		EACH(i, rows)
		{
			int64_t t = -1;
			int r = when_moment(span_cstr(rows[i].text), &t);

			if ((r < 0 ? -1 : t) != rows[i].t)
				fail_msg("%s: %ld", rows[i].text, (long)t);
		}
}

static void
assert_text(struct buf *b, const char *want)
{
	if (!span_eq(buf_span(b), span_cstr(want)))
		fail_msg("got '%.*s', want '%s'", (int)b->len, b->p, want);
	buf_reset(b);
}

static void
test_put(void **state)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} spans[] = { { -5, "0s" }, { 0, "0s" }, { 59, "59s" }, { 60, "1m" },
		{ 119, "1m" }, { 3599, "59m" }, { 3600, "1h" },
		{ 3660, "1h1m" }, { 86399, "23h59m" }, { 86400, "1d" },
		{ 90000, "1d1h" }, { 8639999, "99d23h" }, { 8640000, "100d" } };
	static const struct {
		uint64_t bytes;
		const char *text;
	} sizes[] = { { 0, "0" }, { 999, "999" }, { 1000, "0.9K" },
		{ 1024, "1.0K" }, { 10239, "9.9K" }, { 10240, "10K" },
		{ 1023999, "999K" }, { 1024000, "0.9M" },
		{ 5 * 1024 * 1024, "5.0M" }, { UINT64_C(3) << 30, "3.0G" },
		{ UINT64_MAX, "15E" } };
	struct buf b = BUF_INIT(1000);

	(void)state;
	for
		EACH(i, spans)
		{
			when_put_span(&b, spans[i].seconds);
			assert_text(&b, spans[i].text);
		}
	for
		EACH(i, sizes)
		{
			text_size(&b, sizes[i].bytes);
			assert_text(&b, sizes[i].text);
		}
	when_put_iso(&b, 1795653111);
	assert_text(&b, "2026-11-26T00:31:51Z");
	when_put_iso(&b, INT64_MAX);
	assert_text(&b, "");
	text_put(&b, (struct span){ "a\tb\nc\0\x1b[31m\xc3\xa9~\x7f", 15 });
	assert_text(&b, "a b c__[31m__~_");
	text_left(&b, SPAN("ab"), 4);
	text_right(&b, SPAN("cd"), 4);
	text_right(&b, SPAN("too long"), 4);
	assert_text(&b, "ab     cd too long ");
	buf_puts(&b, "0123456789");
	text_cut(&b, 10);
	assert_text(&b, "0123456789");
	buf_puts(&b, "0123456789a");
	text_cut(&b, 10);
	assert_text(&b, "0123456...");
	buf_free(&b);
}

/* RFC 3629: the ends of each range, and what is outside. */
static void
test_utf8(void **state)
{
	static const struct {
		const char *text;
		size_t length;
	} rows[] = { { "", 0 }, { "a", 1 }, { "\x7f", 1 }, { "\x80", 0 },
		{ "\xbf", 0 }, { "\xc1\xbf", 0 }, { "\xc2\x80", 2 },
		{ "\xc2\x7f", 0 }, { "\xc2", 0 }, { "\xdf\xbf", 2 },
		{ "\xe0\x9f\xbf", 0 }, { "\xe0\xa0\x80", 3 }, { "\xe0\xa0", 0 },
		{ "\xed\x9f\xbf", 3 }, { "\xed\xa0\x80", 0 },
		{ "\xee\x80\x80", 3 }, { "\xef\xbf\xbf", 3 },
		{ "\xef\xbf\xc0", 0 }, { "\xf0\x8f\xbf\xbf", 0 },
		{ "\xf0\x90\x80\x80", 4 }, { "\xf0\x90\x80\x7f", 0 },
		{ "\xf4\x8f\xbf\xbf", 4 }, { "\xf4\x90\x80\x80", 0 },
		{ "\xf5\x80\x80\x80", 0 }, { "\xff", 0 },
		{ "\xc3\xa9\xff", 2 } };

	(void)state;
	for
		EACH(i, rows)
	if (utf8_length(span_cstr(rows[i].text)) != rows[i].length)
		fail_msg("row %zu", i);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_glob),
		cmocka_unit_test(test_glob_hard),
		cmocka_unit_test(test_span),
		cmocka_unit_test(test_moment),
		cmocka_unit_test(test_put),
		cmocka_unit_test(test_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * body_test - nothing but lines reaches the wire, and no line ends the data
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "mail/body.h"

/* SPAN() for tables. */
#define LIT(s) \
	{ \
		s, sizeof(s) - 1 \
	}

static const struct row {
	const char *name;
	struct span in, out;
	bool is_partial;
} rows[] = {
	{ "empty (R13)", LIT(""), LIT(".\r\n"), false },
	{ "plain", LIT("a\nb\n"), LIT("a\r\nb\r\n.\r\n"), false },
	{ "dots (R13)", LIT(".\n..\n.a\na.\n"),
	    LIT("..\r\n...\r\n..a\r\na.\r\n.\r\n"), false },
	{ "CRs (R14)", LIT("a\r\nb\rc\nd\r"), LIT("a\r\nb\r\nc\r\nd\r\n.\r\n"),
	    false },
	{ "dot behind a CR", LIT("x\r.\n"), LIT("x\r\n..\r\n.\r\n"), false },
	{ "the defect of edges.md 4.7", LIT("x\r.\r\nQUIT\r\n"),
	    LIT("x\r\n..\r\nQUIT\r\n.\r\n"), false },
	{ "CR CR LF", LIT("\r\r\n.\n"), LIT("\r\n\r\n..\r\n.\r\n"), false },
	{ "only CRs", LIT("\r\r\r"), LIT("\r\n\r\n\r\n.\r\n"), false },
	{ "NUL", LIT("\0\n.\0\n"), LIT("?\r\n..?\r\n.\r\n"), false },
	{ "NUL before a dot", LIT("\0.\n"), LIT("?.\r\n.\r\n"), false },
	{ "8-bit", LIT("\200\377\n"), LIT("\200\377\r\n.\r\n"), false },
	{ "no end (R12)", LIT("a\nb"), LIT("a\r\nb"), true },
	{ "a lone dot without end", LIT("."), LIT(".."), true },
};

static void
check(const struct row *row, size_t step)
{
	struct buf out = BUF_INIT(1000);
	struct body b = BODY_INIT;
	struct span in = row->in;
	int r;

	while (in.len > 0) {
		body_put(&b, span_head(in, step), &out);
		in = span_tail(in, step);
	}
	r = body_end(&b, &out);
	if ((r < 0) != row->is_partial || !span_eq(buf_span(&out), row->out))
		fail_msg(
		    "%s, by %zu: %.*s", row->name, step, (int)out.len, out.p);
	buf_free(&out);
}

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		for (size_t step = 1; step < 10; step++)
			check(&rows[i], step);
}

/* All messages of six letters that matter, up to seven bytes long. */
static void
test_every_short_message(void **state)
{
	static const char letters[] = { '\r', '\n', '.', 'a', '\0' };
	struct buf out = BUF_INIT(1000);

	(void)state;
	for (unsigned int n = 0; n < 5 * 5 * 5 * 5 * 5 * 5 * 5; n++) {
		struct body b = BODY_INIT;
		char in[7];
		unsigned int k = n;
		struct span s, line;

		for (size_t i = 0; i < sizeof(in); i++, k /= 5)
			in[i] = letters[k % 5];
		buf_reset(&out);
		body_put(&b, (struct span){ in, sizeof(in) }, &out);
		if (body_end(&b, &out) < 0)
			continue;
		s = buf_span(&out);
		while (span_line(&s, &line)) {
			/* CR LF, no other CR, no NUL, one lone dot: the last */
			assert_true(line.len > 0 &&
				    span_find(line, '\r') == line.len - 1);
			assert_int_equal(span_find(line, '\0'), line.len);
			assert_int_equal(
			    line.len == 2 && line.p[0] == '.', s.len == 0);
		}
	}
	buf_free(&out);
}

static void
test_count(void **state)
{
	struct body_facts f = { .size = 0 };

	(void)state;
	body_count(&f, SPAN(""));
	assert_int_equal(f.size, 0);
	body_count(&f, SPAN("a\n.\n\177"));
	assert_int_equal(f.size, 7);
	assert_false(f.has_8bit);
	body_count(&f, SPAN("\200\n"));
	assert_int_equal(f.size, 10);
	assert_true(f.has_8bit);
	body_count(&f, SPAN("x"));
	assert_true(f.has_8bit);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_every_short_message),
		cmocka_unit_test(test_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

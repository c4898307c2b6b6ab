/*
 * reply_test - what servers answer, and what it means
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "mail/reply.h"

/* SPAN() for tables. */
#define LIT(s) \
	{ \
		s, sizeof(s) - 1 \
	}

static const struct row {
	const char *name;
	struct span in;
	int r, code;
	struct span text;
	size_t rest; /* bytes behind the answer */
} rows[] = {
	{ "nothing", LIT(""), E_EOF, 0, LIT(""), 0 },
	{ "half a line", LIT("250 o"), E_EOF, 0, LIT("250 o"), 0 },
	{ "one line", LIT("250 ok\r\n"), 0, 250, LIT("250 ok\n"), 0 },
	{ "bare LF", LIT("250 ok\n"), 0, 250, LIT("250 ok\n"), 0 },
	{ "only a code", LIT("354\r\n"), 0, 354, LIT("354\n"), 0 },
	{ "more behind it", LIT("250 a\r\n250 b\r\n"), 0, 250, LIT("250 a\n"),
	    7 },
	{ "several lines", LIT("250-a\r\n250-b\r\n250 c\r\n"), 0, 250,
	    LIT("250-a\n250-b\n250 c\n"), 0 },
	{ "not the last yet", LIT("250-a\r\n"), E_EOF, 250, LIT("250-a\n"), 0 },
	{ "the first line's code", LIT("450-a\r\n550 b\r\n"), 0, 450,
	    LIT("450-a\n550 b\n"), 0 },
	{ "any byte at the fourth place", LIT("550xno\r\n"), 0, 550,
	    LIT("550xno\n"), 0 },
	{ "no code", LIT("hello\r\n"), 0, 0, LIT("hello\n"), 0 },
	{ "a continued nothing", LIT("hel-lo\r\nx\r\n"), 0, 0,
	    LIT("hel-lo\nx\n"), 0 },
	{ "empty line", LIT("\r\n"), 0, 0, LIT("\n"), 0 },
	{ "two digits", LIT("25\r\n"), 0, 0, LIT("25\n"), 0 },
	{ "sign", LIT("+50 x\r\n"), 0, 0, LIT("+50 x\n"), 0 },
	{ "too low", LIT("199 x\r\n"), 0, 0, LIT("199 x\n"), 0 },
	{ "lowest", LIT("200 x\r\n"), 0, 200, LIT("200 x\n"), 0 },
	{ "highest", LIT("599 x\r\n"), 0, 599, LIT("599 x\n"), 0 },
	{ "too high", LIT("600 x\r\n"), 0, 0, LIT("600 x\n"), 0 },
	{ "CRs anywhere", LIT("\r2\r50\r-a\r\r\n250\r b\n"), 0, 250,
	    LIT("250-a\n250 b\n"), 0 },
	{ "NUL", LIT("550 a\0b\r\n"), 0, 550, LIT("550 a?b\n"), 0 },
	{ "8-bit", LIT("550 \377\r\n"), 0, 550, LIT("550 \377\n"), 0 },
};

/* Feed step bytes at a time; *used counts them. */
static int
feed(struct reply *r, struct span in, size_t step, size_t *used)
{
	int e = E_EOF;

	*used = 0;
	while (e == E_EOF && in.len > 0) {
		size_t n = 0;

		e = reply_feed(r, span_head(in, step), &n);
		in = span_tail(in, n);
		*used += n;
	}
	return e;
}

static void
check(const struct row *row, size_t step)
{
	struct reply r = REPLY_INIT;
	size_t used;
	int e = feed(&r, row->in, step, &used);

	if (e != row->r || r.code != row->code ||
	    row->in.len - used != row->rest ||
	    !span_eq(reply_text(&r), row->text))
		fail_msg("%s, by %zu: %d, %d, %.*s", row->name, step, e, r.code,
		    (int)reply_text(&r).len, reply_text(&r).p);
	reply_free(&r);
}

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		for (size_t step = 1; step < 20; step++)
			check(&rows[i], step);
}

/* n lines "250-x", then an end. */
static int
long_answer(struct reply *r, size_t n, size_t width)
{
	struct buf b = BUF_INIT(1 << 20);
	size_t used;
	int e;

	for (size_t i = 0; i < n; i++) {
		buf_puts(&b, "250-");
		for (size_t k = 0; k < width; k++)
			buf_putc(&b, 'x');
		buf_puts(&b, "\r\n");
	}
	buf_puts(&b, "250 end\r\n");
	e = feed(r, buf_span(&b), 1000, &used);
	buf_free(&b);
	return e;
}

static void
test_bounds(void **state)
{
	struct reply r = REPLY_INIT;

	(void)state;
	assert_int_equal(long_answer(&r, REPLY_LINES_MAX - 1, 1), 0);
	assert_int_equal(r.code, 250);
	reply_reset(&r);
	assert_int_equal(long_answer(&r, REPLY_LINES_MAX, 1), E_TOOBIG);
	reply_reset(&r);
	assert_int_equal(long_answer(&r, 100, 500), 0);
	assert_int_equal(reply_text(&r).len, REPLY_TEXT_MAX);
	reply_reset(&r);
	assert_int_equal(long_answer(&r, 100, 700), E_TOOBIG);
	reply_reset(&r);
	assert_int_equal(long_answer(&r, 0, 0), 0);
	assert_true(span_eq(reply_text(&r), SPAN("250 end\n")));
	reply_free(&r);
}

static void
test_offers(void **state)
{
	struct reply r = REPLY_INIT;
	struct span args = SPAN("");
	size_t used;

	(void)state;
	assert_int_equal(
	    feed(&r,
		SPAN("250-PIPELINING is my name\r\n250-size 1000\r\n"
		     "250-8BITMIMEX\r\n250-AUTH=LOGIN\r\n250-x \r\n"
		     "250 Dsn\r\n"),
		1000, &used),
	    0);
	assert_false(reply_offers(&r, SPAN("PIPELINING"), NULL));
	assert_true(reply_offers(&r, SPAN("SIZE"), &args));
	assert_true(span_eq(args, SPAN("1000")));
	assert_false(reply_offers(&r, SPAN("SIZ"), NULL));
	assert_false(reply_offers(&r, SPAN("8BITMIME"), NULL));
	assert_true(reply_offers(&r, SPAN("AUTH"), &args));
	assert_true(span_eq(args, SPAN("LOGIN")));
	assert_true(reply_offers(&r, SPAN("X"), NULL));
	assert_true(reply_offers(&r, SPAN("DSN"), &args));
	assert_int_equal(args.len, 0);
	reply_reset(&r);
	assert_false(reply_offers(&r, SPAN("DSN"), NULL));
	reply_free(&r);
}

static void
test_status(void **state)
{
	static const struct {
		struct span in;
		bool ok;
		unsigned int want[3];
	} table[] = {
		{ LIT("452 4.5.3 x\r\n"), true, { 4, 5, 3 } },
		{ LIT("550-5.1.10 x\r\n550 y\r\n"), true, { 5, 1, 10 } },
		{ LIT("550 5.1\r\n"), false, { 0 } },
		{ LIT("550 5.1.\r\n"), false, { 0 } },
		{ LIT("550 no\r\n"), false, { 0 } },
		{ LIT("550\r\n"), false, { 0 } },
		{ LIT("550 5.1.1000 x\r\n"), false, { 0 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct reply r = REPLY_INIT;
		unsigned int got[3];
		size_t used;

		assert_int_equal(feed(&r, table[i].in, 99, &used), 0);
		assert_int_equal(reply_status(&r, got), table[i].ok);
		if (table[i].ok)
			assert_memory_equal(got, table[i].want, sizeof(got));
		reply_free(&r);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_offers),
		cmocka_unit_test(test_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * mboxrd_test - quoting of From lines, wherever the bytes are divided
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mail/mboxrd.h"

/* a span in a table, where SPAN() is no constant */
#define LIT(s) \
	{ \
		s, sizeof(s) - 1 \
	}

static const struct {
	const char *name;
	struct span in, out;
} rows[] = {
	{ "oracle 44: empty", LIT(""), LIT("\n") },
	{ "one LF", LIT("\n"), LIT("\n\n") },
	{ "oracle 43",
	    LIT("hello\nFrom here\n>From there\n>>From x\nfrom low\nlast"),
	    LIT("hello\n>From here\n>>From there\n>>>From x\nfrom low\n"
		"last\n\n") },
	{ "oracle 46",
	    LIT("From x\n>From y\n\n>>From z\n>From\nFrom\nFrom: \n "
		"From a\n"),
	    LIT(">From x\n>>From y\n\n>>>From z\n>From\nFrom\nFrom: \n "
		"From a\n\n") },
	{ "ends in From", LIT("a\nFrom"), LIT("a\nFrom\n\n") },
	{ "ends in From and a blank", LIT("From "), LIT(">From \n\n") },
	{ "ends in quotes", LIT(">>"), LIT(">>\n\n") },
	{ "quotes and LF", LIT(">>\nF\n"), LIT(">>\nF\n\n") },
	{ "From with a quote inside", LIT("F>rom \n"), LIT("F>rom \n\n") },
	{ "FFrom", LIT("FFrom \n"), LIT("FFrom \n\n") },
	{ "FroFrom", LIT("FroFrom \n"), LIT("FroFrom \n\n") },
	{ "NUL and CR", LIT("a\0\r\n\0From b\n"), LIT("a\0\r\n\0From b\n\n") },
	{ "blank before", LIT("> From x\n"), LIT("> From x\n\n") },
	{ "two on one line", LIT("From From \n"), LIT(">From From \n\n") },
};

/* Give the bytes in pieces of n. */
static void
quote(struct buf *b, struct span in, size_t n)
{
	struct mboxrd m = MBOXRD_INIT;

	buf_reset(b);
	for (; in.len > 0; in = span_tail(in, n))
		mboxrd_put(&m, b, span_head(in, n));
	mboxrd_end(&m, b);
}

static void
test_rows(void **state)
{
	struct buf b = BUF_INIT(1000);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		for (size_t n = 1; n <= rows[i].in.len + 1; n++) {
			quote(&b, rows[i].in, n);
			if (!span_eq(buf_span(&b), rows[i].out))
				fail_msg(
				    "%s in pieces of %zu", rows[i].name, n);
		}
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

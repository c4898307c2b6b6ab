/*
 * gist_test - messages in a line
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mail/gist.h"

#define LIT(s) \
	{ \
		s, sizeof(s) - 1 \
	}

static const struct {
	const char *name;
	struct span in;
	size_t max;
	struct span out;
} rows[] = {
	{ "nothing", LIT(""), 9, LIT("") },
	{ "both", LIT("A: b\nSubject: hi\nC: d\n\nbody\n"), 99,
	    LIT("hi body") },
	{ "folded", LIT("subject:\n  a\n\t b \n\n x\n\ny"), 99,
	    LIT("a b x y") },
	{ "no subject", LIT("A: b\n\nbody"), 99, LIT("body") },
	{ "no body", LIT("SUBJECT: x"), 99, LIT("x ") },
	{ "no header", LIT("hello\nyou\n"), 99, LIT("hello you") },
	{ "masked", LIT("Subject: \033[2J\0\x9b\n\n\a\x7f\xc3\xa4\r\n"), 99,
	    LIT("?[2J?? ????") },
	{ "cut in subject", LIT("Subject: abcdef\n\nx"), 3, LIT("abc") },
	{ "cut behind it", LIT("Subject: abc\n\nx"), 3, LIT("abc") },
	{ "no room for more", LIT("Subject: abc\n\nx"), 4, LIT("abc") },
	{ "cut in body", LIT("Subject: abc\n\nxyz"), 5, LIT("abc x") },
	{ "no blank at the end", LIT("\na b"), 2, LIT("a") },
	{ "mbox", LIT("From x\nSubject: a\n\nb"), 99, LIT("a b") },
	{ "second subject", LIT("Subject: a\nSubject: b\n\nc"), 9, LIT("a c") },
};

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct buf b = BUF_INIT(1000);

		gist_put(&b, rows[i].in, rows[i].max);
		if (!span_eq(buf_span(&b), rows[i].out))
			fail_msg("%s: %.*s", rows[i].name, (int)b.len, b.p);
		buf_free(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

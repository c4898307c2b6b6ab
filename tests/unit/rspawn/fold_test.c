/*
 * fold_test - the table of contract queue.md 5.6
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../../src/deliver/rspawn/fold.c"

/* SPAN() for tables. */
#define LIT(s) \
	{ \
		s, sizeof(s) - 1 \
	}

static const struct {
	enum proc_how how;
	int value;
	struct span out;
	char letter;
	const char *text;
} rows[] = {
	{ PROC_EXITED, 0, LIT("rone\0Kok\0"), 'K', "oneok" },
	{ PROC_EXITED, 0, LIT("rone\0Zok\0"), 'Z', "oneok" },
	{ PROC_EXITED, 0, LIT("rone\0Dok\0"), 'D', "oneok" },
	{ PROC_EXITED, 0, LIT("hone\0Kok\0"), 'D', "one" },
	{ PROC_EXITED, 0, LIT("hone\0Zok\0"), 'D', "one" },
	{ PROC_EXITED, 0, LIT("hone\0Dok\0"), 'D', "oneok" },
	{ PROC_EXITED, 0, LIT("sone\0Kok\0"), 'Z', "one" },
	{ PROC_EXITED, 0, LIT("sone\0Dok\0"), 'Z', "oneok" },
	{ PROC_EXITED, 0, LIT("sone\0Zok\0"), 'Z', "oneok" },
	{ PROC_EXITED, 0, LIT("Zfoo\0"), 'Z', "foo" },
	{ PROC_EXITED, 0, LIT("rone\0"), 'D', "one" },
	{ PROC_EXITED, 0, LIT("rone\0rtwo\0Zlater\0"), 'Z', "one" },
	/* no final NUL: text, but no verdict */
	{ PROC_EXITED, 0, LIT("Kok"), 'D', "ok" },
	{ PROC_EXITED, 0, LIT("rone\0Kok"), 'D', "oneok" },
	{ PROC_EXITED, 0, LIT("sone"), 'Z', "one" },
	{ PROC_EXITED, 0, LIT("\0"), 'D', "" },
	{ PROC_EXITED, 0, LIT("\0Kok\0"), 'K', "ok" },
	{ PROC_EXITED, 0, LIT("x\0\0\0"), 'D', "" },
	{ PROC_EXITED, 0, LIT("r\0K\0"), 'K', "" },
	{ PROC_EXITED, 0, LIT(""), 'Z', "qmail-remote produced no output.\n" },
	{ PROC_EXITED, 111, LIT("Kok\0"), 'Z',
	    "Unable to run qmail-remote.\n" },
	{ PROC_EXITED, 1, LIT("Kok\0"), 'D', "Unable to run qmail-remote.\n" },
	{ PROC_EXITED, 255, LIT(""), 'D', "Unable to run qmail-remote.\n" },
	{ PROC_KILLED, 9, LIT("Kok\0"), 'Z', "qmail-remote crashed.\n" },
};

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct proc_end end = { rows[i].how, rows[i].value };
		struct buf text = BUF_INIT(1000);
		char letter = fold_report(&end, rows[i].out, &text);

		if (letter != rows[i].letter ||
		    !span_eq(buf_span(&text), span_cstr(rows[i].text)))
			fail_msg("row %zu: %c %.*s", i, letter, (int)text.len,
			    text.p);
		buf_free(&text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

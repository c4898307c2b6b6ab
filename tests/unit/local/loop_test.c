/*
 * loop_test - our Delivered-To line, and what only looks like it
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* a room has no library: its file is taken whole */
#include "../../../src/deliver/local/loop.c"

/* a span in a table, where SPAN() is no constant */
#define LIT(s) \
	{ \
		s, sizeof(s) - 1 \
	}

static const struct {
	const char *name;
	struct span in;
	enum loop_state state;
} rows[] = {
	{ "empty", LIT(""), LOOP_UNKNOWN },
	{ "oracle 41: first line", LIT("Delivered-To: bob@h\nx: y\n\n"),
	    LOOP_FOUND },
	{ "a later line", LIT("x: y\n z\nDelivered-To: bob@h\n"), LOOP_FOUND },
	{ "other case of the field", LIT("delivered-to: bob@h\n\n"),
	    LOOP_NONE },
	{ "other case of the address", LIT("Delivered-To: BOB@h\n\n"),
	    LOOP_NONE },
	{ "a trailing blank", LIT("Delivered-To: bob@h \n\n"), LOOP_NONE },
	{ "CR", LIT("Delivered-To: bob@h\r\n\n"), LOOP_NONE },
	{ "no LF", LIT("Delivered-To: bob@h"), LOOP_UNKNOWN },
	{ "longer address", LIT("Delivered-To: bob@hh\n\n"), LOOP_NONE },
	{ "shorter address", LIT("Delivered-To: bob@\n\n"), LOOP_NONE },
	{ "behind other text", LIT("X-Delivered-To: bob@h\n\n"), LOOP_NONE },
	{ "in the body", LIT("x: y\n\nDelivered-To: bob@h\n"), LOOP_NONE },
	{ "a line with only CR does not end the header",
	    LIT("x: y\r\n\r\nDelivered-To: bob@h\n"), LOOP_FOUND },
	{ "header without end", LIT("x: y\nz"), LOOP_UNKNOWN },
};

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		for (size_t n = 1; n <= rows[i].in.len + 1; n++) {
			struct loop l =
			    LOOP_INIT(SPAN("Delivered-To: bob@h\n"));
			enum loop_state got = LOOP_UNKNOWN;

			for (struct span in = rows[i].in;
			     in.len > 0 && got == LOOP_UNKNOWN;
			     in = span_tail(in, n))
				got = loop_feed(&l, span_head(in, n));
			if (got != rows[i].state)
				fail_msg(
				    "%s in pieces of %zu", rows[i].name, n);
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

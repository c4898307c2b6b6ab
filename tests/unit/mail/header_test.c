/*
 * header_test - where a header's fields begin and end (edges.md 5.3)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mail/header.h"

/* SPAN() for tables. */
#define LIT(s) \
	{ \
		s, sizeof(s) - 1 \
	}

enum { PARTS = 6 };

struct step {
	enum header_part kind;
	struct span part;
};

struct row {
	const char *name;
	struct span message;
	struct step steps[PARTS]; /* the last is neither field nor mbox */
	struct span rest;
};

static const struct row rows[] = {
	{ "nothing", LIT(""), { { HEADER_END, LIT("") } }, LIT("") },
	{ "body only", LIT("\nbody\n"), { { HEADER_BLANK, LIT("\n") } },
	    LIT("body\n") },
	{ "one field", LIT("To: a\n"),
	    { { HEADER_FIELD, LIT("To: a\n") }, { HEADER_END, LIT("") } },
	    LIT("") },
	{ "no LF at the end", LIT("To: a"),
	    { { HEADER_FIELD, LIT("To: a") }, { HEADER_END, LIT("") } },
	    LIT("") },
	{ "continued", LIT("To: a,\n b\n\tc\nCc: d\n\nx"),
	    { { HEADER_FIELD, LIT("To: a,\n b\n\tc\n") },
		{ HEADER_FIELD, LIT("Cc: d\n") }, { HEADER_BLANK, LIT("\n") } },
	    LIT("x") },
	{ "continued by blanks only", LIT("To: a\n \nx: y\n"),
	    { { HEADER_FIELD, LIT("To: a\n \n") },
		{ HEADER_FIELD, LIT("x: y\n") }, { HEADER_END, LIT("") } },
	    LIT("") },
	{ "continued without LF", LIT("To: a\n b"),
	    { { HEADER_FIELD, LIT("To: a\n b") }, { HEADER_END, LIT("") } },
	    LIT("") },
	{ "begins with a blank", LIT(" To: a\n"), { { HEADER_BODY, LIT("") } },
	    LIT(" To: a\n") },
	{ "I20", LIT("To: a\nbad line\nCc: b\n"),
	    { { HEADER_FIELD, LIT("To: a\n") }, { HEADER_BODY, LIT("") } },
	    LIT("bad line\nCc: b\n") },
	{ "no name", LIT(": x\n"), { { HEADER_BODY, LIT("") } }, LIT(": x\n") },
	{ "blanks for a name", LIT("To: a\n\t: x\n"),
	    { { HEADER_FIELD, LIT("To: a\n\t: x\n") },
		{ HEADER_END, LIT("") } },
	    LIT("") },
	{ "I14 blanks before the colon", LIT("TO \t: a\n"),
	    { { HEADER_FIELD, LIT("TO \t: a\n") }, { HEADER_END, LIT("") } },
	    LIT("") },
	{ "a blank inside the name", LIT("a b: c\n"),
	    { { HEADER_BODY, LIT("") } }, LIT("a b: c\n") },
	{ "eight bits in the name", LIT("\351: c\n"),
	    { { HEADER_BODY, LIT("") } }, LIT("\351: c\n") },
	{ "DEL in the name", LIT("a\177: c\n"), { { HEADER_BODY, LIT("") } },
	    LIT("a\177: c\n") },
	{ "NUL in the name", LIT("a\0: c\n"), { { HEADER_BODY, LIT("") } },
	    LIT("a\0: c\n") },
	{ "NUL in the body", LIT("a: \0c\n"),
	    { { HEADER_FIELD, LIT("a: \0c\n") }, { HEADER_END, LIT("") } },
	    LIT("") },
	{ "I19 as in an mbox", LIT("From foo bar\nTo: a\n"),
	    { { HEADER_MBOX, LIT("From foo bar\n") },
		{ HEADER_FIELD, LIT("To: a\n") }, { HEADER_END, LIT("") } },
	    LIT("") },
	{ "with a time and its colons", LIT("From a  Mon 12:00:00 2026\n\n"),
	    { { HEADER_MBOX, LIT("From a  Mon 12:00:00 2026\n") },
		{ HEADER_BLANK, LIT("\n") } },
	    LIT("") },
	{ "From with a blank before the colon", LIT("From : a\n\n"),
	    { { HEADER_FIELD, LIT("From : a\n") },
		{ HEADER_BLANK, LIT("\n") } },
	    LIT("") },
	{ "From without a blank", LIT("From\n"), { { HEADER_BODY, LIT("") } },
	    LIT("From\n") },
	{ "I41 lines end with CR LF", LIT("S: x\r\n\r\nbody\r"),
	    { { HEADER_FIELD, LIT("S: x\r\n") }, { HEADER_BODY, LIT("") } },
	    LIT("\r\nbody\r") },
};

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct step *step = rows[i].steps;
		struct span s = rows[i].message, part;

		for (;; step++) {
			if (header_next(&s, true, &part) != step->kind ||
			    !span_eq(part, step->part))
				fail_msg("%s: step %d", rows[i].name,
				    (int)(step - rows[i].steps));
			if (step->kind != HEADER_FIELD &&
			    step->kind != HEADER_MBOX)
				break;
		}
		if (!span_eq(s, rows[i].rest))
			fail_msg("%s: rest", rows[i].name);
	}
}

/* With less than everything it says so, or what it says with everything. */
static void
test_rows_cut_everywhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct span whole = rows[i].message;

		for (size_t n = 0; n <= whole.len; n++) {
			struct span s = span_head(whole, n), part;
			enum header_part kind = header_next(&s, false, &part);

			if (kind == HEADER_MORE) {
				assert_int_equal(s.len, n);
				continue;
			}
			if (kind != rows[i].steps[0].kind ||
			    !span_eq(part, rows[i].steps[0].part))
				fail_msg("%s: cut at %d", rows[i].name, (int)n);
		}
	}
}

static void
test_split(void **state)
{
	static const struct {
		struct span field, name, body;
	} splits[] = {
		{ LIT("To: a\n"), LIT("To"), LIT(" a") },
		{ LIT("To: a"), LIT("To"), LIT(" a") },
		{ LIT("TO \t:a\n b\n"), LIT("TO"), LIT("a\n b") },
		{ LIT("To:\n"), LIT("To"), LIT("") },
		{ LIT("To:"), LIT("To"), LIT("") },
		{ LIT("a:b:c"), LIT("a"), LIT("b:c") },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(splits) / sizeof(*splits); i++) {
		struct span name, body;

		header_split(splits[i].field, &name, &body);
		assert_true(span_eq(name, splits[i].name));
		assert_true(span_eq(body, splits[i].body));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_rows_cut_everywhere),
		cmocka_unit_test(test_split),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

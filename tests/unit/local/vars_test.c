/*
 * vars_test - lines and variables made from an address
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mail/mboxrd.h"

/* a room has no library: its file is taken whole */
#include "../../../src/deliver/local/vars.c"

static const struct {
	const char *sender, *rpline, *ufline;
} senders[] = {
	{ "", "Return-Path: <>\n", "From MAILER-DAEMON " },
	{ "s@x", "Return-Path: <s@x>\n", "From s@x " },
	{ "a\"b\\c d@x", "Return-Path: <\"a\\\"b\\\\c d\"@x>\n",
	    "From a\"b\\c-d@x " },
	{ "a@b@c", "Return-Path: <\"a@b\"@c>\n", "From a@b@c " },
	{ ".a..b.@x", "Return-Path: <\".a..b.\"@x>\n", "From .a..b.@x " },
	{ "@x", "Return-Path: <\"\"@x>\n", "From @x " },
	{ "noat", "Return-Path: <noat>\n", "From noat " },
	{ "#@[]", "Return-Path: <#@[]>\n", "From #@[] " },
	{ "a\nb\tc@x\n", "Return-Path: <\"a\\_b\tc\"@x_>\n", "From a-b-c@x- " },
};

static void
check(const char *name, struct buf *b, const char *expected)
{
	const char *got;

	assert_int_equal(buf_cstr(b, &got), 0);
	if (!span_eq(buf_span(b), span_cstr(expected)))
		fail_msg("%s: %s", name, got);
	buf_reset(b);
}

static void
test_senders(void **state)
{
	struct buf b = BUF_INIT(1000), line = BUF_INIT(1000);
	const char *expected;

	(void)state;
	for (size_t i = 0; i < sizeof(senders) / sizeof(*senders); i++) {
		vars_rpline(&b, span_cstr(senders[i].sender));
		check(senders[i].sender, &b, senders[i].rpline);
		mboxrd_from(&b, span_cstr(senders[i].sender), 100000000);
		buf_reset(&line);
		buf_puts(&line, senders[i].ufline);
		buf_puts(&line, "Sat Mar 03 09:46:40 1973\n");
		assert_int_equal(buf_cstr(&line, &expected), 0);
		check(senders[i].sender, &b, expected);
	}
	vars_dtline(&b, SPAN("a\nb"), SPAN("h\n"));
	check("dtline", &b, "Delivered-To: a_b@h_\n");
	buf_free(&b);
	buf_free(&line);
}

/* Oracle 27, 29; contract 1.7. */
static const struct {
	const char *in, *two, *three, *four;
} exts[] = {
	{ "", "", "", "" },
	{ "a", "", "", "" },
	{ "a-b-c-d-e", "b-c-d-e", "c-d-e", "d-e" },
	{ "a--b", "-b", "b", "" },
	{ "-b", "b", "", "" },
	{ "List-A-b.C-d", "A-b.C-d", "b.C-d", "d" },
};

static const struct {
	const char *in, *two, *three, *four;
} hosts[] = {
	{ "", "", "", "" },
	{ "localhost", "localhost", "localhost", "localhost" },
	{ "a.b.c.d.e", "a.b.c.d", "a.b.c", "a.b" },
	{ "a.b", "a", "a", "a" },
	{ ".a", "", "", "" },
};

static void
test_parts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(exts) / sizeof(*exts); i++) {
		const char *const want[] = { exts[i].two, exts[i].three,
			exts[i].four };

		for (unsigned int n = 1; n <= 3; n++)
			assert_true(span_eq(vars_ext(span_cstr(exts[i].in), n),
			    span_cstr(want[n - 1])));
	}
	for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++) {
		const char *const want[] = { hosts[i].two, hosts[i].three,
			hosts[i].four };

		for (unsigned int n = 1; n <= 3; n++)
			assert_true(
			    span_eq(vars_host(span_cstr(hosts[i].in), n),
				span_cstr(want[n - 1])));
	}
}

static const char *
value(char *const *list, const char *name)
{
	const char *found = NULL;
	size_t n = strlen(name);

	for (; *list != NULL; list++)
		if (strncmp(*list, name, n) == 0 && (*list)[n] == '=') {
			assert_null(found); /* never twice */
			found = *list + n + 1;
		}
	return found;
}

static void
test_environment(void **state)
{
	char old[] = "SENDER=old", path[] = "PATH=/bin", def[] = "DEFAULT=old",
	     odd[] = "EXT", like[] = "EXTRA=1";
	char *const inherited[] = { old, path, def, odd, like, NULL };
	struct local self = { .environment = inherited };
	const struct work job = { SPAN("u"), SPAN("/h"), SPAN("u-a"), SPAN("-"),
		SPAN("a"), SPAN("d.e"), SPAN("s@x"), SPAN("") };
	struct delivery d = {
		.self = &self, .job = &job, .env = { .text = BUF_INIT(10000) }
	};

	(void)state;
	assert_int_equal(vars_environment(&d), 0);
	assert_string_equal(value(d.env.list, "PATH"), "/bin");
	assert_string_equal(value(d.env.list, "EXTRA"), "1");
	assert_string_equal(value(d.env.list, "SENDER"), "s@x");
	assert_string_equal(value(d.env.list, "RECIPIENT"), "u-a@d.e");
	assert_string_equal(value(d.env.list, "HOST2"), "d");
	assert_string_equal(value(d.env.list, "EXT"), "a");
	assert_null(value(d.env.list, "DEFAULT"));
	vars_free(&d.env);
	vars_free(&d.env);

	d.has_default = true;
	assert_int_equal(vars_environment(&d), 0);
	assert_string_equal(value(d.env.list, "DEFAULT"), "");
	vars_free(&d.env);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_senders),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * address_test - where addresses divide, and when they need quotes
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mail/address.h"

/* a span in a table, where SPAN() is no constant */
#define LIT(s) \
	{ \
		s, sizeof(s) - 1 \
	}

static const struct {
	const char *name;
	struct span in, out;
} quoted[] = {
	{ "empty", LIT(""), LIT("") },
	{ "plain", LIT("joe@x"), LIT("joe@x") },
	{ "no domain", LIT("noat"), LIT("noat") },
	{ "no domain, a blank", LIT("no at"), LIT("\"no at\"") },
	{ "empty local part", LIT("@x"), LIT("\"\"@x") },
	{ "empty domain", LIT("a@"), LIT("a@") },
	{ "last @ divides", LIT("a@b@c"), LIT("\"a@b\"@c") },
	{ "blank", LIT("s p@x"), LIT("\"s p\"@x") },
	{ "quote and backslash", LIT("a\"b\\c d@x"),
	    LIT("\"a\\\"b\\\\c d\"@x") },
	{ "dots around and twice", LIT(".a..b.@x"), LIT("\".a..b.\"@x") },
	{ "leading dot", LIT(".a@x"), LIT("\".a\"@x") },
	{ "trailing dot", LIT("a.@x"), LIT("\"a.\"@x") },
	{ "two dots", LIT("a..b@x"), LIT("\"a..b\"@x") },
	{ "dots between", LIT("a.b.c@x"), LIT("a.b.c@x") },
	{ "one dot", LIT(".@x"), LIT("\".\"@x") },
	{ "LF and CR", LIT("a\nb\rc@x"), LIT("\"a\\\nb\\\rc\"@x") },
	{ "NUL", LIT("a\0b@x"), LIT("\"a\0b\"@x") },
	{ "DEL", LIT("a\177@x"), LIT("\"a\177\"@x") },
	{ "eight bits", LIT("\303\266@x"), LIT("\"\303\266\"@x") },
	{ "all that an atom allows", LIT("!#$%&'*+-/=?^_`{|}~09azAZ@x"),
	    LIT("!#$%&'*+-/=?^_`{|}~09azAZ@x") },
	{ "the domain is left alone", LIT("a@ b..c\""), LIT("a@ b..c\"") },
	{ "double bounce", LIT("#@[]"), LIT("#@[]") },
};

static void
test_quote(void **state)
{
	struct buf b = BUF_INIT(1000);

	(void)state;
	for (size_t i = 0; i < sizeof(quoted) / sizeof(*quoted); i++) {
		buf_reset(&b);
		address_quote(&b, quoted[i].in);
		if (!span_eq(buf_span(&b), quoted[i].out))
			fail_msg("%s", quoted[i].name);
	}
	buf_free(&b);
}

/* Each of them alone makes quotes necessary. */
static void
test_specials(void **state)
{
	struct buf b = BUF_INIT(1000);

	(void)state;
	for (int c = 0; c < 256; c++) {
		char local[3] = { 'a', (char)c, 'b' };
		bool is_special =
		    c <= ' ' || c >= 127 || strchr("\"()<>[]\\,:;@", c) != NULL;

		buf_reset(&b);
		address_quote_local(&b, (struct span){ local, 3 });
		assert_int_equal(buf_span(&b).p[0], is_special ? '"' : 'a');
	}
	buf_reset(&b);
	address_quote_local(&b, SPAN(""));
	assert_true(span_eq(buf_span(&b), SPAN("\"\"")));
	buf_free(&b);
}

static const struct {
	const char *in, *local, *domain;
	bool is_divided;
} divided[] = {
	{ "", "", "", false },
	{ "a", "a", "", false },
	{ "@", "", "", true },
	{ "a@b", "a", "b", true },
	{ "a@", "a", "", true },
	{ "@b", "", "b", true },
	{ "a@b@c", "a@b", "c", true },
	{ "#@[]", "#", "[]", true },
};

static void
test_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(divided) / sizeof(*divided); i++) {
		struct span local, domain;
		bool is_divided =
		    address_split(span_cstr(divided[i].in), &local, &domain);

		if (is_divided != divided[i].is_divided ||
		    !span_eq(local, span_cstr(divided[i].local)) ||
		    !span_eq(domain, span_cstr(divided[i].domain)))
			fail_msg("%s", divided[i].in);
	}
}

static const struct {
	struct span in;
	const char *path; /* NULL: it cannot be sent */
} paths[] = {
	{ LIT(""), "" },
	{ LIT("a@b"), "a@b" },
	{ LIT("s p@b"), "\"s p\"@b" },
	{ LIT("noat"), "noat" },
	{ LIT("no at"), NULL },
	{ LIT("a>@b"), "\"a>\"@b" },
	{ LIT("a@b> SIZE=1"), NULL },
	{ LIT("a\r\nDATA@b"), NULL },
	{ LIT("a@b\n"), NULL },
	{ LIT("a\0@b"), NULL },
	{ LIT("a\177@b"), NULL },
	{ LIT("list-return-1-@b-@[]"), "\"list-return-1-@b-\"@[]" },
	{ LIT("#@[]"), "#@[]" },
};

static void
test_paths(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		struct buf b = BUF_INIT(1024);

		assert_int_equal(
		    address_is_sendable(paths[i].in), paths[i].path != NULL);
		address_put_path(&b, paths[i].in);
		if (paths[i].path != NULL &&
		    !span_eq(buf_span(&b), span_cstr(paths[i].path)))
			fail_msg("%s", paths[i].path);
		buf_free(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quote),
		cmocka_unit_test(test_specials),
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

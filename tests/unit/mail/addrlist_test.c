/*
 * addrlist_test - lists of addresses, completed (edges.md 5.5 to 5.7)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "mail/addrlist.h"

enum { LIMIT = 65536 };

static struct addrlist_rules rules;

static int
set_up(void **state)
{
	(void)state;
	rules = ADDRLIST_RULES_INIT;
	return tokens_scan(&rules.host, SPAN("dh")) < 0 ||
	       tokens_scan(&rules.domain, SPAN("dd.org")) < 0 ||
	       tokens_scan(&rules.plus, SPAN("plus.org")) < 0;
}

static int
tear_down(void **state)
{
	(void)state;
	addrlist_rules_free(&rules);
	return 0;
}

/* Collect the addresses as "addr|addr|". */
static int
collect(void *ctx, struct span addr)
{
	struct buf *b = ctx;

	buf_put(b, addr);
	buf_putc(b, '|');
	return buf_err(b);
}

struct row {
	const char *in;    /* the body of a field To */
	const char *out;   /* what stands behind "To:"; NULL: E_SYNTAX */
	const char *found; /* the addresses in the order they are found */
};

static const struct row rows[] = {
	{ "", "", "" },
	{ "a b c", " a@dh.dd.org, b@dh.dd.org, c@dh.dd.org", /* I1 */
	    "c@dh.dd.org|b@dh.dd.org|a@dh.dd.org|" },
	{ "a@h+", " a@h.plus.org", "a@h.plus.org|" }, /* I2 */
	{ "a@h.x+", " a@h.x.plus.org", "a@h.x.plus.org|" },
	{ "a@h", " a@h.dd.org", "a@h.dd.org|" },
	{ "a@x.y", " a@x.y", "a@x.y|" },
	{ "\"Foo, B\" <a@b>, c (cmt) d", /* I3 */
	    " \"Foo, B\" <a@b.dd.org>, c@dh.dd.org, d@dh.dd.org (cmt)",
	    "d@dh.dd.org|c@dh.dd.org|a@b.dd.org|" },
	{ "a(c)@(d)b(e)", " a@b.dd.org (c) (d) (e)", "a@b.dd.org|" }, /* I4 */
	{ "g:a,b;", " g: a@dh.dd.org, b@dh.dd.org;",                  /* I5 */
	    "b@dh.dd.org|a@dh.dd.org|" },
	{ "g:;", " g: ;", "" },
	{ "g:a,b", NULL, "b@dh.dd.org|" }, /* I6: what is right of it counts */
	{ "@r:a@b", NULL, "" },
	{ "<@r1,@r2:a@b>", " <a@b.dd.org>", "a@b.dd.org|" }, /* I7 */
	{ "a@", " a@dh.dd.org", "a@dh.dd.org|" },            /* I8 */
	{ "a@b.", " a@b.dd.org", "a@b.dd.org|" },
	{ "@b", "", "|" },
	{ "<>", " <>", "|" },
	{ "a@[1.2.3.4]", " a@[1.2.3.4]", "a@[1.2.3.4]|" },    /* I9 */
	{ "\351@b", " \"\351\"@b.dd.org", "\351@b.dd.org|" }, /* I10 */
	{ "a]", " \"a\\]\"@dh.dd.org", "a]@dh.dd.org|" },     /* I11 */
	{ "[a]", " [a]@dh.dd.org", "[a]@dh.dd.org|" },
	{ ",,a,,b,,", " , , a@dh.dd.org, , b@dh.dd.org, ,", /* I12 */
	    "b@dh.dd.org|a@dh.dd.org|" },
	{ "Foo B. Bar <a@b.c>", " Foo B.Bar <a@b.c>", "a@b.c|" },   /* I13 */
	{ "(c (nested) \\) x) a@b", " a@b.dd.org (c nested \\) x)", /* I16 */
	    "a@b.dd.org|" },
	{ "a@b\r", " a@b.dd.org", "a@b.dd.org|" }, /* I23 */
	{ "t1, t2@h (c)", " t1@dh.dd.org, t2@h.dd.org (c)",
	    "t2@h.dd.org|t1@dh.dd.org|" },                /* I32 */
	{ "<>, c", " <>, c@dh.dd.org", "c@dh.dd.org||" }, /* I36 */
	/* 5.5 and 5.6, what the oracle did not try */
	{ "su-@dh-@[]", " su-@dh-@[]", "su-@dh-@[]|" },
	{ "<a@b.c> <d@e.f>", " <a@b.c> <d@e.f>", "d@e.f|a@b.c|" },
	{ "<a@b.c> d", " <a@b.c>, d@dh.dd.org", "d@dh.dd.org|a@b.c|" },
	{ "<a@b>(x)", " <a@b.dd.org>(x)", "a@b.dd.org|" },
	{ "g:a;b", " g: a@dh.dd.org;, b@dh.dd.org",
	    "b@dh.dd.org|a@dh.dd.org|" },
	{ "g:a; h:b;", " g: a@dh.dd.org;, h: b@dh.dd.org;",
	    "b@dh.dd.org|a@dh.dd.org|" },
	{ "g:a;, h:b;", " g: a@dh.dd.org;, h: b@dh.dd.org;",
	    "b@dh.dd.org|a@dh.dd.org|" },
	{ "x, g:a;", " x@dh.dd.org, g: a@dh.dd.org;",
	    "a@dh.dd.org|x@dh.dd.org|" },
	{ "g:a;;", NULL, "" },
	{ "a>", NULL, "" },
	{ "a )", NULL, "" },
	{ "a)", " \"a\\)\"@dh.dd.org", "a)@dh.dd.org|" },
	{ "(a", NULL, "" },
	{ "\"a", NULL, "" },
	{ "[a", NULL, "" },
	{ "]", NULL, "" },
	{ "a@b@c", " a@b@c.dd.org", "a@b@c.dd.org|" },
	{ "a.b", " a.b@dh.dd.org", "a.b@dh.dd.org|" },
	{ "a . b @ c . d", " a.b@c.d", "a.b@c.d|" },
	{ "a@b.c.", " a@b.c", "a@b.c|" },
	{ "a@.", " a@dh.dd.org", "a@dh.dd.org|" },
	{ "@", "", "|" },
	{ "<@r:>", " <>", "|" },
	{ "<a,b>", " <a, b@dh.dd.org>", "a,b@dh.dd.org|" },
	{ "<a(c)@b>", " <a@b.dd.org (c)>", "a@b.dd.org|" },
	{ "a+", " a+@dh.dd.org", "a+@dh.dd.org|" },
	{ "\"a b\"@c", " \"a b\"@c.dd.org", "a b@c.dd.org|" },
	{ "\"a\\\"b\"@c", " \"a\\\"b\"@c.dd.org", "a\"b@c.dd.org|" },
	{ "a\\ b@c", " \"a b\"@c.dd.org", "a b@c.dd.org|" },
	{ "a\\@b@c", " \"a@b\"@c.dd.org", "a@b@c.dd.org|" },
	{ "a\\", " \"a\\\\\"@dh.dd.org", "a\\@dh.dd.org|" },
	{ "\"Foo\n Bar\" <a@b.c>", " \"Foo Bar\" <a@b.c>", "a@b.c|" },
	{ "(x\r\n y) a@b.c", " a@b.c (x y)", "a@b.c|" },
	/* nothing begins a line of its own */
	{ "\"a\\\nb\"@c", " \"a b\"@c.dd.org", "a\nb@c.dd.org|" },
	{ "a\\\n b@c.d", " \"a \"@dh.dd.org, b@c.d", "b@c.d|a\n@dh.dd.org|" },
	{ "(only words)", " (only words)", "" },
	{ "undisclosed-recipients:;", " undisclosed-recipients: ;", "" },
};

static void
test_rows(void **state)
{
	struct tokens in = TOKENS_INIT, out = TOKENS_INIT;
	struct buf found = BUF_INIT(LIMIT), field = BUF_INIT(LIMIT);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct row *row = &rows[i];
		int r = tokens_scan(&in, span_cstr(row->in));

		buf_reset(&found);
		buf_reset(&field);
		tokens_reset(&out);
		if (r == 0)
			r = addrlist_parse(&in, &rules, collect, &found, &out);
		if (r != (row->out == NULL ? E_SYNTAX : 0))
			fail_msg("%s: %d", row->in, r);
		if (!span_eq(buf_span(&found), span_cstr(row->found)))
			fail_msg(
			    "%s: found %.*s", row->in, (int)found.len, found.p);
		if (row->out == NULL)
			continue;
		assert_int_equal(tokens_field(&out, SPAN(""), &field), 0);
		if (field.len != strlen(row->out) + 2 ||
		    memcmp(field.p + 1, row->out, field.len - 2) != 0)
			fail_msg("%s: %.*s", row->in, (int)field.len, field.p);
	}
	buf_free(&field);
	buf_free(&found);
	tokens_free(&out);
	tokens_free(&in);
}

/* A completed list is complete: doing it again changes nothing. */
static void
test_again(void **state)
{
	struct tokens in = TOKENS_INIT, out = TOKENS_INIT;
	struct buf found = BUF_INIT(LIMIT);
	struct buf field[2] = { BUF_INIT(LIMIT), BUF_INIT(LIMIT) };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct span body = span_cstr(rows[i].in);

		if (rows[i].out == NULL)
			continue;
		for (int pass = 0; pass < 2; pass++) {
			buf_reset(&found);
			buf_reset(&field[pass]);
			tokens_reset(&out);
			assert_int_equal(tokens_scan(&in, body), 0);
			if (addrlist_parse(&in, &rules, collect, &found, &out) <
			    0)
				fail_msg("%s: pass %d", rows[i].in, pass);
			assert_int_equal(
			    tokens_field(&out, SPAN("To"), &field[pass]), 0);
			body = span_tail(buf_span(&field[0]), 3);
		}
		if (!span_eq(buf_span(&field[0]), buf_span(&field[1])))
			fail_msg("%s: differs", rows[i].in);
	}
	buf_free(&field[1]);
	buf_free(&field[0]);
	buf_free(&found);
	tokens_free(&out);
	tokens_free(&in);
}

/* Where the lines of a field end. */
static void
test_folding(void **state)
{
	static const struct {
		const char *in, *out;
	} folds[] = {
		/* I17: 78 bytes with the comma, and no more */
		{ "user0@host0.example.org, user1@host1.example.org, "
		  "user2@host2.example.org, user3@host3.example.org, "
		  "user4@host4.example.org, user5@host5.example.org",
		    "To: user0@host0.example.org, user1@host1.example.org, "
		    "user2@host2.example.org,\n"
		    "  user3@host3.example.org, user4@host4.example.org, "
		    "user5@host5.example.org\n" },
		/* one byte more does not fit */
		{ "user0@host0.example.org, user1@host1.example.org, "
		  "user22@host2.example.org, x@y.z",
		    "To: user0@host0.example.org, user1@host1.example.org,\n"
		    "  user22@host2.example.org, x@y.z\n" },
		/* without a comma behind it, 78 fit */
		{ "user0@host0.example.org, user1@host1.example.org, "
		  "user22@host2.example.org",
		    "To: user0@host0.example.org, user1@host1.example.org, "
		    "user22@host2.example.org\n" },
		/* nothing to fold at: however long */
		{ "x@"
		  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.org",
		    "To: x@"
		    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.org\n" },
	};
	struct tokens in = TOKENS_INIT, out = TOKENS_INIT;
	struct buf found = BUF_INIT(LIMIT), field = BUF_INIT(LIMIT);

	(void)state;
	for (size_t i = 0; i < sizeof(folds) / sizeof(*folds); i++) {
		tokens_reset(&out);
		buf_reset(&field);
		assert_int_equal(tokens_scan(&in, span_cstr(folds[i].in)), 0);
		assert_int_equal(
		    addrlist_parse(&in, &rules, collect, &found, &out), 0);
		assert_int_equal(tokens_field(&out, SPAN("To"), &field), 0);
		if (!span_eq(buf_span(&field), span_cstr(folds[i].out)))
			fail_msg("%.*s", (int)field.len, field.p);
	}
	buf_free(&field);
	buf_free(&found);
	tokens_free(&out);
	tokens_free(&in);
}

static int
refuse(void *ctx, struct span addr)
{
	(void)ctx;
	(void)addr;
	return E_TOOBIG;
}

static void
test_the_callers_failure(void **state)
{
	struct tokens in = TOKENS_INIT, out = TOKENS_INIT;

	(void)state;
	assert_int_equal(tokens_scan(&in, SPAN("a, b")), 0);
	assert_int_equal(
	    addrlist_parse(&in, &rules, refuse, NULL, &out), E_TOOBIG);
	tokens_free(&out);
	tokens_free(&in);
}

static void
test_nul(void **state)
{
	struct tokens in = TOKENS_INIT;

	(void)state;
	assert_int_equal(tokens_scan(&in, SPAN("a\0b@c")), E_SYNTAX);
	assert_int_equal(tokens_scan(&in, SPAN("\"a\0b\"@c")), E_SYNTAX);
	tokens_free(&in);
}

/* A long list is read in one go, whatever its length. */
static void
test_many(void **state)
{
	struct tokens in = TOKENS_INIT, out = TOKENS_INIT;
	struct buf list = BUF_INIT(1 << 20), found = BUF_INIT(1 << 22);

	(void)state;
	for (int i = 0; i < 20000; i++)
		buf_puts(&list, "a,b <c>, ");
	assert_int_equal(buf_err(&list), 0);
	assert_int_equal(tokens_scan(&in, buf_span(&list)), 0);
	assert_int_equal(addrlist_parse(&in, &rules, collect, &found, &out), 0);
	assert_int_equal(found.len, 40000 * strlen("a@dh.dd.org|"));
	buf_free(&found);
	buf_free(&list);
	tokens_free(&out);
	tokens_free(&in);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_folding),
		cmocka_unit_test(test_the_callers_failure),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}

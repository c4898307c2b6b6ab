/*
 * path_test - what MAIL and RCPT may say
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "mail/address.h"
#include "mail/path.h"

/* SPAN() for tables. */
#define LIT(s) \
	{ \
		s, sizeof(s) - 1 \
	}

enum { MAIL = 1, RCPT = 2, BOTH = 3 };

/* tests/conformance/smtp/paths.json: the path behind FROM: or TO:. */
static const struct vector {
	int where;
	const char *path;
	const char *canonical; /* NULL: refused */
} vectors[] = {
	{ MAIL, "<>", "" },
	{ BOTH, "<a@b.example>", "a@b.example" },
	{ BOTH, "<A@B.Example>", "A@b.example" },
	{ RCPT, "<postmaster>", "postmaster" },
	{ RCPT, "<PostMaster>", "PostMaster" },
	{ RCPT, "<>", NULL },
	{ BOTH, "<@x.example:a@b.example>", "a@b.example" },
	{ BOTH, "<@x.example,@y.example:a@b.example>", "a@b.example" },
	{ BOTH, "<@x.example a@b.example>", NULL },
	{ BOTH, "<\"a b\"@b.example>", "\"a b\"@b.example" },
	{ BOTH, "<\"a\"@b.example>", "a@b.example" },
	{ BOTH, "<\"\\a\"@b.example>", "a@b.example" },
	{ BOTH, "<\"a\\\"b\"@b.example>", "\"a\\\"b\"@b.example" },
	{ BOTH, "<\"\"@b.example>", "\"\"@b.example" },
	{ BOTH, "<\"a@c.example\"@b.example>", "\"a@c.example\"@b.example" },
	{ BOTH, "<\"a@b.example>", NULL },
	{ BOTH, "<a.b@b.example>", "a.b@b.example" },
	{ BOTH, "<.a@b.example>", NULL },
	{ BOTH, "<a.@b.example>", NULL },
	{ BOTH, "<a..b@b.example>", NULL },
	{ BOTH, "<a@b..example>", NULL },
	{ BOTH, "<a@-b.example>", NULL },
	{ BOTH, "<a@b-.example>", NULL },
	{ BOTH, "<a@b_c.example>", NULL },
	{ BOTH, "<a@b.example.>", "a@b.example" },
	{ BOTH, "<a@.b.example>", NULL },
	{ BOTH, "<a@[192.0.2.1]>", "a@[192.0.2.1]" },
	{ BOTH, "<a@[192.0.2.256]>", NULL },
	{ BOTH, "<a@[192.0.2]>", NULL },
	{ BOTH, "<a@[192.0.2.01]>", NULL },
	{ BOTH, "<a@[IPv6:2001:db8::1]>", "a@[IPv6:2001:db8::1]" },
	{ BOTH, "<a@[ipv6:2001:db8::1]>", "a@[IPv6:2001:db8::1]" },
	{ BOTH, "<a@[2001:db8::1]>", NULL },
	{ BOTH, "<a@[IPv6:1:2:3:4:5:6:7:8:9]>", NULL },
	{ BOTH, "<a@[]>", NULL },
	{ BOTH, "<a@192.0.2.1>", NULL },
	{ BOTH, "a@b.example", NULL },
	{ BOTH, "<a@b.example", NULL },
	{ BOTH, "a@b.example>", NULL },
	{ BOTH, "<<a@b.example>>", NULL },
	{ BOTH, "<a b@b.example>", NULL },
	{ BOTH, "<a@b.example >", NULL },
	{ BOTH, "<a@b@c.example>", NULL },
	{ MAIL, "<a>", NULL },
	{ BOTH, "<@b.example>", NULL },
	{ BOTH, "<a@>", NULL },
	{ BOTH,
	    "<aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@b.example>",
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@b.example" },
	{ BOTH,
	    "<aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@b.example>",
	    NULL },
	{ BOTH,
	    "<a@bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.example>",
	    "a@bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.example" },
	{ BOTH,
	    "<a@bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.example>",
	    NULL },
	{ BOTH,
	    "<a@bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.example>",
	    NULL },
	{ BOTH, "<!#$%&'*+-/=?^_`{|}~@b.example>",
	    "!#$%&'*+-/=?^_`{|}~@b.example" },
	{ BOTH, "<a(c)@b.example>", NULL },
	{ BOTH, "<user%remote.example@b.example>",
	    "user%remote.example@b.example" },
	{ BOTH, "<remote!user@b.example>", "remote!user@b.example" },
	{ BOTH, "<u\\ser@b.example>", NULL },
	{ BOTH, "<user@b.example\001>", NULL },
};

/* Where DECISIONS or the contract want it otherwise than the vectors. */
static const struct departure {
	int where;
	const char *path;
	const char *canonical;
	const char *why;
} departures[] = {
	{ BOTH, "a@b.example", "a@b.example",
	    "a plain dot-atom address needs no brackets" },
	{ MAIL, "<a>", "a", "oracle S3: senders may lack a domain" },
	{ RCPT, "<\"\"@b.example>", NULL,
	    "RCPT with an empty local part is 501 5.1.3" },
	{ BOTH,
	    "<aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "@b.example>",
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "@b.example",
	    "bounces to VERP senders have long local parts" },
};

/* The address with its local part quoted and its domain in lower case. */
static bool
is_canonical(struct span addr, const char *want)
{
	struct buf b = BUF_INIT(1000);
	struct span local, domain, want_local, want_domain;
	bool is_same;

	address_quote(&b, addr);
	if (!address_split(buf_span(&b), &local, &domain))
		domain = SPAN("");
	if (!address_split(span_cstr(want), &want_local, &want_domain))
		want_domain = SPAN("");
	is_same =
	    span_eq(local, want_local) && span_eq_nocase(domain, want_domain);
	buf_free(&b);
	return is_same;
}

static void
check_vector(enum path_kind kind, const char *path, const char *canonical)
{
	struct buf arg = BUF_INIT(1000), addr = BUF_INIT(1000);
	enum path_verdict v;
	struct span params;

	buf_puts(&arg, kind == PATH_MAIL ? "FROM:" : "TO:");
	buf_puts(&arg, path);
	v = path_parse(kind, buf_span(&arg), &addr, &params);
	if ((v == PATH_OK) != (canonical != NULL))
		fail_msg("%d %s: verdict %d", kind, path, v);
	if (v == PATH_OK && !is_canonical(buf_span(&addr), canonical))
		fail_msg("%d %s: address", kind, path);
	if (v == PATH_OK)
		assert_int_equal(params.len, 0);
	else
		assert_int_equal(addr.len, 0);
	buf_free(&arg);
	buf_free(&addr);
}

static const char *
expect(int where, const struct vector *v)
{
	for (size_t i = 0; i < sizeof(departures) / sizeof(*departures); i++)
		if ((departures[i].where & where) != 0 &&
		    strcmp(departures[i].path, v->path) == 0)
			return departures[i].canonical;
	return v->canonical;
}

static void
test_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
		const struct vector *v = &vectors[i];

		if ((v->where & MAIL) != 0)
			check_vector(PATH_MAIL, v->path, expect(MAIL, v));
		if ((v->where & RCPT) != 0)
			check_vector(PATH_RCPT, v->path, expect(RCPT, v));
	}
}

/* Whole arguments; addresses as they travel inside, unquoted. */
static const struct row {
	const char *name;
	enum path_kind kind;
	struct span arg;
	enum path_verdict verdict;
	struct span addr, params;
} rows[] = {
	{ "nothing", PATH_MAIL, LIT(""), PATH_NO_WORD, { 0 }, { 0 } },
	{ "edges S12", PATH_MAIL, LIT("a@b.c"), PATH_NO_WORD, { 0 }, { 0 } },
	{ "the other word", PATH_MAIL, LIT("TO:<a@b>"), PATH_NO_WORD, { 0 },
	    { 0 } },
	{ "blank before the colon", PATH_MAIL, LIT("FROM :<a@b>"), PATH_NO_WORD,
	    { 0 }, { 0 } },
	{ "any case", PATH_MAIL, LIT("fRoM:<a@b>"), PATH_OK, LIT("a@b"),
	    LIT("") },
	{ "blanks behind the colon", PATH_MAIL, LIT("FROM: \t <a@b>"), PATH_OK,
	    LIT("a@b"), LIT("") },
	{ "only the word", PATH_MAIL, LIT("FROM:"), PATH_SYNTAX, { 0 }, { 0 } },
	{ "empty sender", PATH_MAIL, LIT("FROM:<>"), PATH_OK, LIT(""),
	    LIT("") },
	{ "empty recipient", PATH_RCPT, LIT("TO:<>"), PATH_SYNTAX, { 0 },
	    { 0 } },
	{ "route and no more", PATH_RCPT, LIT("TO:<@host>"), PATH_SYNTAX, { 0 },
	    { 0 } },
	{ "edges S6", PATH_MAIL, LIT("FROM:a@b.c SIZE=100"), PATH_OK,
	    LIT("a@b.c"), LIT(" SIZE=100") },
	{ "edges S6", PATH_RCPT, LIT("TO:   u@example.org foo"), PATH_OK,
	    LIT("u@example.org"), LIT(" foo") },
	{ "edges S7", PATH_MAIL, LIT("FROM:<@r1,@r2:a@b.c>"), PATH_OK,
	    LIT("a@b.c"), LIT("") },
	{ "edges S8", PATH_MAIL, LIT("FROM:<\"a b\"@b.c>"), PATH_OK,
	    LIT("a b@b.c"), LIT("") },
	{ "edges S8", PATH_RCPT, LIT("TO:<\"x\\\"y\"@example.org>"), PATH_OK,
	    LIT("x\"y@example.org"), LIT("") },
	{ "edges S9: unclosed", PATH_MAIL, LIT("FROM:<a@b.c"), PATH_SYNTAX,
	    { 0 }, { 0 } },
	{ "edges S10: words before", PATH_MAIL, LIT("FROM:Foo <a@b.c>"),
	    PATH_SYNTAX, { 0 }, { 0 } },
	{ "edges S10: words behind", PATH_RCPT, LIT("TO:<u@[127.0.0.1]>more"),
	    PATH_SYNTAX, { 0 }, { 0 } },
	{ "edges S13: dot at the end", PATH_RCPT, LIT("TO:<u@example.org.>"),
	    PATH_OK, LIT("u@example.org"), LIT("") },
	{ "two dots at the end", PATH_RCPT, LIT("TO:<u@example.org..>"),
	    PATH_SYNTAX, { 0 }, { 0 } },
	{ "edges S14: two ats", PATH_RCPT, LIT("TO:<u@evil@example.org>"),
	    PATH_SYNTAX, { 0 }, { 0 } },
	{ "edges S14: percent", PATH_RCPT, LIT("TO:<u%other@example.org>"),
	    PATH_OK, LIT("u%other@example.org"), LIT("") },
	{ "no domain", PATH_RCPT, LIT("TO:<u>"), PATH_OK, LIT("u"), LIT("") },
	{ "plain, no domain", PATH_RCPT, LIT("TO:postmaster"), PATH_SYNTAX,
	    { 0 }, { 0 } },
	{ "plain, quoted", PATH_MAIL, LIT("FROM:\"a\"@b"), PATH_SYNTAX, { 0 },
	    { 0 } },
	{ "plain, literal", PATH_MAIL, LIT("FROM:a@[192.0.2.1]"), PATH_SYNTAX,
	    { 0 }, { 0 } },
	{ "quoted bracket", PATH_MAIL, LIT("FROM:<\"a>b\"@c> BODY=7BIT"),
	    PATH_OK, LIT("a>b@c"), LIT(" BODY=7BIT") },
	{ "8 bits", PATH_MAIL, LIT("FROM:<\303\251@b>"), PATH_EIGHTBIT, { 0 },
	    { 0 } },
	{ "8 bits in a domain", PATH_RCPT, LIT("TO:<a@b\303\251.org>"),
	    PATH_EIGHTBIT, { 0 }, { 0 } },
	{ "8 bits in quotes", PATH_RCPT, LIT("TO:<\"\303\251\"@b.org>"),
	    PATH_EIGHTBIT, { 0 }, { 0 } },
	{ "NUL", PATH_RCPT, LIT("TO:<a\0b@c>"), PATH_SYNTAX, { 0 }, { 0 } },
	{ "NUL in quotes", PATH_RCPT, LIT("TO:<\"a\\\0b\"@c>"), PATH_SYNTAX,
	    { 0 }, { 0 } },
	{ "NUL in a literal", PATH_RCPT, LIT("TO:<a@[192.0.2.1\0]>"),
	    PATH_SYNTAX, { 0 }, { 0 } },
	{ "backslash and no more", PATH_RCPT, LIT("TO:<\"a\\"), PATH_SYNTAX,
	    { 0 }, { 0 } },
};

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct buf addr = BUF_INIT(1000);
		struct span params;
		enum path_verdict v =
		    path_parse(rows[i].kind, rows[i].arg, &addr, &params);

		if (v != rows[i].verdict)
			fail_msg("%s: %d", rows[i].name, v);
		if (v == PATH_OK && (!span_eq(buf_span(&addr), rows[i].addr) ||
					!span_eq(params, rows[i].params)))
			fail_msg("%s: result", rows[i].name);
		buf_free(&addr);
	}
}

/* Local parts of n bytes, to the limit and over it. */
static void
test_length(void **state)
{
	char text[300];

	(void)state;
	for (size_t n = 200; n < 280; n++) {
		struct buf arg = BUF_INIT(1000), addr = BUF_INIT(1000);
		struct span params;
		enum path_verdict v;

		memset(text, 'a', n);
		buf_puts(&arg, "TO:<@a.route.that.does.not.count:");
		buf_put(&arg, (struct span){ text, n });
		buf_puts(&arg, "@b.example>");
		v = path_parse(PATH_RCPT, buf_span(&arg), &addr, &params);
		assert_int_equal(
		    v, n + 10 <= PATH_MAX_BYTES ? PATH_OK : PATH_TOO_LONG);
		buf_free(&arg);
		buf_free(&addr);
	}
}

/* An address that its buf has no room for is never cut. */
static void
test_no_room(void **state)
{
	struct buf addr = BUF_INIT(3);
	struct span params;

	(void)state;
	assert_int_equal(
	    path_parse(PATH_MAIL, SPAN("FROM:<a@bc>"), &addr, &params),
	    PATH_OK);
	assert_int_equal(buf_err(&addr), E_TOOBIG);
	buf_free(&addr);
}

static void
test_params(void **state)
{
	struct span s = SPAN(" SIZE=10  body=8BITMIME X ");
	struct path_param p;

	(void)state;
	assert_int_equal(path_param(&s, &p), 0);
	assert_true(span_eq(p.name, SPAN("SIZE")));
	assert_true(span_eq(p.value, SPAN("10")));
	assert_int_equal(path_param(&s, &p), 0);
	assert_true(span_eq(p.name, SPAN("body")));
	assert_true(p.has_value);
	assert_int_equal(path_param(&s, &p), 0);
	assert_true(span_eq(p.name, SPAN("X")));
	assert_false(p.has_value);
	assert_int_equal(path_param(&s, &p), E_EOF);
	assert_int_equal(path_param(&s, &p), E_EOF);
}

static void
test_bad_params(void **state)
{
	static const struct span bad[] = { LIT(" SIZE="), LIT(" A=b=c"),
		LIT(" =b"), LIT(" -a"), LIT(" a b=\177"), LIT(" a_b"),
		LIT(" a=\303\251"), LIT(" a=b\0"), LIT(" <x>") };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct span s = bad[i];
		struct path_param p;
		int r;

		while ((r = path_param(&s, &p)) == 0)
			;
		if (r != E_SYNTAX)
			fail_msg("row %zu", i);
	}
}

static void
test_literals(void **state)
{
	static const uint8_t four[4] = { 192, 0, 2, 1 };
	uint8_t ip[16];

	(void)state;
	assert_int_equal(path_literal(SPAN("[192.0.2.1]"), ip), 4);
	assert_memory_equal(ip, four, 4);
	assert_int_equal(path_literal(SPAN("[IPv6:::1]"), ip), 16);
	assert_int_equal(ip[15], 1);
	assert_int_equal(path_literal(SPAN("[ipv6:2001:db8::]"), ip), 16);
	assert_int_equal(path_literal(SPAN(""), ip), 0);
	assert_int_equal(path_literal(SPAN("["), ip), 0);
	assert_int_equal(path_literal(SPAN("[]"), ip), 0);
	assert_int_equal(path_literal(SPAN("192.0.2.1"), ip), 0);
	assert_int_equal(path_literal(SPAN("[192.0.2.1"), ip), 0);
	assert_int_equal(path_literal(SPAN("[192.0.2.1].x"), ip), 0);
	assert_int_equal(path_literal(SPAN("[::1]"), ip), 0);
	assert_int_equal(path_literal(SPAN("[IPv6:192.0.2.1]"), ip), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_params),
		cmocka_unit_test(test_bad_params),
		cmocka_unit_test(test_literals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

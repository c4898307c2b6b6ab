/*
 * assign_test - users/assign compiled, users/cdb asked, records read
 *
 * Numbers in brackets are oracle cases of contract local.md 10.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "conf/assign.h"

/* Write down records as [key=value], NUL as '/'. */
static int
write_down(void *ctx, struct span key, struct span value)
{
	struct buf *b = ctx;
	struct span part[2] = { key, value };

	for (int i = 0; i < 2; i++) {
		buf_putc(b, "[="[i]);
		for (size_t k = 0; k < part[i].len; k++)
			buf_putc(b, part[i].p[k] == '\0' ? '/' : part[i].p[k]);
	}
	buf_putc(b, ']');
	return 0;
}

static void
test_compile(void **state)
{
	static const struct {
		const char *name, *text, *records;
	} rows[] = {
		{ "[56]",
		    "=Joe:joe:503:78:/home/joe:::\n"
		    "+Joe-:joe:503:78:/home/joe:-::\n"
		    "+:alias:7790:2108:/var/qmail/alias:-::\n.\n",
		    "[!joe/=joe/503/78//home/joe//]"
		    "[!joe-=joe/503/78//home/joe/-/]"
		    "[!=alias/7790/2108//var/qmail/alias/-/][=-]" },
		{ "[58] nothing", ".\n", "[=]" },
		{ "dot without newline", ".", "[=]" },
		{ "all behind a dot is ignored", ".x:y\nnonsense", "[=]" },
		{ "behind the sixth field", "=a:u:1:2:h:d:e:more:and:more\n.",
		    "[!a/=u/1/2/h/d/e][=]" },
		{ "any first byte is '='", "xa:u:1:2:h:d:e:\n.",
		    "[!a/=u/1/2/h/d/e][=]" },
		{ "empty name", "=:u:1:2:h:d:e:\n.", "[!/=u/1/2/h/d/e][=]" },
		{ "wildcards are written once each, as they are",
		    "+aB:u:1:2:h:d:e:\n+ab:u:1:2:h:d:e:\n+cB:u:1:2:h:d:e:\n.",
		    "[!ab=u/1/2/h/d/e][!ab=u/1/2/h/d/e][!cb=u/1/2/h/d/e]"
		    "[=Bb]" },
		{ "duplicates stay in order",
		    "=a:u:1:2:h:d:e:\n=A:v:1:2:h:d:e:\n.",
		    "[!a/=u/1/2/h/d/e][!a/=v/1/2/h/d/e][=]" },
		{ "8-bit", "=\xc3\x84:u:1:2:h:d:e:\n.",
		    "[!\xc3\x84/=u/1/2/h/d/e][=]" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct buf got = BUF_INIT(4096);
		size_t line;
		int r = assign_compile(
		    span_cstr(rows[i].text), write_down, &got, &line);

		if (r != 0 ||
		    !span_eq(buf_span(&got), span_cstr(rows[i].records)))
			fail_msg("%s: %d %.*s", rows[i].name, r, (int)got.len,
			    got.p);
		buf_free(&got);
	}
}

static void
test_bad_format(void **state)
{
	static const char fine[] = "=a:u:1:2:h:d:e:\n";
	static const struct {
		const char *name;
		struct span text;
		size_t line;
	} rows[] = {
		{ "[57] no dot line", { fine, sizeof(fine) - 1 }, 2 },
		{ "[57] empty file", { "", 0 }, 1 },
		{ "[57] blank line", { "\n.\n", 3 }, 1 },
		{ "[57] comment", { "#x\n.\n", 5 }, 1 },
		{ "[57] five colons", { "=a:u:1:2:h:d:e\n.\n", 17 }, 1 },
		{ "[57] colon first", { ":a:u:1:2:h:d:e:\n.\n", 18 }, 1 },
		{ "last line without newline", { "=a:u:1:2:h:d:e:", 15 }, 1 },
		{ "NUL", { "=a:u:1:2:h:d:\0:\n.\n", 18 }, 1 },
		{ "dot not first", { " .\n", 3 }, 1 },
		{ "third line", { "=:::::::\n+:::::::\n=:\n.\n", 23 }, 3 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct buf got = BUF_INIT(4096);
		size_t line = 0;
		int r = assign_compile(rows[i].text, write_down, &got, &line);

		if (r != E_SYNTAX || line != rows[i].line)
			fail_msg("%s: %d line %zu", rows[i].name, r, line);
		buf_free(&got);
	}
}

static int
refuse(void *ctx, struct span key, struct span value)
{
	(void)ctx;
	(void)key;
	(void)value;
	return E_TOOBIG;
}

static void
test_sink_fails(void **state)
{
	size_t line;

	(void)state;
	assert_int_equal(
	    assign_compile(SPAN(".\n"), refuse, NULL, &line), E_TOOBIG);
}

/* Text with '|' for NUL. */
static struct span
nuls(const char *text, struct buf *b)
{
	buf_reset(b);
	for (; *text != '\0'; text++)
		buf_putc(b, *text == '|' ? '\0' : *text);
	return buf_span(b);
}

static void
test_account(void **state)
{
	static const struct {
		const char *name, *record;
		int r;
		unsigned int uid, gid;
		const char *ext;
	} rows[] = {
		{ "plain", "joe|501|502|/h|-|x", 0, 501, 502, "x" },
		{ "NUL at the end", "joe|501|502|/h|-|x|", 0, 501, 502, "x" },
		{ "more than six", "j|1|2|h|-|x|y|", 0, 1, 2, "x" },
		{ "empty fields", "|1|2|||", 0, 1, 2, "" },
		{ "five fields", "j|1|2|h|-", E_SYNTAX, 0, 0, "" },
		{ "nothing", "", E_SYNTAX, 0, 0, "" },
		{ "prefix counts", "j|1x|2y|h||", 0, 1, 2, "" },
		{ "uid garbage", "j|x|2|h||", 0, 0, 0, "" },
		{ "uid empty", "j||2|h||", 0, 0, 0, "" },
		{ "uid negative", "j|-1|2|h||", 0, 0, 0, "" },
		{ "uid that means none", "j|4294967295|2|h||", 0, 0, 0, "" },
		{ "uid largest", "j|4294967294|2|h||", 0, 4294967294U, 2, "" },
		{ "uid 2^32", "j|4294967296|2|h||", 0, 0, 0, "" },
		{ "gid garbage", "j|1||h||", 0, 0, 0, "" },
		{ "gid 0 as written", "j|1|0|h||", 0, 1, 0, "" },
	};
	struct buf b = BUF_INIT(100);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct account a = { .uid = 0 };
		int r = account_parse(nuls(rows[i].record, &b), &a);
		bool is_fine = r == rows[i].r;

		if (r == 0)
			is_fine = is_fine && a.uid == rows[i].uid &&
				  a.gid == rows[i].gid &&
				  span_eq(a.ext, span_cstr(rows[i].ext));
		if (!is_fine)
			fail_msg("%s: %d %u %u", rows[i].name, r,
			    (unsigned int)a.uid, (unsigned int)a.gid);
	}
	buf_free(&b);
}

static void
test_account_put(void **state)
{
	const struct account a = { .user = SPAN("joe"),
		.uid = 501,
		.gid = 0,
		.home = SPAN("/h"),
		.dash = SPAN("-"),
		.ext = SPAN("Ext") };
	struct account again;
	struct buf b = BUF_INIT(100), want = BUF_INIT(100);

	(void)state;
	account_put(&b, &a);
	assert_int_equal(buf_err(&b), 0);
	assert_true(span_eq(buf_span(&b), nuls("joe|501|0|/h|-|Ext|", &want)));
	assert_int_equal(account_parse(buf_span(&b), &again), 0);
	assert_true(span_eq(again.user, a.user));
	assert_true(span_eq(again.home, a.home));
	assert_true(span_eq(again.dash, a.dash));
	assert_true(span_eq(again.ext, a.ext));
	buf_free(&b);
	buf_free(&want);
}

/* A database of these assignments, without a name. */
static struct cdbfile *
database(struct span text, assign_sink_fn *sink, bool is_assign)
{
	char dir[] = "/tmp/assign_test.XXXXXX";
	struct buf path = BUF_INIT(100);
	struct cdbmake *m = NULL;
	struct cdbfile *c = NULL;
	const char *name;
	size_t line;

	assert_non_null(mkdtemp(dir));
	buf_puts(&path, dir);
	buf_puts(&path, "/cdb");
	assert_int_equal(buf_cstr(&path, &name), 0);
	assert_int_equal(cdbfile_make(name, &m), 0);
	if (is_assign)
		assert_int_equal(assign_compile(text, sink, m, &line), 0);
	assert_int_equal(cdbfile_finish(m), 0);
	assert_int_equal(cdbfile_open(name, &c), 0);
	cdbfile_discard(&m);
	assert_int_equal(rmdir(dir), 0);
	buf_free(&path);
	return c;
}

static int
add(void *ctx, struct span key, struct span value)
{
	return cdbfile_add(ctx, key, value);
}

static void
test_find(void **state)
{
	static const char text[] =
	    "+joe-:joe:1:2:/j:-::\n"
	    "=joe:joe:1:2:/j:::\n"
	    "=joe:second:1:2:/j:::\n"
	    "+joe-list-:joe:1:2:/j:-:L-:\n"
	    "=joe-list-x:exact:1:2:/j:-:lx:\n"
	    "+UP:upper:1:2:/u:-::\n"
	    "+:alias:7790:2108:/var/qmail/alias:-::\n.\n";
	static const struct {
		const char *local, *user, *ext;
	} rows[] = {
		{ "joe", "joe", "" }, /* [59] all but the last five */
		{ "joe-", "joe", "" },
		{ "joe-A", "joe", "A" },
		{ "Joe-List-FoO", "joe", "L-FoO" },
		{ "joe-list", "joe", "list" },
		{ "joe-LIST-X", "exact", "lx" },
		{ "bill", "alias", "bill" },
		{ "", "alias", "" },
		{ "joex", "alias", "joex" },
		{ "UP", "upper", "" }, /* DECISIONS: any case matches */
		{ "upPer", "upper", "Per" },
		{ "uP-x", "upper", "-x" },
	};
	struct buf ext = BUF_INIT(1000);
	struct cdbfile *c;

	(void)state;
	c = database(span_cstr(text), add, true);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct account a = { .uid = 0 };
		int r = assign_find(c, span_cstr(rows[i].local), &ext, &a);

		if (r != 0 || !span_eq(a.user, span_cstr(rows[i].user)) ||
		    !span_eq(a.ext, span_cstr(rows[i].ext)))
			fail_msg("%s: %d", rows[i].local, r);
	}
	cdbfile_close(&c);
	buf_free(&ext);
}

static void
test_find_nothing(void **state)
{
	struct buf ext = BUF_INIT(1000), small = BUF_INIT(1);
	struct account a;
	struct cdbfile *c = database(SPAN(".\n"), add, true);

	(void)state;
	/* [58] */
	assert_int_equal(assign_find(c, SPAN("joe"), &ext, &a), E_ABSENT);
	cdbfile_close(&c);

	c = database(
	    SPAN("=joe:u:1:2:h:d:e:\n+w-:u:1:2:h:d:e:\n.\n"), add, true);
	assert_int_equal(assign_find(c, SPAN("joe-x"), &ext, &a), E_ABSENT);
	assert_int_equal(assign_find(c, SPAN("w"), &ext, &a), E_ABSENT);
	assert_int_equal(assign_find(c, SPAN("joe"), &ext, &a), 0);
	assert_int_equal(assign_find(c, SPAN("w-xy"), &small, &a), E_TOOBIG);
	cdbfile_close(&c);

	/* no record with the wildcards: not what qmail-newu made */
	c = database(SPAN(""), add, false);
	assert_int_equal(assign_find(c, SPAN("joe"), &ext, &a), E_DAMAGED);
	cdbfile_close(&c);
	buf_free(&ext);
	buf_free(&small);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compile),
		cmocka_unit_test(test_bad_format),
		cmocka_unit_test(test_sink_fails),
		cmocka_unit_test(test_account),
		cmocka_unit_test(test_account_put),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_find_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * dotqmail_test - names of .qmail files in order, and lines in them
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mail/dotqmail.h"

/* a span in a table, where SPAN() is no constant */
#define LIT(s) \
	{ \
		s, sizeof(s) - 1 \
	}

/* names: each followed by a blank and what DEFAULT would be, in brackets */
static const struct {
	const char *name, *dash, *ext, *names;
} rows[] = {
	{ "contract 1.3: nothing behind the dash", "-", "",
	    ".qmail-() .qmail-default()" },
	{ "contract 1.3: a", "-", "a", ".qmail-a() .qmail-default(a)" },
	{ "contract 1.3: a-b-c", "-", "a-b-c",
	    ".qmail-a-b-c() .qmail-a-b-default(c) .qmail-a-default(b-c) "
	    ".qmail-default(a-b-c)" },
	{ "contract 1.3: a-b-", "-", "a-b-",
	    ".qmail-a-b-() .qmail-a-b-default() .qmail-a-default(b-) "
	    ".qmail-default(a-b-)" },
	{ "neither dash nor extension", "", "", ".qmail() .qmaildefault()" },
	{ "another dash", "+", "a", ".qmail+a() .qmail+default(a)" },
	{ "a folder", "-/", "a-b",
	    ".qmail-/a-b() .qmail-/a-default(b) .qmail-/default(a-b)" },
	{ "case and dots", "-", "X.Y-Z.a",
	    ".qmail-x:y-z:a() .qmail-x:y-default(Z.a) "
	    ".qmail-default(X.Y-Z.a)" },
	{ "8 bits and slashes stay", "-", "\303\204/b",
	    ".qmail-\303\204/b() .qmail-default(\303\204/b)" },
	{ "default itself", "-", "DeFault",
	    ".qmail-default(DeFault) .qmail-default(DeFault)" },
	{ "a name that ends so, no delimiter", "-", "xdefault",
	    ".qmail-xdefault(default) .qmail-default(xdefault)" },
	{ "only dashes", "-", "--",
	    ".qmail---() .qmail---default() .qmail--default(-) "
	    ".qmail-default(--)" },
};

static void
test_names(void **state)
{
	struct buf all = BUF_INIT(10000), safe = BUF_INIT(1000);
	const char *got;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct span ext = span_cstr(rows[i].ext);
		struct dotqmail_names names;
		size_t at;

		buf_reset(&all);
		buf_reset(&safe);
		dotqmail_safe(&safe, ext);
		names =
		    DOTQMAIL_NAMES(span_cstr(rows[i].dash), buf_span(&safe));
		while (dotqmail_name(&names, &all, &at)) {
			buf_putc(&all, '(');
			buf_put(&all, span_tail(ext, at));
			buf_puts(&all, ") ");
		}
		/* what it had begun when it found that all were tried */
		buf_cut(&all, span_rfind(buf_span(&all), ' '));
		assert_int_equal(buf_cstr(&all, &got), 0);
		if (!span_eq(buf_span(&all), span_cstr(rows[i].names)))
			fail_msg("%s: %s", rows[i].name, got);
		assert_false(dotqmail_name(&names, &all, &at));
	}
	buf_free(&all);
	buf_free(&safe);
}

static const struct {
	struct span in;
	enum line_kind kind;
	struct span text;
} lines[] = {
	{ LIT(""), LINE_BLANK, LIT("") },
	{ LIT("  \t "), LINE_BLANK, LIT("") },
	{ LIT("\0x"), LINE_BLANK, LIT("\0x") },
	{ LIT("# c"), LINE_NOTHING, LIT("# c") },
	{ LIT("#"), LINE_NOTHING, LIT("#") },
	{ LIT("|cmd x \t"), LINE_PROGRAM, LIT("cmd x") },
	{ LIT("|"), LINE_PROGRAM, LIT("") },
	{ LIT("./Mbox"), LINE_MBOX, LIT("./Mbox") },
	{ LIT("./Maildir/"), LINE_MAILDIR, LIT("./Maildir/") },
	{ LIT("./Maildir/ \t"), LINE_MAILDIR, LIT("./Maildir/") },
	{ LIT("/abs/Mbox"), LINE_MBOX, LIT("/abs/Mbox") },
	{ LIT("."), LINE_MBOX, LIT(".") },
	{ LIT(".."), LINE_MBOX, LIT("..") },
	{ LIT("/"), LINE_MAILDIR, LIT("/") },
	{ LIT("lmtp:/run/s a@b "), LINE_LMTP, LIT("/run/s a@b") },
	{ LIT("lmtp:"), LINE_LMTP, LIT("") },
	{ LIT("folder:./Maildir/\t"), LINE_FOLDER, LIT("./Maildir/") },
	{ LIT("&folder:x"), LINE_FORWARD, LIT("folder:x") },
	{ LIT("lmtp"), LINE_FORWARD, LIT("lmtp") },
	{ LIT("LMTP:x"), LINE_FORWARD, LIT("LMTP:x") },
	{ LIT("&lmtp:x"), LINE_FORWARD, LIT("lmtp:x") },
	{ LIT("./a\0b/"), LINE_MAILDIR, LIT("./a\0b/") },
	{ LIT("&a@b"), LINE_FORWARD, LIT("a@b") },
	{ LIT("&"), LINE_FORWARD, LIT("") },
	{ LIT("& a@b"), LINE_FORWARD, LIT(" a@b") },
	{ LIT("+list"), LINE_FORWARD_ONLY, LIT("list") },
	{ LIT("+list  "), LINE_FORWARD_ONLY, LIT("list") },
	{ LIT("+lists"), LINE_NOTHING, LIT("lists") },
	{ LIT("+"), LINE_NOTHING, LIT("") },
	{ LIT("+LIST"), LINE_NOTHING, LIT("LIST") },
	{ LIT("c@d"), LINE_FORWARD, LIT("c@d") },
	{ LIT(" # x"), LINE_FORWARD, LIT(" # x") },
	{ LIT("\t|x"), LINE_FORWARD, LIT("\t|x") },
	{ LIT(":x"), LINE_FORWARD, LIT(":x") },
	{ LIT("-x"), LINE_FORWARD, LIT("-x") },
	{ LIT("\"a b\"@c"), LINE_FORWARD, LIT("\"a b\"@c") },
	{ LIT("a@b\r"), LINE_FORWARD, LIT("a@b\r") },
	{ LIT("\r"), LINE_FORWARD, LIT("\r") },
};

static void
test_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		struct line l = dotqmail_line(lines[i].in);

		if (l.kind != lines[i].kind || !span_eq(l.text, lines[i].text))
			fail_msg("row %zu: kind %d", i, (int)l.kind);
	}
}

static const struct {
	struct span name;
	bool is_one;
} folders[] = {
	{ LIT("lists"), true },
	{ LIT("Lists.Debian-1_2+a=b"), true },
	{ LIT(""), false },
	{ LIT("."), false },
	{ LIT(".."), false },
	{ LIT("a..b"), false },
	{ LIT(".a"), false },
	{ LIT("a."), false },
	{ LIT("a/b"), false },
	{ LIT("../x"), false },
	{ LIT("a\0b"), false },
	{ LIT("a b"), false },
	{ LIT("a\303\244"), false },
	{ LIT("&AOQ-"), false },
	{ LIT("a:b"), false },
	{ LIT("trash"), false },
	{ LIT("Trash.old"), false },
	{ LIT("trashy"), true },
	{ LIT("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	      "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
	    true },
	{ LIT("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	      "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
	    false },
};

static void
test_folders(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		if (dotqmail_is_folder(folders[i].name) != folders[i].is_one)
			fail_msg("row %zu", i);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_folders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

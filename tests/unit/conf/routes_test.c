/*
 * routes_test - where a recipient's mail goes: contract queue.md 4.2, 4.7,
 * oracle cases 15-29
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "conf/routes.h"
#include "sys/file.h"

static const char *const names[] = { "control/me", "control/locals",
	"control/virtualdomains", "control/percenthack",
	"control/envnoathost" };

enum { NAMES = sizeof(names) / sizeof(*names) };

/* A scratch directory with an empty control/, to work in. */
static int
enter_scratch(void **state)
{
	char *dir = strdup("/tmp/routes_test.XXXXXX");

	*state = dir;
	return dir == NULL || mkdtemp(dir) == NULL || chdir(dir) < 0 ||
	       mkdir("control", 0755) < 0;
}

static int
leave_scratch(void **state)
{
	for (size_t i = 0; i < NAMES; i++) {
		(void)unlink(names[i]);
		(void)rmdir(names[i]);
	}
	(void)rmdir("control");
	if (chdir("/") < 0)
		return 1;
	(void)rmdir(*state);
	free(*state);
	return 0;
}

static void
put(const char *path, const char *content)
{
	assert_int_equal(
	    file_publish(FILE_CWD, path, span_cstr(content), 0644), 0);
}

/* The control files of the oracle. */
static void
put_oracle(void)
{
	put("control/me", "mail.example.org\n");
	put("control/locals", "local.example\nMIXED.example\n  lead.example\n");
	put("control/percenthack", "pct.example\nlocal.example\n");
	put("control/envnoathost", "noat.example\n");
	put("control/virtualdomains",
	    "virt.example:joe-v\n.wild.example:alias-w\n"
	    "sub.wild.example:\nuser@vu.example:bob-vu\n"
	    "vu.example:joe-all\nlocal.example:nope\n:alias-catch\n"
	    "nocatch.example:\n.nocatch.example:\nnocolon.example\n"
	    "colon.example:a:b\nme@excl.example:\nexcl.example:joe-excl\n"
	    "sp.example: joe\ndup.example:first\ndup.example:second\n");
}

struct row {
	const char *rcpt;
	enum routes_to to;
	const char *addr;
};

static void
check(const struct routes *r, const struct row *rows)
{
	for (; rows->rcpt != NULL; rows++) {
		struct buf b = BUF_INIT(4096);
		enum routes_to to;

		buf_puts(&b, "kept");
		to = routes_apply(r, span_cstr(rows->rcpt), &b);
		if (!span_eq(
			span_tail(buf_span(&b), 4), span_cstr(rows->addr)) ||
		    to != rows->to)
			fail_msg("%s: %s %.*s", rows->rcpt,
			    to == ROUTES_LOCAL ? "local" : "remote", (int)b.len,
			    b.p);
		assert_true(span_starts(buf_span(&b), SPAN("kept")));
		buf_free(&b);
	}
}

static void
test_oracle(void **state)
{
	static const struct row rows[] = {
		/* 15 */
		{ "JOE@mixed.example", ROUTES_LOCAL, "JOE@mixed.example" },
		/* 16: leading blanks count */
		{ "a@lead.example", ROUTES_LOCAL,
		    "alias-catch-a@lead.example" },
		{ "a@  lead.example", ROUTES_LOCAL, "a@  lead.example" },
		/* 17 */
		{ "nobody", ROUTES_LOCAL, "alias-catch-nobody@noat.example" },
		/* 18 */
		{ "x%y%pct.example@pct.example", ROUTES_LOCAL,
		    "alias-catch-x@y" },
		/* 19 */
		{ "x%a%local.example@local.example", ROUTES_LOCAL,
		    "alias-catch-x@a" },
		/* 20 */
		{ "u@VIRT.example", ROUTES_LOCAL, "joe-v-u@VIRT.example" },
		/* 21 */
		{ "u@sub.virt.example", ROUTES_LOCAL,
		    "alias-catch-u@sub.virt.example" },
		/* 22 */
		{ "u@a.wild.example", ROUTES_LOCAL,
		    "alias-w-u@a.wild.example" },
		{ "u@x.sub.wild.example", ROUTES_LOCAL,
		    "alias-w-u@x.sub.wild.example" },
		/* 23 */
		{ "u@sub.wild.example", ROUTES_REMOTE, "u@sub.wild.example" },
		{ "u@x.nocatch.example", ROUTES_REMOTE, "u@x.nocatch.example" },
		{ "me@excl.example", ROUTES_REMOTE, "me@excl.example" },
		{ "you@excl.example", ROUTES_LOCAL,
		    "joe-excl-you@excl.example" },
		/* 24 */
		{ "USER@VU.example", ROUTES_LOCAL, "bob-vu-USER@VU.example" },
		{ "other@vu.example", ROUTES_LOCAL,
		    "joe-all-other@vu.example" },
		/* 25 */
		{ "u@nocolon.example", ROUTES_LOCAL,
		    "alias-catch-u@nocolon.example" },
		/* 26 */
		{ "u@colon.example", ROUTES_LOCAL, "a:b-u@colon.example" },
		{ "u@sp.example", ROUTES_LOCAL, " joe-u@sp.example" },
		{ "u@dup.example", ROUTES_LOCAL, "second-u@dup.example" },
		/* 27 */
		{ "", ROUTES_LOCAL, "alias-catch-@noat.example" },
		/* 28 */
		{ "@local.example", ROUTES_LOCAL, "@local.example" },
		/* 29 */
		{ "x\ny@local.example", ROUTES_LOCAL, "x\ny@local.example" },
		/* the domain is what follows the last @ */
		{ "a@local.example@far.virt.example", ROUTES_LOCAL,
		    "alias-catch-a@local.example@far.virt.example" },
		{ "a@far@local.example", ROUTES_LOCAL, "a@far@local.example" },
		/* an empty domain: the empty key */
		{ "a@", ROUTES_LOCAL, "alias-catch-a@" },
		/* a percent that is none of ours */
		{ "a%b@virt.example", ROUTES_LOCAL, "joe-v-a%b@virt.example" },
		{ NULL, ROUTES_LOCAL, NULL },
	};
	struct routes *r;

	(void)state;
	put_oracle();
	assert_int_equal(routes_new(&r), 0);
	check(r, rows);
	routes_destroy(&r);
	assert_null(r);
	routes_destroy(&r);
}

/* What a sender is told: queue.md 4.7, oracle case 37. */
static void
test_strip(void **state)
{
	static const struct {
		const char *addr, *plain;
	} rows[] = {
		{ "joe-v-x@virt.example", "x@virt.example" },
		{ "joe-v-z@local.example", "joe-v-z@local.example" },
		/* only by domain: virtual users show their prepend */
		{ "bob-vu-user@vu.example", "bob-vu-user@vu.example" },
		{ "joe-all-x@vu.example", "x@vu.example" },
		/* case counts */
		{ "JOE-v-x@virt.example", "JOE-v-x@virt.example" },
		{ "joe-vx@virt.example", "joe-vx@virt.example" },
		{ "joe-v@virt.example", "joe-v@virt.example" },
		{ "alias-w-u@a.b.wild.example", "u@a.b.wild.example" },
		{ "alias-catch-u@elsewhere", "u@elsewhere" },
		{ "u@sub.wild.example", "u@sub.wild.example" },
		{ "joe-v-", "joe-v-" },
		{ "", "" },
	};
	struct routes *r;

	(void)state;
	put_oracle();
	assert_int_equal(routes_new(&r), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct span s = routes_strip(r, span_cstr(rows[i].addr));

		if (!span_eq(s, span_cstr(rows[i].plain)))
			fail_msg("%s: %.*s", rows[i].addr, (int)s.len, s.p);
	}
	routes_destroy(&r);
}

/* 46: neither me nor locals. */
static void
test_nothing(void **state)
{
	struct routes *r = NULL;

	(void)state;
	assert_int_equal(routes_new(&r), E_ABSENT);
	assert_null(r);
}

static void
test_defaults(void **state)
{
	static const struct row with_me[] = {
		{ "a@Mail.Example.Org", ROUTES_LOCAL, "a@Mail.Example.Org" },
		{ "a", ROUTES_LOCAL, "a@mail.example.org" },
		{ "a@b", ROUTES_REMOTE, "a@b" },
		{ "a%b@mail.example.org", ROUTES_LOCAL,
		    "a%b@mail.example.org" },
		{ NULL, ROUTES_LOCAL, NULL },
	};
	/* 47 */
	static const struct row with_locals[] = {
		{ "a@b", ROUTES_LOCAL, "a@b" },
		{ "a", ROUTES_REMOTE, "a@envnoathost" },
		{ NULL, ROUTES_LOCAL, NULL },
	};
	/* an empty locals is not an absent one */
	static const struct row with_empty[] = {
		{ "a@mail.example.org", ROUTES_REMOTE, "a@mail.example.org" },
		{ NULL, ROUTES_LOCAL, NULL },
	};
	struct routes *r;

	(void)state;
	put("control/me", "mail.example.org \nsecond line\n");
	assert_int_equal(routes_new(&r), 0);
	check(r, with_me);
	routes_destroy(&r);

	put("control/locals", "");
	assert_int_equal(routes_new(&r), 0);
	check(r, with_empty);
	routes_destroy(&r);

	assert_int_equal(unlink("control/me"), 0);
	put("control/locals", "b");
	assert_int_equal(routes_new(&r), 0);
	check(r, with_locals);
	routes_destroy(&r);
}

static void
test_reread(void **state)
{
	static const struct row before[] = {
		{ "a@old", ROUTES_LOCAL, "a@old" },
		{ "a@virt", ROUTES_LOCAL, "v-a@virt" },
		{ NULL, ROUTES_LOCAL, NULL },
	};
	static const struct row after[] = {
		{ "a@old", ROUTES_REMOTE, "a@old" },
		{ "a@virt", ROUTES_REMOTE, "a@virt" },
		{ "a@new", ROUTES_LOCAL, "a@new" },
		/* me and envnoathost are as they were at start */
		{ "a", ROUTES_REMOTE, "a@first.me" },
		{ NULL, ROUTES_LOCAL, NULL },
	};
	static const struct row without[] = {
		{ "a@first.me", ROUTES_LOCAL, "a@first.me" },
		{ "a@new", ROUTES_REMOTE, "a@new" },
		{ NULL, ROUTES_LOCAL, NULL },
	};
	struct routes *r;
	const char *file;

	(void)state;
	put("control/me", "first.me\n");
	put("control/locals", "old\n");
	put("control/virtualdomains", "virt:v\n");
	assert_int_equal(routes_new(&r), 0);
	check(r, before);

	/* 48: nothing changes while one of them cannot be read */
	put("control/locals", "new\n");
	assert_int_equal(unlink("control/virtualdomains"), 0);
	assert_int_equal(mkdir("control/virtualdomains", 0755), 0);
	assert_true(routes_reread(r, &file) < 0);
	assert_string_equal(file, "virtualdomains");
	check(r, before);

	assert_int_equal(rmdir("control/virtualdomains"), 0);
	assert_int_equal(unlink("control/locals"), 0);
	assert_int_equal(mkdir("control/locals", 0755), 0);
	assert_true(routes_reread(r, &file) < 0);
	assert_string_equal(file, "locals");
	check(r, before);

	assert_int_equal(rmdir("control/locals"), 0);
	put("control/locals", "new\n");
	put("control/me", "second.me\n");
	assert_int_equal(routes_reread(r, &file), 0);
	check(r, after);

	assert_int_equal(unlink("control/locals"), 0);
	assert_int_equal(routes_reread(r, &file), 0);
	check(r, without);
	routes_destroy(&r);
}

#define SCRATCH(test) \
	cmocka_unit_test_setup_teardown(test, enter_scratch, leave_scratch)

/* Append "STEP key prepend address; " for each step. */
static void
note_step(void *ctx, const struct routes_found *f)
{
	static const char *const words[] = { [ROUTES_NOHOST] = "nohost",
		[ROUTES_PERCENT] = "percent",
		[ROUTES_LOCALS] = "locals",
		[ROUTES_ME] = "me",
		[ROUTES_VIRTUAL_ADDRESS] = "address",
		[ROUTES_VIRTUAL_DOMAIN] = "domain",
		[ROUTES_VIRTUAL_ENDING] = "ending",
		[ROUTES_VIRTUAL_ALL] = "all",
		[ROUTES_NOWHERE] = "nowhere" };
	struct buf *b = ctx;

	buf_puts(b, words[f->step]);
	buf_puts(b, " '");
	buf_put(b, f->key);
	buf_puts(b, "' '");
	buf_put(b, f->prepend);
	buf_puts(b, "' ");
	buf_put(b, f->address);
	buf_puts(b, ";");
}

static void
check_steps(const struct routes *r, const char *rcpt, const char *want)
{
	struct buf b = BUF_INIT(4096), steps = BUF_INIT(4096);
	struct buf plain = BUF_INIT(4096);

	buf_puts(&b, "kept");
	assert_int_equal(
	    routes_explain(r, span_cstr(rcpt), &b, note_step, &steps),
	    routes_apply(r, span_cstr(rcpt), &plain));
	/* the last step has the address that came out */
	assert_true(span_eq(span_tail(buf_span(&b), 4), buf_span(&plain)));
	if (!span_eq(buf_span(&steps), span_cstr(want)))
		fail_msg("%s: %.*s", rcpt, (int)steps.len, steps.p);
	buf_free(&b);
	buf_free(&plain);
	buf_free(&steps);
}

static void
test_explain(void **state)
{
	static const struct {
		const char *rcpt, *steps;
	} rows[] = {
		{ "a@Local.example", "locals 'Local.example' '' "
				     "a@Local.example;" },
		{ "a", "nohost '' '' a@noat.example;all '' 'alias-catch' "
		       "alias-catch-a@noat.example;" },
		{ "a%b%local.example@pct.example",
		    "percent 'pct.example' '' a%b@local.example;"
		    "percent 'local.example' '' a@b;"
		    "all '' 'alias-catch' alias-catch-a@b;" },
		{ "USER@vu.example", "address 'USER@vu.example' 'bob-vu' "
				     "bob-vu-USER@vu.example;" },
		{ "me@excl.example", "address 'me@excl.example' '' "
				     "me@excl.example;" },
		{ "a@virt.example", "domain 'virt.example' 'joe-v' "
				    "joe-v-a@virt.example;" },
		{ "a@b.wild.example", "ending '.wild.example' 'alias-w' "
				      "alias-w-a@b.wild.example;" },
		{ "a@x.nocatch.example", "ending '.nocatch.example' '' "
					 "a@x.nocatch.example;" },
	};
	struct routes *r;

	(void)state;
	put_oracle();
	assert_int_equal(routes_new(&r), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		check_steps(r, rows[i].rcpt, rows[i].steps);
	routes_destroy(&r);

	assert_int_equal(unlink("control/virtualdomains"), 0);
	assert_int_equal(unlink("control/locals"), 0);
	assert_int_equal(routes_new(&r), 0);
	check_steps(r, "a@b", "nowhere 'b' '' a@b;");
	check_steps(r, "a@mail.example.org",
	    "me 'mail.example.org' '' a@mail.example.org;");
	routes_destroy(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH(test_oracle),
		SCRATCH(test_explain),
		SCRATCH(test_strip),
		SCRATCH(test_nothing),
		SCRATCH(test_defaults),
		SCRATCH(test_reread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

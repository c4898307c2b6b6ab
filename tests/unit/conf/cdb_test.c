/*
 * cdb_test - constant databases, there and back
 *
 * The vectors in tests/conformance/cdb must come out byte for byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "conf/cdb.h"
#include "sys/file.h"

#define VECTORS "tests/conformance/cdb/"

struct rec {
	struct span key, value;
};

static const struct rec small[] = {
	{ { "one", 3 }, { "1", 1 } },
	{ { "two", 3 }, { "22", 2 } },
	{ { "one", 3 }, { "again", 5 } },
	{ { "", 0 }, { "empty key", 9 } },
	{ { "\0bin\xff", 5 }, { "\0\1", 2 } },
	{ { "user@example.org", 16 }, { "maildir:/var/mail/u", 19 } },
};

/* Each test works in a folder of its own; the vectors are linked there. */
struct place {
	char dir[64];
	char back[4096];
};

static int
setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	assert_non_null(getcwd(p->back, sizeof(p->back)));
	(void)snprintf(p->dir, sizeof(p->dir), "/tmp/cdb_test.XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	assert_int_equal(chdir(p->dir), 0);
	*state = p;
	return 0;
}

static int
teardown(void **state)
{
	struct place *p = *state;

	(void)unlink("x.cdb");
	(void)unlink("x.tmp");
	assert_int_equal(chdir(p->back), 0);
	assert_int_equal(rmdir(p->dir), 0);
	free(p);
	return 0;
}

static struct buf
content(const char *path)
{
	struct buf b = BUF_INIT(1024 * 1024);

	assert_int_equal(file_read(FILE_CWD, path, &b), 0);
	return b;
}

/* x.cdb is the vector of that name. */
static void
same_as(const struct place *p, const char *name)
{
	char path[8192];
	struct buf got = content("x.cdb"), want;

	(void)snprintf(path, sizeof(path), "%s/" VECTORS "%s", p->back, name);
	want = content(path);
	assert_true(span_eq(buf_span(&got), buf_span(&want)));
	buf_free(&got);
	buf_free(&want);
}

static void
make(const struct rec *recs, size_t n)
{
	struct cdbmake *m = NULL;

	assert_int_equal(cdbfile_make("x.tmp", &m), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(cdbfile_add(m, recs[i].key, recs[i].value), 0);
	assert_int_equal(cdbfile_finish(m), 0);
	assert_int_equal(cdbfile_publish(m, "x.cdb"), 0);
	cdbfile_discard(&m);
	assert_null(m);
	cdbfile_discard(&m);
	assert_int_equal(access("x.tmp", F_OK), -1);
}

static void
test_vectors(void **state)
{
	struct stat st;

	(void)umask(077);
	make(NULL, 0);
	same_as(*state, "empty.cdb");
	make(small, sizeof(small) / sizeof(*small));
	same_as(*state, "small.cdb");
	assert_int_equal(stat("x.cdb", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
}

static void
test_thousand(void **state)
{
	struct cdbmake *m = NULL;
	struct cdbfile *c = NULL;

	assert_int_equal(cdbfile_make("x.tmp", &m), 0);
	for (int i = 0; i < 1000; i++) {
		char key[16], value[32];

		(void)snprintf(key, sizeof(key), "key%d", i);
		(void)snprintf(value, sizeof(value), "value-%d", i * i);
		assert_int_equal(
		    cdbfile_add(m, span_cstr(key), span_cstr(value)), 0);
	}
	assert_int_equal(cdbfile_finish(m), 0);
	assert_int_equal(cdbfile_publish(m, "x.cdb"), 0);
	cdbfile_discard(&m);
	same_as(*state, "thousand.cdb");

	assert_int_equal(cdbfile_open("x.cdb", &c), 0);
	for (int i = 0; i < 1000; i++) {
		char key[16], want[32];
		struct span value;

		(void)snprintf(key, sizeof(key), "key%d", i);
		(void)snprintf(want, sizeof(want), "value-%d", i * i);
		assert_int_equal(cdbfile_find(c, span_cstr(key), &value), 0);
		assert_true(span_eq(value, span_cstr(want)));
	}
	cdbfile_close(&c);
	assert_null(c);
	cdbfile_close(&c);
}

static void
test_find(void **state)
{
	static const struct {
		const char *name;
		struct span key;
		int r;
		struct span value;
	} rows[] = {
		{ "the first of two", { "one", 3 }, 0, { "1", 1 } },
		{ "empty key", { "", 0 }, 0, { "empty key", 9 } },
		{ "bytes", { "\0bin\xff", 5 }, 0, { "\0\1", 2 } },
		{ "case counts", { "ONE", 3 }, E_ABSENT, { "", 0 } },
		{ "a beginning", { "tw", 2 }, E_ABSENT, { "", 0 } },
		{ "longer", { "two\0", 4 }, E_ABSENT, { "", 0 } },
	};
	struct cdbfile *c = NULL;

	(void)state;
	make(small, sizeof(small) / sizeof(*small));
	assert_int_equal(cdbfile_open("x.cdb", &c), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct span value = SPAN("");
		int r = cdbfile_find(c, rows[i].key, &value);

		if (r != rows[i].r || !span_eq(value, rows[i].value))
			fail_msg("%s: %d", rows[i].name, r);
	}
	/* replacing the file does not touch who has it open */
	make(NULL, 0);
	{
		struct span value;

		assert_int_equal(cdbfile_find(c, SPAN("two"), &value), 0);
	}
	cdbfile_close(&c);
}

static void
test_not_a_cdb(void **state)
{
	struct cdbfile *c = NULL;
	struct span value;
	char junk[5000];

	(void)state;
	assert_int_equal(cdbfile_open("x.cdb", &c), E_ABSENT);
	assert_int_equal(file_publish(FILE_CWD, "x.cdb", SPAN(""), 0600), 0);
	assert_int_equal(cdbfile_open("x.cdb", &c), E_DAMAGED);
	assert_int_equal(
	    file_publish(FILE_CWD, "x.cdb", SPAN("junk"), 0600), 0);
	assert_int_equal(cdbfile_open("x.cdb", &c), E_DAMAGED);
	assert_true(cdbfile_open(".", &c) < 0);
	/* long enough, and every pointer in it points outside */
	memset(junk, 0xee, sizeof(junk));
	assert_int_equal(file_publish(FILE_CWD, "x.cdb",
			     (struct span){ junk, sizeof(junk) }, 0600),
	    0);
	assert_int_equal(cdbfile_open("x.cdb", &c), 0);
	assert_int_equal(cdbfile_find(c, SPAN("one"), &value), E_DAMAGED);
	assert_int_equal(cdbfile_find(c, SPAN(""), &value), E_DAMAGED);
	cdbfile_close(&c);
}

/* Every length a copy could be cut to: found right, or seen, no crash. */
static void
test_cut_short(void **state)
{
	struct buf whole;

	(void)state;
	make(small, sizeof(small) / sizeof(*small));
	whole = content("x.cdb");
	for (size_t n = 0; n < whole.len; n++) {
		struct cdbfile *c = NULL;
		struct span value;
		int r;

		assert_int_equal(file_publish(FILE_CWD, "x.cdb",
				     span_head(buf_span(&whole), n), 0600),
		    0);
		r = cdbfile_open("x.cdb", &c);
		if (r == 0)
			r = cdbfile_find(c, SPAN("two"), &value);
		if (r == 0)
			assert_true(span_eq(value, SPAN("22")));
		else
			assert_true(r == E_DAMAGED || r == E_ABSENT);
		cdbfile_close(&c);
	}
	buf_free(&whole);
}

static void
test_one_at_a_time(void **state)
{
	struct cdbmake *a = NULL, *b = NULL;

	(void)state;
	make(small, 1);
	assert_int_equal(cdbfile_make("x.tmp", &a), 0);
	assert_int_equal(cdbfile_make("x.tmp", &b), E_BUSY);
	assert_null(b);
	/* given up: nothing of it stays, what was there does */
	assert_int_equal(cdbfile_add(a, SPAN("k"), SPAN("v")), 0);
	cdbfile_discard(&a);
	assert_int_equal(access("x.tmp", F_OK), -1);
	assert_int_equal(access("x.cdb", F_OK), 0);
	/* what a crash left is used again */
	assert_int_equal(
	    file_publish(FILE_CWD, "x.tmp", SPAN("left behind"), 0600), 0);
	make(small, sizeof(small) / sizeof(*small));
	same_as(*state, "small.cdb");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_vectors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_thousand, setup, teardown),
		cmocka_unit_test_setup_teardown(test_find, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_not_a_cdb, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_cut_short, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_one_at_a_time, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

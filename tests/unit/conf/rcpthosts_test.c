/*
 * rcpthosts_test - which domains are ours
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
#include "conf/cdb.h"
#include "conf/rcpthosts.h"
#include "sys/file.h"

/* A scratch directory with an empty control/, to work in. */
static int
enter_scratch(void **state)
{
	char *dir = strdup("/tmp/rcpthosts_test.XXXXXX");

	*state = dir;
	return dir == NULL || mkdtemp(dir) == NULL || chdir(dir) < 0 ||
	       mkdir("control", 0755) < 0;
}

static int
leave_scratch(void **state)
{
	static const char *const files[] = { "control/rcpthosts",
		"control/morercpthosts.cdb" };

	for (size_t i = 0; i < 2; i++)
		(void)unlink(files[i]);
	(void)rmdir("control");
	if (chdir("/") < 0)
		return 1;
	(void)rmdir(*state);
	free(*state);
	return 0;
}

static void
write_list(struct span content)
{
	assert_int_equal(
	    file_publish(FILE_CWD, "control/rcpthosts", content, 0644), 0);
}

static void
write_cdb(const char *const *keys)
{
	struct cdbmake *m;

	assert_int_equal(cdbfile_make("control/new.tmp", &m), 0);
	for (; *keys != NULL; keys++)
		assert_int_equal(cdbfile_add(m, span_cstr(*keys), SPAN("")), 0);
	assert_int_equal(cdbfile_finish(m), 0);
	assert_int_equal(cdbfile_publish(m, "control/morercpthosts.cdb"), 0);
	cdbfile_discard(&m);
}

struct row {
	const char *address;
	bool is_ours;
};

static void
check(const struct row *rows)
{
	struct rcpthosts *h;

	assert_int_equal(rcpthosts_open(&h), 0);
	for (; rows->address != NULL; rows++) {
		bool yes = !rows->is_ours;

		assert_int_equal(
		    rcpthosts_has(h, span_cstr(rows->address), &yes), 0);
		if (yes != rows->is_ours)
			fail_msg("%s", rows->address);
	}
	rcpthosts_close(&h);
	assert_null(h);
	rcpthosts_close(&h);
}

static void
test_absent(void **state)
{
	struct rcpthosts *h;

	(void)state;
	assert_int_equal(rcpthosts_open(&h), E_ABSENT);
	assert_null(h);
}

/* edges S33 */
static void
test_empty(void **state)
{
	static const struct row rows[] = { { "a@b", false }, { "a", true },
		{ NULL, false } };

	(void)state;
	write_list(SPAN(""));
	check(rows);
}

/* edges S1, S14, S15 and 1.5 */
static void
test_list(void **state)
{
	static const struct row rows[] = { { "u@example.org", true },
		{ "u@EXAMPLE.Org", true }, { "u@other", false },
		{ "u@x.sub.example.org", true },
		{ "u@y.x.sub.example.org", true },
		{ "u@sub.example.org", false }, { "u@example.org.", false },
		{ "u@x.example.org", false }, { "u@xexample.org", false },
		{ "u@evil@example.org", true }, { "u@example.org@evil", false },
		{ "u@", false }, { "u@.", false }, { NULL, false } };

	(void)state;
	write_list(SPAN("example.org\n.sub.example.org\n"));
	check(rows);
}

/* edges S34 */
static void
test_cdb(void **state)
{
	static const char *const keys[] = { "more.org", ".wild.org", NULL };
	static const struct row rows[] = { { "a@more.ORG", true },
		{ "a@x.wild.org", true }, { "a@wild.org", false },
		{ "a@ex.org", true }, { "a@x.more.org", false },
		{ NULL, false } };

	(void)state;
	write_list(SPAN("Ex.org  \n"));
	write_cdb(keys);
	check(rows);
}

static void
test_damaged_cdb(void **state)
{
	struct rcpthosts *h;

	(void)state;
	write_list(SPAN("ex.org\n"));
	assert_int_equal(file_publish(FILE_CWD, "control/morercpthosts.cdb",
			     SPAN("too short"), 0644),
	    0);
	assert_int_equal(rcpthosts_open(&h), E_DAMAGED);
	assert_null(h);
}

#define SCRATCH(test) \
	cmocka_unit_test_setup_teardown(test, enter_scratch, leave_scratch)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH(test_absent),
		SCRATCH(test_empty),
		SCRATCH(test_list),
		SCRATCH(test_cdb),
		SCRATCH(test_damaged_cdb),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

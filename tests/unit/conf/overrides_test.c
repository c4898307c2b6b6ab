/*
 * overrides_test - control/routeoverrides: lines, files, times
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "conf/overrides.h"
#include "conf/smtproutes.h"
#include "sys/file.h"

static const struct row {
	const char *line;
	int r;
	int64_t until;
	const char *domain, *route;
} rows[] = {
	{ "", E_ABSENT, 0, "", "" },
	{ " \t", E_ABSENT, 0, "", "" },
	{ "# 5 a:b", E_ABSENT, 0, "", "" },
	{ "5 a.test:relay", 0, 5, "a.test", "relay" },
	{ "5 a.test:relay \t", 0, 5, "a.test", "relay" },
	{ "5 .a.test:relay:26", 0, 5, ".a.test", "relay:26" },
	{ "5 :relay", 0, 5, "", "relay" },
	{ "5 a.test:", 0, 5, "a.test", "" },
	{ "5 :", 0, 5, "", "" },
	{ "5 a.test:[::1]:26", 0, 5, "a.test", "[::1]:26" },
	{ "5 a.test:::1", 0, 5, "a.test", "::1" },
	{ "5 a.test:relay;26", 0, 5, "a.test", "relay;26" },
	{ "0 a:b", 0, 0, "a", "b" },
	{ "9223372036854775807 a:b", 0, INT64_MAX, "a", "b" },
	{ "9223372036854775808 a:b", E_SYNTAX, 0, "", "" },
	{ "5", E_SYNTAX, 0, "", "" },
	{ "5 ", E_SYNTAX, 0, "", "" },
	{ "5 a.test", E_SYNTAX, 0, "", "" },
	{ "5a.test:relay", E_SYNTAX, 0, "", "" },
	{ "a.test:relay", E_SYNTAX, 0, "", "" },
	{ "-5 a.test:relay", E_SYNTAX, 0, "", "" },
	{ " 5 a.test:relay", E_SYNTAX, 0, "", "" },
	{ "5  a.test:relay", E_SYNTAX, 0, "", "" },
	{ "5\ta.test:relay", E_SYNTAX, 0, "", "" },
	{ "5 a.test :relay", E_SYNTAX, 0, "", "" },
	{ "5 a.test: relay", E_SYNTAX, 0, "", "" },
	{ "5 a.test:relay 26", E_SYNTAX, 0, "", "" },
	{ "5 a.test:relay:0", E_SYNTAX, 0, "", "" },
	{ "5 a.test:relay:x", E_SYNTAX, 0, "", "" },
	{ "5 a.test:relay:65536", E_SYNTAX, 0, "", "" },
	{ "5 a.test::26", E_SYNTAX, 0, "", "" },
	{ "5 a.test:r\xc3\xa9lay", E_SYNTAX, 0, "", "" },
	{ "5 a\x01.test:relay", E_SYNTAX, 0, "", "" },
};

static void
test_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct row *row = &rows[i];
		struct override o = { .until = -1 };
		int r = override_parse(span_cstr(row->line), &o);

		if (r != row->r)
			fail_msg("'%s': %d", row->line, r);
		if (r < 0)
			continue;
		if (o.until != row->until ||
		    !span_eq(o.domain, span_cstr(row->domain)) ||
		    !span_eq(o.route, span_cstr(row->route)))
			fail_msg("'%s': %.*s:%.*s", row->line,
			    (int)o.domain.len, o.domain.p, (int)o.route.len,
			    o.route.p);
	}
}

/* A folder with a control/ in it. */
static int
enter(void **state)
{
	static char path[] = "/tmp/overrides_test.XXXXXX";

	*state = path;
	return mkdtemp(path) == NULL || chdir(path) < 0 ||
	       mkdir("control", 0755) < 0;
}

static int
leave(void **state)
{
	(void)unlink(OVERRIDES_FILE);
	return rmdir("control") < 0 || chdir("/") < 0 || rmdir(*state) < 0;
}

static void
write_file(const char *text)
{
	assert_int_equal(
	    file_publish(FILE_CWD, OVERRIDES_FILE, span_cstr(text), 0644), 0);
}

static void
assert_route(const struct map *m, const char *host, const char *want)
{
	struct span value = SPAN("");
	bool found = route_find(m, span_cstr(host), SPAN("s@x"), &value);

	if (found != (want != NULL) ||
	    (found && !span_eq(value, span_cstr(want))))
		fail_msg("%s: %.*s", host, (int)value.len, value.p);
}

static void
test_file(void **state)
{
	struct map *m = NULL;
	int64_t end = 0;
	size_t line = 7;

	(void)state;
	assert_int_equal(overrides_read(100, &m, &end, &line), 0);
	assert_int_equal(map_size(m), 0);
	assert_true(end == INT64_MAX);
	assert_int_equal(line, 0);
	map_destroy(&m);

	write_file("# for the move\n"
		   "\n"
		   "300 a.test:one\n"
		   "200 .a.test:\n"
		   "100 b.test:over\n"
		   "400 C.test:two:26\n"
		   "101 c.test:three\n"
		   /* what has ended does not replace what has not */
		   "50 c.test:four");
	assert_int_equal(overrides_read(100, &m, &end, &line), 0);
	assert_int_equal(map_size(m), 3);
	assert_true(end == 101);
	assert_route(m, "A.test", "one");
	assert_route(m, "x.a.test", "");
	assert_route(m, "b.test", NULL);
	assert_route(m, "c.test", "three");
	map_destroy(&m);

	assert_int_equal(overrides_read(101, &m, &end, &line), 0);
	assert_route(m, "c.test", "two:26");
	assert_true(end == 200);
	map_destroy(&m);
}

static void
test_bad_file(void **state)
{
	struct map *m = NULL;
	int64_t end = 5;
	size_t line = 0;

	(void)state;
	/* even what has ended must make sense */
	write_file("300 a.test:one\n# x\n200 a.test\n100 b.test:x\n");
	assert_int_equal(overrides_read(250, &m, &end, &line), E_SYNTAX);
	assert_int_equal(line, 3);
	assert_null(m);
	assert_true(end == 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_bad_file),
	};

	return cmocka_run_group_tests(tests, enter, leave);
}

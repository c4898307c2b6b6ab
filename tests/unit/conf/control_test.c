/*
 * control_test - which line of a control file counts
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
#include "conf/control.h"
#include "sys/file.h"

static int
enter_scratch(void **state)
{
	char *dir = strdup("/tmp/control_test.XXXXXX");

	*state = dir;
	return dir == NULL || mkdtemp(dir) == NULL || chdir(dir) < 0 ||
	       mkdir("control", 0755) < 0 || mkdir("users", 0755) < 0;
}

static int
leave_scratch(void **state)
{
	(void)unlink("control/x");
	(void)unlink("users/x");
	(void)rmdir("control");
	(void)rmdir("users");
	if (chdir("/") < 0)
		return 1;
	(void)rmdir(*state);
	free(*state);
	return 0;
}

/* The line found; 0: none. */
static size_t
line_of(bool is_table, const char *name, const char *key)
{
	size_t line = 1;
	int r = is_table ? control_table_line(name, span_cstr(key), &line)
			 : control_set_line(name, span_cstr(key), &line);

	assert_true(r == 0 || (r == E_ABSENT && line == 0));
	return line;
}

static void
test_lines(void **state)
{
	static const char text[] = "# a\n\na \t\nB:1\n#b:2\nb:3\n:4\nc\n\nA";

	(void)state;
	assert_int_equal(
	    file_publish(FILE_CWD, "control/x", span_cstr(text), 0644), 0);
	/* the last one, whatever the case */
	assert_int_equal(line_of(false, "x", "a"), 10);
	assert_int_equal(line_of(false, "x", "b:1"), 4);
	assert_int_equal(line_of(false, "x", "b"), 0);
	assert_int_equal(line_of(false, "x", ""), 0);
	assert_int_equal(line_of(false, "x", "# a"), 0);
	assert_int_equal(line_of(true, "x", "B"), 6);
	assert_int_equal(line_of(true, "x", ""), 7);
	assert_int_equal(line_of(true, "x", "c"), 0);
	assert_int_equal(line_of(true, "x", "#b"), 0);
	assert_int_equal(line_of(true, "absent", "a"), 0);
}

/* A name with a slash is a path. */
static void
test_paths(void **state)
{
	struct map *m = NULL;

	(void)state;
	assert_int_equal(
	    file_publish(FILE_CWD, "users/x", SPAN("a\n"), 0644), 0);
	assert_int_equal(control_set("users/x", &m), 0);
	assert_true(map_get(m, SPAN("A"), NULL));
	map_destroy(&m);
	assert_int_equal(line_of(false, "users/x", "a"), 1);
	assert_int_equal(control_set("x", &m), E_ABSENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_lines, enter_scratch, leave_scratch),
		cmocka_unit_test_setup_teardown(
		    test_paths, enter_scratch, leave_scratch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

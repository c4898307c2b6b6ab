/*
 * buf_test - bounds, sticky failure, and bugs that abort
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"

static void
test_bounds(void **state)
{
	static const struct {
		const char *name;
		size_t max;
		struct span put;
		int err;
		size_t len;
	} rows[] = {
		{ "nothing into nothing", 0, { NULL, 0 }, 0, 0 },
		{ "one into nothing", 0, { "a", 1 }, E_TOOBIG, 0 },
		{ "one below", 3, { "ab", 2 }, 0, 2 },
		{ "the bound", 3, { "abc", 3 }, 0, 3 },
		{ "one above", 3, { "abcd", 4 }, E_TOOBIG, 0 },
		{ "no bound", SIZE_MAX, { "abc", 3 }, 0, 3 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct buf b = BUF_INIT(rows[i].max);

		buf_put(&b, rows[i].put);
		if (buf_err(&b) != rows[i].err || b.len != rows[i].len)
			fail_msg("%s", rows[i].name);
		buf_free(&b);
		buf_free(&b);
	}
}

static void
test_failure_is_sticky(void **state)
{
	struct buf b = BUF_INIT(3);
	const char *p;

	(void)state;
	buf_puts(&b, "abcd");
	buf_putc(&b, 'x');
	assert_int_equal(buf_err(&b), E_TOOBIG);
	assert_null(buf_room(&b, 1));
	assert_int_equal(buf_cstr(&b, &p), E_TOOBIG);
	buf_reset(&b);
	buf_puts(&b, "xyz");
	assert_int_equal(buf_err(&b), 0);
	assert_true(span_eq(buf_span(&b), SPAN("xyz")));
	buf_free(&b);
}

static void
test_undo(void **state)
{
	struct buf b = BUF_INIT(5);

	(void)state;
	buf_puts(&b, "abc");
	buf_puts(&b, "d");
	buf_puts(&b, "efg");
	assert_int_equal(buf_err(&b), E_TOOBIG);
	buf_undo(&b, 3);
	assert_int_equal(buf_err(&b), 0);
	assert_true(span_eq(buf_span(&b), SPAN("abc")));
	buf_puts(&b, "xy");
	assert_true(span_eq(buf_span(&b), SPAN("abcxy")));
	buf_free(&b);
}

static void
test_numbers(void **state)
{
	struct buf b = BUF_INIT(1000);

	(void)state;
	buf_putu(&b, 0);
	buf_putc(&b, ' ');
	buf_putu(&b, UINTMAX_MAX);
	buf_putc(&b, ' ');
	buf_puthex(&b, 0, 0);
	buf_putc(&b, ' ');
	buf_puthex(&b, 0xabc, 5);
	buf_putc(&b, ' ');
	buf_puthex(&b, UINT64_MAX, 3);
	buf_putc(&b, ' ');
	buf_puthex(&b, 1, 99);
	assert_true(span_eq(buf_span(&b),
	    SPAN("0 18446744073709551615 0 00abc ffffffffffffffff "
		 "0000000000000001")));
	buf_free(&b);
}

static void
test_cstr(void **state)
{
	struct buf b = BUF_INIT(3);
	const char *p;

	(void)state;
	assert_int_equal(buf_cstr(&b, &p), 0);
	assert_string_equal(p, "");
	buf_puts(&b, "abc");
	assert_int_equal(buf_cstr(&b, &p), 0);
	assert_string_equal(p, "abc");
	assert_int_equal(b.len, 3);
	buf_reset(&b);
	buf_put(&b, SPAN("a\0b"));
	assert_int_equal(buf_cstr(&b, &p), E_NUL);
	assert_int_equal(buf_err(&b), 0);
	buf_free(&b);
}

static void
test_growth_keeps_bytes(void **state)
{
	struct buf b = BUF_INIT(100000);

	(void)state;
	for (size_t i = 0; i < 100000; i++)
		buf_putc(&b, (char)(i * 7));
	assert_int_equal(buf_err(&b), 0);
	for (size_t i = 0; i < 100000; i++)
		assert_true(b.p[i] == (char)(i * 7));
	buf_putc(&b, 'x');
	assert_int_equal(buf_err(&b), E_TOOBIG);
	buf_free(&b);
}

static void
test_room_cut_drop(void **state)
{
	struct buf b = BUF_INIT(8);
	char *p = buf_room(&b, 8);

	(void)state;
	assert_non_null(p);
	for (size_t i = 0; i < 5; i++)
		p[i] = (char)('a' + i);
	buf_grew(&b, 5);
	buf_cut(&b, 5);
	buf_cut(&b, 4);
	buf_drop(&b, 0);
	buf_drop(&b, 1);
	assert_true(span_eq(buf_span(&b), SPAN("bcd")));
	buf_drop(&b, 3);
	assert_int_equal(buf_span(&b).len, 0);
	assert_null(buf_room(&b, 9));
	assert_int_equal(buf_err(&b), E_TOOBIG);
	buf_free(&b);
}

static void
read_failed(void)
{
	struct buf b = BUF_INIT(0);

	buf_putc(&b, 'x');
	(void)buf_span(&b);
}

static void
grow_too_far(void)
{
	struct buf b = BUF_INIT(3);

	if (buf_room(&b, 3) != NULL)
		buf_grew(&b, 4);
}

static void
cut_too_far(void)
{
	struct buf b = BUF_INIT(3);

	buf_cut(&b, 1);
}

static void
drop_too_far(void)
{
	struct buf b = BUF_INIT(3);

	buf_drop(&b, 1);
}

static void
test_bugs_abort(void **state)
{
	static const struct {
		const char *name;
		void (*bug)(void);
	} rows[] = {
		{ "read a failed buf", read_failed },
		{ "grow beyond the room", grow_too_far },
		{ "cut beyond the end", cut_too_far },
		{ "drop beyond the end", drop_too_far },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct rlimit none = { 0, 0 };
		int status;
		pid_t pid = fork();

		if (pid == 0) {
			(void)setrlimit(RLIMIT_CORE, &none);
			(void)signal(SIGABRT, SIG_DFL);
			rows[i].bug();
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
			fail_msg("%s", rows[i].name);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_failure_is_sticky),
		cmocka_unit_test(test_undo),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_cstr),
		cmocka_unit_test(test_growth_keeps_bytes),
		cmocka_unit_test(test_room_cut_drop),
		cmocka_unit_test(test_bugs_abort),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

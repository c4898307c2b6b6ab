/*
 * log_test - lines as they arrive on descriptor 2
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "sys/fd.h"
#include "sys/log.h"
#include "sys/prog.h"

struct capture {
	int ends[2];
	int saved;
};

static void
capture_begin(struct capture *c)
{
	assert_int_equal(fd_pipe(c->ends), 0);
	c->saved = dup(2);
	assert_true(c->saved >= 0);
	assert_int_equal(dup2(c->ends[1], 2), 2);
	fd_close(&c->ends[1]);
}

static void
capture_end(struct capture *c, struct buf *b)
{
	assert_int_equal(dup2(c->saved, 2), 2);
	fd_close(&c->saved);
	assert_int_equal(fd_read_all(c->ends[0], b), 0);
	fd_close(&c->ends[0]);
}

static void
test_lines(void **state)
{
	struct buf b = BUF_INIT(1000);
	struct capture c;

	(void)state;
	prog_start("log_test");
	capture_begin(&c);
	log_line("");
	log_line("two words");
	log_err("unable to x", err_of(12345));
	log_err("unable to y", E_NOMEM);
	capture_end(&c, &b);
	assert_true(span_eq(
	    buf_span(&b), SPAN("log_test: \n"
			       "log_test: two words\n"
			       "log_test: unable to x: unknown error\n"
			       "log_test: unable to y: out of memory\n")));
	buf_free(&b);
}

static void
test_long_line_is_cut(void **state)
{
	static char words[40000];
	struct buf b = BUF_INIT(50000);
	struct capture c;

	(void)state;
	memset(words, 'x', sizeof(words) - 1);
	prog_start("t");
	capture_begin(&c);
	log_line(words);
	capture_end(&c, &b);
	assert_int_equal(b.len, 3 + 32768 + 1);
	assert_int_equal(b.p[b.len - 1], '\n');
	buf_free(&b);
}

static void
test_safe(void **state)
{
	static const struct {
		const char *name;
		struct span text, want;
	} rows[] = {
		{ "nothing", { NULL, 0 }, { "", 0 } },
		{ "plain", { "a!~", 3 }, { "a!~", 3 } },
		{ "LF", { "a\nb", 3 }, { "a/b", 3 } },
		{ "percent", { "%s", 2 }, { "_s", 2 } },
		{ "blank, tab, CR", { " \t\r", 3 }, { "___", 3 } },
		{ "NUL and DEL", { "\0\x7f", 2 }, { "__", 2 } },
		{ "8-bit", { "\x80\xff", 2 }, { "__", 2 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct buf b = BUF_INIT(100);

		log_safe(&b, rows[i].text);
		if (!span_eq(buf_span(&b), rows[i].want))
			fail_msg("%s", rows[i].name);
		buf_free(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_long_line_is_cut),
		cmocka_unit_test(test_safe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

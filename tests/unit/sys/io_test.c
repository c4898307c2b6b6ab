/*
 * io_test - bytes lent, bytes gathered, failures kept
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/io.h"

static void
test_in(void **state)
{
	static struct in i;
	struct span s;
	int ends[2];

	(void)state;
	assert_int_equal(fd_pipe(ends), 0);
	i = IN_INIT(ends[0], 0);
	assert_false(in_pending(&i));
	assert_int_equal(in_peek(&i, &s), E_TIMEOUT);
	assert_int_equal(fd_write(ends[1], SPAN("ab\0c"), FD_FOREVER), 0);
	assert_int_equal(in_peek(&i, &s), 0);
	assert_true(span_eq(s, SPAN("ab\0c")));
	in_skip(&i, 0);
	in_skip(&i, 1);
	assert_true(in_pending(&i));
	/* no reading while there is something at hand */
	assert_int_equal(fd_write(ends[1], SPAN("more"), FD_FOREVER), 0);
	assert_int_equal(in_peek(&i, &s), 0);
	assert_true(span_eq(s, SPAN("b\0c")));
	in_skip(&i, 99);
	assert_false(in_pending(&i));
	i.timeout_ms = FD_FOREVER;
	assert_int_equal(in_peek(&i, &s), 0);
	assert_true(span_eq(s, SPAN("more")));
	in_skip(&i, s.len);
	fd_close(&ends[1]);
	assert_int_equal(in_peek(&i, &s), 0);
	assert_int_equal(s.len, 0);
	assert_int_equal(in_peek(&i, &s), 0);
	assert_int_equal(s.len, 0);
	fd_close(&ends[0]);
	i.fd = -1;
	assert_true(err_is(in_peek(&i, &s), EBADF));
}

static void
test_out(void **state)
{
	struct buf b = BUF_INIT(100);
	struct out o;
	size_t got;
	int ends[2];

	(void)state;
	assert_int_equal(fd_pipe(ends), 0);
	o = OUT_INIT(ends[1], FD_FOREVER, 100);
	assert_int_equal(out_flush(&o), 0);
	out_puts(&o, "");
	out_puts(&o, "250 ");
	out_put(&o, SPAN("ok\r\n"));
	assert_int_equal(fd_wait_in(ends[0], clock_ms()), E_TIMEOUT);
	assert_int_equal(out_flush(&o), 0);
	assert_int_equal(fd_read_buf(ends[0], &b, 100, clock_ms(), &got), 0);
	assert_true(span_eq(buf_span(&b), SPAN("250 ok\r\n")));
	assert_int_equal(out_flush(&o), 0);
	assert_int_equal(fd_wait_in(ends[0], clock_ms()), E_TIMEOUT);
	out_free(&o);
	out_free(&o);
	fd_close(&ends[0]);
	fd_close(&ends[1]);
	buf_free(&b);
}

/* In order, whatever the sizes of the pieces. */
static void
test_out_order(void **state)
{
	static char much[20000];
	struct buf b = BUF_INIT(100000);
	struct out o;
	int ends[2];

	(void)state;
	for (size_t i = 0; i < sizeof(much); i++)
		much[i] = (char)('a' + i % 26);
	assert_int_equal(fd_pipe(ends), 0);
	o = OUT_INIT(ends[1], 60000, 20000);
	out_puts(&o, "<");
	out_put(&o, (struct span){ much, 16384 });
	out_puts(&o, "|");
	out_put(&o, (struct span){ much, sizeof(much) });
	out_puts(&o, ">");
	assert_int_equal(out_flush(&o), 0);
	fd_close(&ends[1]);
	assert_int_equal(fd_read_all(ends[0], &b), 0);
	assert_int_equal(b.len, 3 + 16384 + sizeof(much));
	assert_int_equal(b.p[0], '<');
	assert_memory_equal(b.p + 1, much, 16384);
	assert_int_equal(b.p[16385], '|');
	assert_memory_equal(b.p + 16386, much, sizeof(much));
	assert_int_equal(b.p[b.len - 1], '>');
	fd_close(&ends[0]);
	out_free(&o);
	buf_free(&b);
}

static void
test_out_keeps_failure(void **state)
{
	struct out o;
	int ends[2];

	(void)state;
	assert_int_equal(fd_pipe(ends), 0);
	o = OUT_INIT(ends[1], 1000, 3);
	out_puts(&o, "ab");
	out_puts(&o, "cd"); /* over its bound */
	assert_int_equal(out_flush(&o), E_TOOBIG);
	out_puts(&o, "x");
	assert_int_equal(out_flush(&o), E_TOOBIG);
	assert_int_equal(fd_wait_in(ends[0], clock_ms()), E_TIMEOUT);
	out_free(&o);

	fd_close(&ends[0]);
	o = OUT_INIT(ends[1], 1000, 100);
	out_puts(&o, "x");
	assert_true(err_is(out_flush(&o), EPIPE));
	fd_close(&ends[1]);
	out_puts(&o, "x");
	assert_true(err_is(out_flush(&o), EPIPE));
	out_free(&o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in),
		cmocka_unit_test(test_out),
		cmocka_unit_test(test_out_order),
		cmocka_unit_test(test_out_keeps_failure),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

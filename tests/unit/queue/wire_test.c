/*
 * wire_test, also of job: frames there and back, cut short, too long
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "queue/job.h"
#include "queue/wire.h"

static void
test_fields(void **state)
{
	struct buf b = BUF_INIT(1000);
	struct span in;
	struct frame f;
	size_t at;

	(void)state;
	at = wire_begin(&b, WIRE_SUBMIT);
	wire_put_u32(&b, 0x01020304);
	wire_put_u64(&b, UINT64_MAX);
	wire_put_bytes(&b, SPAN("a\0b"));
	wire_put_bytes(&b, SPAN(""));
	wire_end(&b, at);
	in = buf_span(&b);
	assert_int_equal(wire_next(&in, 1000, &f), 0);
	assert_int_equal(in.len, 0);
	assert_int_equal(f.type, WIRE_SUBMIT);
	assert_int_equal(wire_get_u32(&f), 0x01020304);
	assert_true(wire_get_u64(&f) == UINT64_MAX);
	assert_true(span_eq(wire_get_bytes(&f), SPAN("a\0b")));
	assert_int_equal(wire_get_bytes(&f).len, 0);
	assert_int_equal(wire_err(&f), 0);
	/* sticky from here on */
	assert_int_equal(wire_get_u32(&f), 0);
	assert_int_equal(wire_err(&f), E_SYNTAX);
	buf_free(&b);
}

static void
test_every_prefix_is_incomplete(void **state)
{
	struct buf b = BUF_INIT(1000);
	struct frame f;
	size_t at;

	(void)state;
	at = wire_begin(&b, WIRE_ASK);
	wire_put_bytes(&b, SPAN("joe"));
	wire_end(&b, at);
	for (size_t n = 0; n < b.len; n++) {
		struct span in = span_head(buf_span(&b), n);

		assert_int_equal(wire_next(&in, 1000, &f), E_EOF);
		assert_int_equal(in.len, n);
	}
	buf_free(&b);
}

static void
test_bad_heads(void **state)
{
	static const struct {
		const char *name;
		struct span bytes;
		int want;
	} rows[] = {
		{ "length 0", { "\0\0\0\0\1\1", 6 }, E_SYNTAX },
		{ "length 1", { "\1\0\0\0\1\1", 6 }, E_SYNTAX },
		{ "version 2", { "\2\0\0\0\2\1", 6 }, E_SYNTAX },
		{ "type 0", { "\2\0\0\0\1\0", 6 }, E_SYNTAX },
		{ "type 13", { "\2\0\0\0\1\15", 6 }, E_SYNTAX },
		{ "too long", { "\xff\xff\xff\xff\1\1", 6 }, E_TOOBIG },
		{ "no fields", { "\2\0\0\0\1\1", 6 }, 0 },
	};
	struct frame f;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct span in = rows[i].bytes;

		if (wire_next(&in, 1000, &f) != rows[i].want)
			fail_msg("%s", rows[i].name);
	}
}

static void
test_job(void **state)
{
	struct job j = { .number = 7,
		.id = 1795483621078897U,
		.sender = SPAN("a@b"),
		.nrcpt = 2 };
	struct job got;
	struct buf b = BUF_INIT(JOB_FRAME_MAX);
	struct span in;
	struct frame f;

	(void)state;
	j.rcpt[0] = (struct job_rcpt){ 3, SPAN("x@y") };
	j.rcpt[1] = (struct job_rcpt){ 9, SPAN("") };
	job_put(&b, &j);
	in = buf_span(&b);
	assert_int_equal(wire_next(&in, JOB_FRAME_MAX, &f), 0);
	assert_int_equal(job_get(&f, &got), 0);
	assert_int_equal(got.number, 7);
	assert_true(got.id == j.id);
	assert_int_equal(got.nrcpt, 2);
	assert_int_equal(got.rcpt[1].index, 9);
	assert_true(span_eq(got.rcpt[0].addr, SPAN("x@y")));
	buf_free(&b);
}

static void
test_job_of_too_many(void **state)
{
	struct buf b = BUF_INIT(1000);
	struct job got;
	struct span in;
	struct frame f;
	size_t at;

	(void)state;
	for (uint32_t n = 0; n <= JOB_RCPTS_MAX + 1; n += JOB_RCPTS_MAX + 1) {
		buf_reset(&b);
		at = wire_begin(&b, WIRE_JOB);
		wire_put_u32(&b, 1);
		wire_put_u64(&b, 1);
		wire_put_bytes(&b, SPAN("s"));
		wire_put_u32(&b, n);
		wire_end(&b, at);
		in = buf_span(&b);
		assert_int_equal(wire_next(&in, 1000, &f), 0);
		assert_int_equal(job_get(&f, &got), E_SYNTAX);
	}
	buf_free(&b);
}

static void
test_result_cuts_text(void **state)
{
	static char text[VERDICT_TEXT_MAX + 2];
	struct job j = { .number = 1, .nrcpt = 1 };
	struct result r, got;
	struct buf b = BUF_INIT(RESULT_FRAME_MAX);
	struct span in;
	struct frame f;

	(void)state;
	result_all(&r, &j, 'Z', (struct span){ text, sizeof(text) });
	result_put(&b, &r);
	in = buf_span(&b);
	assert_int_equal(wire_next(&in, RESULT_FRAME_MAX, &f), 0);
	assert_int_equal(result_get(&f, &got), 0);
	assert_int_equal(got.n, 1);
	assert_int_equal(got.verdict[0].letter, 'Z');
	assert_int_equal(got.verdict[0].text.len, VERDICT_TEXT_MAX);
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_every_prefix_is_incomplete),
		cmocka_unit_test(test_bad_heads),
		cmocka_unit_test(test_job),
		cmocka_unit_test(test_job_of_too_many),
		cmocka_unit_test(test_result_cuts_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

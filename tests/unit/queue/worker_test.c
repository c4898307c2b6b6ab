/*
 * worker_test - orders for qmail-lspawn, and what it tells
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "queue/wire.h"
#include "queue/worker.h"

static void
test_orders(void **state)
{
	static const struct worker_order rows[] = {
		{ true, 0, 1, 1 },
		{ true, WORKERS_MAX - 1, UINT32_MAX, UINT32_MAX },
		{ false, 0, 0, 0 },
		{ false, WORKERS_MAX - 1, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct buf b = BUF_INIT(WORKER_FRAME_MAX);
		struct worker_order o;
		struct worker_end e;

		worker_order_put(&b, &rows[i]);
		assert_int_equal(worker_order_get(buf_span(&b), &o), 0);
		assert_int_equal(o.is_start, rows[i].is_start);
		assert_int_equal(o.slot, rows[i].slot);
		assert_int_equal(o.uid, rows[i].uid);
		assert_int_equal(o.gid, rows[i].gid);
		assert_int_equal(worker_end_get(buf_span(&b), &e), E_SYNTAX);
		/* not whole, and more than whole */
		for (size_t n = 0; n < b.len; n++)
			assert_int_equal(
			    worker_order_get(span_head(buf_span(&b), n), &o),
			    E_SYNTAX);
		buf_putc(&b, '\0');
		assert_int_equal(worker_order_get(buf_span(&b), &o), E_SYNTAX);
		buf_free(&b);
	}
}

static void
test_ends(void **state)
{
	static const struct worker_end rows[] = {
		{ 0, WORKER_EXITED, 0 },
		{ 5, WORKER_KILLED, 9 },
		{ WORKERS_MAX - 1, WORKER_NOFORK, UINT32_MAX },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct buf b = BUF_INIT(WORKER_FRAME_MAX);
		struct worker_order o;
		struct worker_end e;

		worker_end_put(&b, &rows[i]);
		assert_int_equal(worker_end_get(buf_span(&b), &e), 0);
		assert_int_equal(e.slot, rows[i].slot);
		assert_int_equal(e.how, rows[i].how);
		assert_int_equal(e.value, rows[i].value);
		assert_int_equal(worker_order_get(buf_span(&b), &o), E_SYNTAX);
		buf_free(&b);
	}
}

/* A slot or a word that cannot be. */
static void
test_out_of_range(void **state)
{
	static const struct {
		enum wire_type type;
		uint32_t field[3];
	} rows[] = {
		{ WIRE_START, { WORKERS_MAX, 1, 1 } },
		{ WIRE_START, { UINT32_MAX, 1, 1 } },
		{ WIRE_KILL, { WORKERS_MAX, 0, 0 } },
		{ WIRE_GONE, { WORKERS_MAX, 0, 0 } },
		{ WIRE_GONE, { 0, WORKER_NOFORK + 1, 0 } },
		{ WIRE_GONE, { 0, UINT32_MAX, 0 } },
		{ WIRE_ASK, { 0, 0, 0 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct buf b = BUF_INIT(WORKER_FRAME_MAX);
		size_t begun = wire_begin(&b, rows[i].type);
		struct worker_order o;
		struct worker_end e;

		for (size_t n = 0; n < 3; n++)
			wire_put_u32(&b, rows[i].field[n]);
		wire_end(&b, begun);
		assert_int_equal(worker_order_get(buf_span(&b), &o), E_SYNTAX);
		assert_int_equal(worker_end_get(buf_span(&b), &e), E_SYNTAX);
		buf_free(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_orders),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_out_of_range) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * dest_test - windows, suspensions, lines and turns of destinations
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* the modules live in a room, which is no library */
#include "../../../src/core/send/dest.c"
#include "../../../src/core/send/table.c"

enum { SLOTS = 20, MOST = 20, MINUTE = 60000 };

struct box {
	struct table *t;
	struct dests *ds;
	uint64_t id;
};

static void
open_box(struct box *b, uint32_t slots, uint32_t most)
{
	b->id = 1;
	assert_int_equal(table_new(&b->t), 0);
	assert_int_equal(
	    dests_new(&b->ds, b->t, HEAP_REMOTE, slots, most, true), 0);
}

static void
close_box(struct box *b)
{
	dests_destroy(&b->ds);
	table_destroy(&b->t);
}

/* A destination that is in use for all of the test. */
static uint32_t
get(struct box *b, const char *key)
{
	uint32_t d = dest_get(b->ds, span_cstr(key));

	assert_int_not_equal(d, DEST_NONE);
	return d;
}

static void
stand(struct box *b, uint32_t d, int n)
{
	uint32_t slot;

	for (; n > 0; n--) {
		assert_int_equal(table_add(b->t, b->id++, &slot), 0);
		dest_stand(b->ds, d, slot);
	}
}

/* Start all that may start; how many of them were for d. */
static uint32_t
start_all(struct box *b, uint32_t d)
{
	uint32_t n = 0, next, slot;

	while ((next = dest_next(b->ds)) != DEST_NONE) {
		assert_null(dest_take(b->ds, next, &slot));
		dest_begin(b->ds, next);
		n += next == d;
	}
	return n;
}

static bool
end(struct box *b, uint32_t d, bool was_reached, int64_t began, int64_t now)
{
	return dest_end(b->ds, d, was_reached, began, now, SPAN("why"));
}

static void
test_window_grows(void **state)
{
	struct box b;
	uint32_t d;

	(void)state;
	open_box(&b, SLOTS, MOST);
	d = get(&b, "a");
	stand(&b, d, 100);
	assert_int_equal(start_all(&b, d), WINDOW_FIRST);
	assert_int_equal(start_all(&b, d), 0);
	for (uint32_t i = 0; i < WINDOW_FIRST; i++)
		assert_false(end(&b, d, true, 1, 2));
	assert_int_equal(start_all(&b, d), 2 * WINDOW_FIRST);
	for (uint32_t i = 0; i < 2 * WINDOW_FIRST; i++)
		(void)end(&b, d, true, 1, 2);
	/* as many as may be, but no more */
	assert_int_equal(start_all(&b, d), MOST);
	close_box(&b);
}

/* One that takes all it can leaves a quarter to others. */
static void
test_share(void **state)
{
	struct box b;
	uint32_t a, c;

	(void)state;
	open_box(&b, SLOTS, MOST);
	a = get(&b, "a");
	c = get(&b, "c");
	b.ds->list[a].window = b.ds->list[c].window = SLOTS;
	set_proven(b.ds, &b.ds->list[a], true);
	stand(&b, a, 100);
	stand(&b, c, 1);
	assert_int_equal(start_all(&b, a), SLOTS - SLOTS / 4);
	close_box(&b);
}

/* Those never reached, together, leave it as well. */
static void
test_fresh_share(void **state)
{
	struct box b;
	uint32_t known, sum = 0;
	char key[] = "a";

	(void)state;
	open_box(&b, SLOTS, MOST);
	known = get(&b, "known");
	set_proven(b.ds, &b.ds->list[known], true);
	for (; key[0] < 'j'; key[0]++)
		stand(&b, get(&b, key), 10);
	(void)start_all(&b, DEST_NONE);
	for (uint32_t d = dest_after(b.ds, 0); d != 0; d = dest_after(b.ds, d))
		sum += dest_at(b.ds, d)->running;
	assert_int_equal(sum, SLOTS - SLOTS / 4);
	stand(&b, known, 10);
	assert_int_equal(start_all(&b, known), WINDOW_FIRST);
	close_box(&b);
}

static void
test_suspension(void **state)
{
	struct box b;
	uint32_t d;

	(void)state;
	open_box(&b, SLOTS, MOST);
	d = get(&b, "a");
	stand(&b, d, 100);
	assert_int_equal(start_all(&b, d), WINDOW_FIRST);
	/* what began together tells the same thing */
	assert_true(end(&b, d, false, 0, 1000));
	for (uint32_t i = 1; i < WINDOW_FIRST; i++)
		assert_false(end(&b, d, false, 0, 1000));
	assert_true(dest_is_suspended(b.ds, d));
	assert_int_equal(dest_at(b.ds, d)->failures, 1);
	assert_int_equal(start_all(&b, d), 0);
	assert_in_range(dests_wake(b.ds, 2000), MINUTE, 62000);
	assert_int_equal(start_all(&b, d), 0);
	/* one finds out, then it takes twice as long */
	(void)dests_wake(b.ds, 100000);
	assert_int_equal(start_all(&b, d), 1);
	assert_true(end(&b, d, false, 100000, 100100));
	assert_in_range(dests_wake(b.ds, 100100), 100100 + 2 * MINUTE,
	    100100 + 2 * MINUTE + 1000);
	for (int64_t now = 1000000; now < 20000000; now += 2000000) {
		(void)dests_wake(b.ds, now);
		assert_int_equal(start_all(&b, d), 1);
		assert_true(end(&b, d, false, now, now));
	}
	assert_in_range(dest_at(b.ds, d)->until, 19000000 + PAUSE_MAX,
	    19000000 + PAUSE_MAX + 1000);
	/* back again */
	(void)dests_wake(b.ds, 30000000);
	assert_int_equal(start_all(&b, d), 1);
	assert_false(end(&b, d, true, 30000000, 30000001));
	assert_int_equal(start_all(&b, d), 2);
	assert_int_equal(dest_at(b.ds, d)->failures, 0);
	close_box(&b);
}

/* One failure of one that works is only an accident. */
static void
test_accident(void **state)
{
	struct box b;
	uint32_t d;

	(void)state;
	open_box(&b, SLOTS, MOST);
	d = get(&b, "a");
	stand(&b, d, 100);
	(void)start_all(&b, d);
	assert_false(end(&b, d, true, 1, 2));
	assert_false(end(&b, d, false, 1, 3));
	assert_false(dest_is_suspended(b.ds, d));
	assert_false(end(&b, d, false, 2, 4)); /* began before */
	assert_true(end(&b, d, false, 4, 5));
	assert_true(dest_is_suspended(b.ds, d));
	/* a first pause is a first pause */
	assert_in_range(dest_at(b.ds, d)->until, 5 + MINUTE, 1005 + MINUTE);
	dests_pardon(b.ds);
	assert_false(dest_is_suspended(b.ds, d));
	assert_int_equal(start_all(&b, d), 0); /* one still runs */
	assert_false(end(&b, d, true, 4, 5));
	assert_int_equal(start_all(&b, d), 2);
	close_box(&b);
}

/* control/concurrencydest 0: as it always was. */
static void
test_off(void **state)
{
	struct box b;
	uint32_t d;

	(void)state;
	open_box(&b, SLOTS, 0);
	d = get(&b, "a");
	stand(&b, d, 100);
	stand(&b, get(&b, "b"), 1);
	for (int i = 0; i < 10; i++) {
		dest_begin(b.ds, d);
		assert_false(end(&b, d, false, i, i));
	}
	for (int i = 0; i < SLOTS; i++)
		dest_begin(b.ds, d);
	assert_int_equal(dest_limit(b.ds, d), SLOTS);
	close_box(&b);
}

/* Destinations by turns, and in the line of one whoever came first. */
static void
test_turns(void **state)
{
	struct group groups[2] = { { .n = 1 }, { .n = 1 } };
	struct box b;
	uint32_t a, c, slot, first;

	(void)state;
	open_box(&b, SLOTS, MOST);
	a = get(&b, "a");
	c = get(&b, "c");
	stand(&b, a, 3);
	stand(&b, c, 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(dest_next(b.ds), a);
		assert_null(dest_take(b.ds, a, &slot));
		assert_int_equal(table_at(b.t, slot)->id, i + 1);
		assert_int_equal(dest_next(b.ds), c);
		assert_null(dest_take(b.ds, c, &slot));
		assert_int_equal(table_at(b.t, slot)->id, i + 4);
	}
	assert_int_equal(dest_next(b.ds), DEST_NONE);
	/* loaded or not, by turns too */
	groups[0].dest = groups[1].dest = a;
	dest_join(b.ds, &groups[0]);
	dest_join(b.ds, &groups[1]);
	stand(&b, a, 2);
	first = b.ds->list[a].line.first;
	b.ds->list[a].is_next_group = true;
	assert_ptr_equal(dest_take(b.ds, a, &slot), &groups[0]);
	assert_null(dest_take(b.ds, a, &slot));
	assert_int_equal(slot, first);
	assert_int_equal(table_at(b.t, slot)->dest[HEAP_REMOTE], DEST_NONE);
	assert_ptr_equal(dest_take(b.ds, a, &slot), &groups[1]);
	assert_null(dest_dismiss(b.ds, a));
	dest_leave(b.ds, b.ds->list[a].line.first);
	assert_int_equal(dest_next(b.ds), DEST_NONE);
	close_box(&b);
}

/* Anywhere in the line. */
static void
test_leave(void **state)
{
	struct box b;
	uint32_t d, slot;

	(void)state;
	open_box(&b, SLOTS, MOST);
	d = get(&b, "a");
	stand(&b, d, 5);
	dest_leave(b.ds, 3);
	dest_leave(b.ds, 1);
	dest_leave(b.ds, 5);
	dest_leave(b.ds, 5); /* it has left */
	assert_null(dest_take(b.ds, d, &slot));
	assert_int_equal(slot, 2);
	stand(&b, d, 1);
	assert_null(dest_take(b.ds, d, &slot));
	assert_int_equal(slot, 4);
	assert_null(dest_take(b.ds, d, &slot));
	assert_int_equal(slot, 6);
	assert_int_equal(dest_at(b.ds, d)->line.n, 0);
	close_box(&b);
}

/* Idle ones are kept for a while; what is in use is never forgotten. */
static void
test_many(void **state)
{
	struct box b;
	uint32_t kept, running, n = 0;
	char key[5] = "aaaa";

	(void)state;
	open_box(&b, SLOTS, MOST);
	kept = get(&b, "kept");
	running = get(&b, "running");
	dest_begin(b.ds, running);
	dest_release(b.ds, running);
	for (int i = 0; i < 5000; i++) {
		key[i % 4] = (char)('a' + (i / 4) % 26);
		key[(i + 1) % 4] = (char)('a' + i % 23);
		dest_release(b.ds, get(&b, key));
	}
	for (uint32_t d = dest_after(b.ds, 0); d != 0; d = dest_after(b.ds, d))
		n++;
	assert_in_range(n, 3, IDLE_MAX + 2);
	assert_int_equal(dest_find(b.ds, SPAN("kept")), kept);
	assert_int_equal(dest_find(b.ds, SPAN("running")), running);
	assert_int_equal(dest_find(b.ds, SPAN("")), DEST_NONE);
	assert_int_not_equal(dest_get(b.ds, SPAN("")), DEST_NONE);
	close_box(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_window_grows),
		cmocka_unit_test(test_share),
		cmocka_unit_test(test_fresh_share),
		cmocka_unit_test(test_suspension),
		cmocka_unit_test(test_accident),
		cmocka_unit_test(test_off),
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_leave),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * table_test - entries, lists and heaps of qmail-send's table
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* the module lives in a room, which is no library */
#include "../../../src/core/send/table.c"

enum { MANY = 5000 };

static struct table *
new_table(void)
{
	struct table *t;

	assert_int_equal(table_new(&t), 0);
	return t;
}

static uint32_t
add(struct table *t, uint64_t id)
{
	uint32_t slot;

	assert_int_equal(table_add(t, id, &slot), 0);
	assert_int_equal(table_at(t, slot)->id, id);
	return slot;
}

/* A small generator: the same numbers every time. */
static uint32_t
next_random(uint32_t *seed)
{
	*seed = *seed * 1103515245U + 12345U;
	return *seed >> 8;
}

static void
test_find(void **state)
{
	struct table *t = new_table();
	uint32_t slots[MANY];

	(void)state;
	assert_int_equal(table_find(t, 1), TABLE_NONE);
	for (uint32_t i = 0; i < MANY; i++)
		slots[i] = add(t, (uint64_t)i * 1000000 + UINT32_MAX);
	assert_int_equal(table_size(t), MANY);
	for (uint32_t i = 0; i < MANY; i++)
		assert_int_equal(
		    table_find(t, (uint64_t)i * 1000000 + UINT32_MAX),
		    slots[i]);
	for (uint32_t i = 0; i < MANY; i += 2)
		table_drop(t, slots[i]);
	for (uint32_t i = 0; i < MANY; i++)
		assert_int_equal(
		    table_find(t, (uint64_t)i * 1000000 + UINT32_MAX),
		    i % 2 == 0 ? TABLE_NONE : slots[i]);
	/* dropped slots are used again before the table grows */
	for (uint32_t i = 0; i < MANY; i += 2)
		assert_in_range(add(t, i), 1, MANY);
	assert_int_equal(table_size(t), MANY);
	table_destroy(&t);
	assert_null(t);
	table_destroy(&t);
}

static void
test_list(void **state)
{
	struct table *t = new_table();
	struct list l = { 0 };
	uint32_t a = add(t, 1), b = add(t, 2), c = add(t, 3);

	(void)state;
	assert_int_equal(list_pop(t, &l), TABLE_NONE);
	list_push(t, &l, b);
	list_push(t, &l, a);
	assert_int_equal(list_pop(t, &l), b);
	list_push(t, &l, c);
	assert_int_equal(l.n, 2);
	assert_int_equal(list_pop(t, &l), a);
	assert_int_equal(list_pop(t, &l), c);
	assert_int_equal(list_pop(t, &l), TABLE_NONE);
	list_push(t, &l, b);
	assert_int_equal(list_pop(t, &l), b);
	table_destroy(&t);
}

static void
check_heap(const struct table *t, enum heap h)
{
	for (uint32_t i = 2; i <= t->heap_n[h]; i++)
		assert_false(is_before(t, h, t->heap[h][i], t->heap[h][i / 2]));
	for (uint32_t i = 1; i <= t->heap_n[h]; i++)
		assert_int_equal(t->entries[t->heap[h][i]].place[h], i);
}

static void
test_heap(void **state)
{
	struct table *t = new_table();
	uint32_t seed = 1, slots[MANY], last = 0;

	(void)state;
	for (uint32_t i = 0; i < MANY; i++) {
		slots[i] = add(t, i + 1);
		heap_put(t, HEAP_LOCAL, slots[i], next_random(&seed) % 1000);
		heap_put(t, HEAP_REMOTE, slots[i], i);
	}
	check_heap(t, HEAP_LOCAL);
	/* moved, taken out, put in again */
	for (uint32_t i = 0; i < MANY; i++) {
		uint32_t slot = slots[next_random(&seed) % MANY];

		if (i % 3 == 0)
			heap_drop(t, HEAP_LOCAL, slot);
		else
			heap_put(
			    t, HEAP_LOCAL, slot, next_random(&seed) % 1000);
	}
	check_heap(t, HEAP_LOCAL);
	assert_int_equal(heap_size(t, HEAP_REMOTE), MANY);
	while (heap_size(t, HEAP_LOCAL) > 0) {
		uint32_t slot = heap_first(t, HEAP_LOCAL);

		assert_true(table_at(t, slot)->due[HEAP_LOCAL] >= last);
		last = table_at(t, slot)->due[HEAP_LOCAL];
		heap_drop(t, HEAP_LOCAL, slot);
	}
	assert_int_equal(heap_first(t, HEAP_LOCAL), TABLE_NONE);
	check_heap(t, HEAP_REMOTE);
	table_destroy(&t);
}

/* Of those due at the same time the oldest comes first. */
static void
test_age(void **state)
{
	struct table *t = new_table();

	(void)state;
	for (uint64_t id = 100; id > 0; id--)
		heap_put(t, HEAP_REMOTE, add(t, id), 5);
	for (uint64_t id = 1; id <= 100; id++) {
		uint32_t slot = heap_first(t, HEAP_REMOTE);

		assert_int_equal(table_at(t, slot)->id, id);
		table_drop(t, slot);
	}
	table_destroy(&t);
}

static void
test_hurry(void **state)
{
	struct table *t = new_table();
	uint32_t early = add(t, 50);

	(void)state;
	for (uint64_t id = 1; id <= 20; id++)
		heap_put(t, HEAP_LOCAL, add(t, id), 1000 - (int64_t)id);
	heap_put(t, HEAP_LOCAL, early, 3);
	heap_hurry(t, HEAP_LOCAL, 10);
	check_heap(t, HEAP_LOCAL);
	assert_int_equal(heap_first(t, HEAP_LOCAL), early);
	assert_int_equal(table_at(t, early)->due[HEAP_LOCAL], 3);
	heap_drop(t, HEAP_LOCAL, early);
	for (uint64_t id = 1; id <= 20; id++) {
		uint32_t slot = heap_first(t, HEAP_LOCAL);

		assert_int_equal(table_at(t, slot)->id, id);
		assert_int_equal(table_at(t, slot)->due[HEAP_LOCAL], 10);
		heap_drop(t, HEAP_LOCAL, slot);
	}
	/* times that do not fit are the first or the last there is */
	heap_put(t, HEAP_LOCAL, early, -5);
	assert_int_equal(table_at(t, early)->due[HEAP_LOCAL], 0);
	heap_put(t, HEAP_LOCAL, early, INT64_MAX);
	assert_int_equal(table_at(t, early)->due[HEAP_LOCAL], UINT32_MAX);
	table_destroy(&t);
}

/* "At most 300 bytes each" is the promise; this is what the table takes. */
static void
test_size(void **state)
{
	(void)state;
	assert_true(sizeof(struct entry) + HEAPS * sizeof(uint32_t) +
			sizeof(uint32_t) <=
		    96);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_heap),
		cmocka_unit_test(test_age),
		cmocka_unit_test(test_hurry),
		cmocka_unit_test(test_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * tcptable_test - the file of those who timed out (contract queue.md 9)
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "queue/tcptable.h"

/* A file without a name. */
static int
scratch(void)
{
	char path[] = "/tmp/tcptable-test.XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(unlink(path), 0);
	return fd;
}

static void
test_layout(void **state)
{
	static const unsigned char want[16] = { 10, 0, 0, 7, 3, 0, 0, 0, 0x00,
		0xf1, 0x53, 0x65, 0, 0, 0, 0 };
	static const struct tcptable_record last = { { 1, 2, 3, 4 }, 10,
		UINT32_MAX };
	struct tcptable t = { .record = {
				  { { 10, 0, 0, 7 }, 3, 1700000000 } } };
	struct tcptable back;
	unsigned char file[1025];
	int fd = scratch();

	(void)state;
	t.record[63] = last;
	assert_int_equal(tcptable_write(fd, &t), 0);
	assert_int_equal(pread(fd, file, sizeof(file), 0), 1024);
	assert_memory_equal(file, want, sizeof(want));
	assert_int_equal(file[63 * 16 + 4], 10);
	for (size_t i = 16; i < 63 * 16; i++)
		assert_int_equal(file[i], 0);

	assert_int_equal(tcptable_read(fd, &back), 0);
	assert_int_equal(back.record[0].when, 1700000000);
	assert_int_equal(back.record[0].count, 3);
	assert_memory_equal(back.record[0].ip, want, 4);
	assert_int_equal(back.record[1].count, 0);
	assert_int_equal(back.record[63].when, UINT32_MAX);
	(void)close(fd);
}

static void
test_short_file(void **state)
{
	struct tcptable t;
	int fd = scratch();

	(void)state;
	assert_int_equal(tcptable_read(fd, &t), E_EOF);
	assert_int_equal(ftruncate(fd, 1023), 0);
	assert_int_equal(tcptable_read(fd, &t), E_EOF);
	assert_int_equal(ftruncate(fd, 1024), 0);
	assert_int_equal(tcptable_read(fd, &t), 0);
	(void)close(fd);
	assert_true(err_is(tcptable_read(-1, &t), EBADF));
	assert_true(err_is(tcptable_write(-1, &t), EBADF));
	assert_true(err_is(tcptable_lock(-1), EBADF));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_short_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

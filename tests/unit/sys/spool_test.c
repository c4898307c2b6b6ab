/*
 * spool_test - in memory up to the bound, then in a file nobody sees
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "sys/env.h"
#include "sys/fd.h"
#include "sys/file.h"
#include "sys/spool.h"

enum { MANY = 1000000 };

static char home[] = "/tmp/spool_test.XXXXXX";
static char bytes[MANY];

static int
enter(void **state)
{
	(void)state;
	for (size_t i = 0; i < MANY; i++)
		bytes[i] = (char)(i * 31 + i / 256);
	if (mkdtemp(home) == NULL)
		return -1;
	return env_put("TMPDIR", span_cstr(home));
}

static int
leave(void **state)
{
	(void)state;
	return rmdir(home); /* which works only if nothing was left there */
}

/* Whether reading in pieces, from each start, gives bytes[start..size). */
static bool
reads_back(struct spool *s, uint64_t start, uint64_t size)
{
	struct buf scratch = BUF_INIT(65536);
	uint64_t at = start;
	bool same = true;

	for (;;) {
		struct span piece;

		if (spool_read(s, at, &scratch, &piece) != 0)
			same = false;
		if (!same || piece.len == 0)
			break;
		if (piece.len > 65536 || piece.len > size - at ||
		    memcmp(piece.p, bytes + at, piece.len) != 0)
			same = false;
		at += piece.len;
	}
	buf_free(&scratch);
	return same && at == size;
}

static void
test_bound(void **state)
{
	static const struct {
		const char *name;
		size_t size, step;
		bool in_file;
	} rows[] = {
		{ "nothing", 0, 1, false },
		{ "one byte", 1, 1, false },
		{ "below", SPOOL_MEMORY - 1, 1000, false },
		{ "the bound, at once", SPOOL_MEMORY, MANY, false },
		{ "the bound, in pieces", SPOOL_MEMORY, 4096, false },
		{ "bound plus one", SPOOL_MEMORY + 1, MANY, true },
		{ "bound plus one, in pieces", SPOOL_MEMORY + 1, 777, true },
		{ "much", MANY, MANY, true },
		{ "much, in pieces", MANY, 12345, true },
	};
	struct spool s = SPOOL_INIT;

	(void)state;
	/* the same spool again and again */
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		size_t size = rows[i].size;

		for (size_t at = 0; at < size; at += rows[i].step)
			spool_put(&s,
			    span_head((struct span){ bytes + at, size - at },
				rows[i].step));
		if (spool_err(&s) != 0 || s.size != size ||
		    (s.fd >= 0) != rows[i].in_file || s.mem.len > SPOOL_MEMORY)
			fail_msg("%s", rows[i].name);
		if (!reads_back(&s, 0, size) || !reads_back(&s, 0, size) ||
		    !reads_back(&s, size / 3, size) ||
		    !reads_back(&s, size, size))
			fail_msg("%s: read", rows[i].name);
		spool_free(&s);
	}
	spool_free(&s);
}

static void
test_write_after_read(void **state)
{
	struct spool s = SPOOL_INIT;
	uint64_t size = 0;

	(void)state;
	while (size + 100000 <= MANY) {
		spool_put(&s, (struct span){ bytes + size, 100000 });
		size += 100000;
		assert_true(reads_back(&s, 0, size));
	}
	spool_free(&s);
}

static void
test_beyond_the_end(void **state)
{
	struct buf scratch = BUF_INIT(65536);
	struct spool s = SPOOL_INIT;
	struct span piece;

	(void)state;
	spool_put(&s, SPAN("abc"));
	assert_int_equal(spool_read(&s, 4, &scratch, &piece), 0);
	assert_int_equal(piece.len, 0);
	assert_int_equal(spool_read(&s, UINT64_MAX, &scratch, &piece), 0);
	assert_int_equal(piece.len, 0);
	spool_free(&s);
	buf_free(&scratch);
}

static void
test_fill(void **state)
{
	static const size_t sizes[] = { 0, 1, 65536, SPOOL_MEMORY + 1, MANY };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct spool s = SPOOL_INIT;
		int ends[2], status;
		pid_t pid;

		assert_int_equal(fd_pipe(ends), 0);
		pid = fork();
		if (pid == 0) {
			fd_close(&ends[0]);
			_exit(
			    fd_write(ends[1], (struct span){ bytes, sizes[i] },
				FD_FOREVER) == 0
				? 0
				: 1);
		}
		fd_close(&ends[1]);
		assert_int_equal(spool_fill(&s, ends[0]), 0);
		assert_int_equal(spool_err(&s), 0);
		assert_int_equal(s.size, sizes[i]);
		assert_true(reads_back(&s, 0, sizes[i]));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		fd_close(&ends[0]);
		spool_free(&s);
	}
}

static void
test_read_error(void **state)
{
	struct spool s = SPOOL_INIT;

	(void)state;
	assert_true(err_is(spool_fill(&s, -1), EBADF));
	assert_int_equal(spool_err(&s), 0);
	spool_free(&s);
}

/* No room for the file: all that follows is refused, until it is freed. */
static void
test_write_error(void **state)
{
	struct buf scratch = BUF_INIT(65536);
	struct spool s = SPOOL_INIT;
	struct span piece;
	int null;

	(void)state;
	assert_int_equal(env_put("TMPDIR", SPAN("/nonexistent")), 0);
	spool_put(&s, (struct span){ bytes, SPOOL_MEMORY });
	assert_int_equal(spool_err(&s), 0);
	spool_put(&s, SPAN("x"));
	assert_int_equal(spool_err(&s), E_ABSENT);
	spool_put(&s, SPAN("x"));
	assert_int_equal(spool_read(&s, 0, &scratch, &piece), E_ABSENT);
	/* input is still read to its end */
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(spool_fill(&s, null), 0);
	assert_int_equal(spool_err(&s), E_ABSENT);
	fd_close(&null);
	spool_free(&s);
	assert_int_equal(env_put("TMPDIR", span_cstr(home)), 0);
	spool_put(&s, (struct span){ bytes, MANY });
	assert_true(reads_back(&s, 0, MANY));
	spool_free(&s);
	buf_free(&scratch);
}

static void
test_without_tmpdir(void **state)
{
	static const char *const values[] = { NULL, "", "relative" };

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		struct spool s = SPOOL_INIT;

		if (values[i] == NULL)
			env_drop("TMPDIR");
		else
			assert_int_equal(
			    env_put("TMPDIR", span_cstr(values[i])), 0);
		spool_put(&s, (struct span){ bytes, MANY });
		assert_int_equal(spool_err(&s), 0);
		assert_true(s.fd >= 0);
		assert_int_equal(fcntl(s.fd, F_GETFD), FD_CLOEXEC);
		spool_free(&s);
		assert_int_equal(s.fd, -1);
	}
	assert_int_equal(env_put("TMPDIR", span_cstr(home)), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_write_after_read),
		cmocka_unit_test(test_beyond_the_end),
		cmocka_unit_test(test_fill),
		cmocka_unit_test(test_read_error),
		cmocka_unit_test(test_write_error),
		cmocka_unit_test(test_without_tmpdir),
	};

	return cmocka_run_group_tests(tests, enter, leave);
}

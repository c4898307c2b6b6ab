/*
 * store_test - what a fault leaves, and reads that are cut short
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "queue/store-private.h"
#include "queue/store.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/file.h"

enum { SIZE = 200000, PIECE = 30000, AGE = 3600 };

static char home[] = "/tmp/store_test.XXXXXX";
static char bytes[SIZE];
static struct store *store;
static size_t read_max; /* by one call */
static bool has_tmpfile = true;
static int stat_error;

/* In place of the C library's: reads may be cut short. */
ssize_t
pread(int fd, void *p, size_t n, off_t at)
{
	return syscall(SYS_pread64, fd, p, n < read_max ? n : read_max, at);
}

/* And a file system without unnamed files. */
int
openat(int at, const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	if ((flags & (O_CREAT | O_TMPFILE)) != 0) {
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	if ((flags & O_TMPFILE) == O_TMPFILE && !has_tmpfile) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return (int)syscall(SYS_openat, at, path, flags, mode);
}

/* And disks that do not answer. */
int
fstatat(int at, const char *restrict path, struct stat *restrict st, int flags)
{
	if (stat_error != 0) {
		errno = stat_error;
		return -1;
	}
	return (int)syscall(SYS_newfstatat, at, path, st, flags);
}

static int
enter(void **state)
{
	static const char *const kinds[] = { "mess", "todo", "info" };
	char path[64];

	(void)state;
	for (size_t i = 0; i < SIZE; i++)
		bytes[i] = (char)(i * 31 + i / 256);
	if (mkdtemp(home) == NULL || chdir(home) < 0 ||
	    mkdir("queue", 0700) < 0)
		return -1;
	for (size_t k = 0; k < 3; k++) {
		(void)snprintf(path, sizeof(path), "queue/%s", kinds[k]);
		(void)mkdir(path, 0700);
		for (int n = 0; n < STORE_SPLIT; n++) {
			(void)snprintf(
			    path, sizeof(path), "queue/%s/%d", kinds[k], n);
			if (mkdir(path, 0700) < 0)
				return -1;
		}
	}
	return store_open(&store);
}

static int
drop(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

static int
leave(void **state)
{
	(void)state;
	store_close(&store);
	return nftw(home, drop, 8, FTW_DEPTH | FTW_PHYS);
}

/* Make a file below queue/, last changed age seconds ago; its descriptor. */
static int
make(const char *path, size_t size, int age)
{
	int fd = -1;
	struct timespec then[2] = { { .tv_sec = clock_real() - age },
		{ .tv_sec = clock_real() - age } };

	assert_int_equal(
	    file_open(store->queue, path, O_RDWR | O_CREAT, 0600, &fd), 0);
	assert_int_equal(
	    fd_write(fd, (struct span){ bytes, size }, FD_FOREVER), 0);
	assert_int_equal(futimens(fd, then), 0);
	return fd;
}

static bool
is_there(const char *path)
{
	return faccessat(store->queue, path, F_OK, 0) == 0;
}

static void
test_verify(void **state)
{
	static const struct {
		const char *name;
		size_t file, size; /* on disk, and as accepted */
		size_t read_max;
		int result;
	} rows[] = {
		{ "empty", 0, 0, SIZE, 0 },
		{ "whole", SIZE, SIZE, SIZE, 0 },
		{ "whole, cut reads", SIZE, SIZE, 1000, 0 },
		{ "small, cut reads", 100, 100, 7, 0 },
		{ "one chunk, cut reads", 65536, 65536, 40000, 0 },
		{ "short", SIZE - 1, SIZE, SIZE, E_DAMAGED },
		{ "short, cut reads", SIZE - 1, SIZE, 1000, E_DAMAGED },
		{ "gone", 0, SIZE, SIZE, E_DAMAGED },
		{ "long", SIZE, SIZE - 1, SIZE, E_DAMAGED },
		{ "long, cut reads", SIZE, SIZE - 1, 1000, E_DAMAGED },
	};
	struct hash *h = hash_new();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct envelope e = { .size = rows[i].size,
			.hash = hash_of((struct span){ bytes, rows[i].size }) };
		int fd = make("mess/1/1", rows[i].file, 0);
		uint64_t at = 0;

		read_max = rows[i].read_max;
		print_message("%s\n", rows[i].name);
		assert_int_equal(
		    store_verify(store, &e, fd, &at, h, 0), rows[i].result);
		(void)hash_end(h);
		fd_close(&fd);
		assert_int_equal(file_unlink(store->queue, "mess/1/1"), 0);
	}
	hash_destroy(&h);
}

/* A note that cannot be written leaves no half of it. */
static void
test_note_fails(void **state)
{
	struct note n;

	(void)state;
	note_init(&n, 5, 1);
	assert_int_equal(mkdirat(store->queue, "info/5/5", 0700), 0);
	assert_true(store_note_write(store, &n) < 0);
	assert_false(is_there("info/5/5.tmp"));
	assert_int_equal(unlinkat(store->queue, "info/5/5", AT_REMOVEDIR), 0);
	note_free(&n);
}

static void
test_note_sweep(void **state)
{
	static const struct {
		const char *path;
		bool stays;
	} rows[] = {
		{ "info/6/6", true },      /* its message is there */
		{ "info/6/29", false },    /* no message */
		{ "info/6/6.tmp", false }, /* cut off while it was written */
		{ "info/6/x.tmp", true },  /* none of ours */
		{ "info/7/.tmp", true },
	};

	(void)state;
	(void)close(make("todo/6/6", 0, 0));
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		(void)close(make(rows[i].path, 0, 0));
	assert_int_equal(store_note_sweep(store), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		print_message("%s\n", rows[i].path);
		assert_true(is_there(rows[i].path) == rows[i].stays);
	}
	assert_int_equal(file_unlink(store->queue, "todo/6/6"), 0);
}

static void
test_sweep(void **state)
{
	static const struct {
		const char *path;
		int age;
		bool stays;
	} rows[] = {
		{ "mess/8/8", 2 * AGE, false },
		{ "mess/8/31", 0, true },      /* old only by its name */
		{ "mess/9/9", 2 * AGE, true }, /* has an envelope */
		{ "todo/9/9", 0, true },
		{ "mess/9/4711.tmp", 2 * AGE, false },
		{ "todo/9/4711.tmp", 2 * AGE, false },
		{ "mess/10/4711.tmp", 0, true }, /* of a worker at work */
		{ "todo/10/4711.tmp", 0, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		(void)close(make(rows[i].path, 0, rows[i].age));
	assert_int_equal(store_sweep(store, AGE), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		print_message("%s\n", rows[i].path);
		assert_true(is_there(rows[i].path) == rows[i].stays);
	}
}

static bool
count_notes(void *ctx, uint64_t id, bool has_note)
{
	int *n = ctx;

	assert_true(id == 12 || id == 35);
	*n += has_note;
	return true;
}

/* A note that may be there is not taken for one that is not. */
static void
test_has_note(void **state)
{
	static const struct {
		int error;
		int notes;
	} rows[] = { { 0, 1 }, { EIO, 2 }, { ENOMEM, 2 }, { ENOENT, 0 } };

	(void)state;
	(void)close(make("todo/12/12", 0, 0));
	(void)close(make("todo/12/35", 0, 0));
	(void)close(make("info/12/12", 0, 0));
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int n = 0, r;

		stat_error = rows[i].error;
		r = store_each(store, count_notes, &n);
		stat_error = 0;
		assert_int_equal(r, 0);
		assert_int_equal(n, rows[i].notes);
	}
	assert_int_equal(file_unlink(store->queue, "todo/12/12"), 0);
	assert_int_equal(file_unlink(store->queue, "todo/12/35"), 0);
	assert_int_equal(file_unlink(store->queue, "info/12/12"), 0);
}

/* Accept a message; its ID. */
static uint64_t
take(struct accept *a)
{
	struct envelope e = { .node = SPAN("host"),
		.sender = SPAN("s@x"),
		.rcpts = SPAN("Tr@x\0"),
		.nrcpt = 1 };

	assert_int_equal(accept_begin(a), 0);
	assert_int_equal(accept_put(a, SPAN("hello\n")), 0);
	assert_int_equal(accept_commit(a, &e), 0);
	return e.id;
}

/*
 * A killed worker leaves its PID.tmp, which may be a message by another
 * name. The next one with that pid leaves the message alone.
 */
static void
test_name_of_a_dead_worker(void **state)
{
	struct accept *a = NULL;
	char tmp[64], name[64];
	struct stat st;

	(void)state;
	has_tmpfile = false;
	assert_int_equal(accept_new(store, NULL, &a), 0);
	for (int n = 0; n < STORE_SPLIT; n++) {
		(void)snprintf(
		    name, sizeof(name), "todo/%d/%d", n, 1000 * 23 + n);
		(void)snprintf(
		    tmp, sizeof(tmp), "todo/%d/%d.tmp", n, (int)getpid());
		(void)close(make(name, 1000, 0));
		assert_int_equal(
		    linkat(store->queue, name, store->queue, tmp, 0), 0);
	}
	for (int i = 0; i < 4 * STORE_SPLIT; i++)
		(void)take(a);
	for (int n = 0; n < STORE_SPLIT; n++) {
		(void)snprintf(
		    name, sizeof(name), "todo/%d/%d", n, 1000 * 23 + n);
		assert_int_equal(fstatat(store->queue, name, &st, 0), 0);
		assert_int_equal(st.st_size, 1000);
	}
	accept_destroy(&a);
	has_tmpfile = true;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verify),
		cmocka_unit_test(test_note_fails),
		cmocka_unit_test(test_note_sweep),
		cmocka_unit_test(test_has_note),
		cmocka_unit_test(test_sweep),
		cmocka_unit_test(test_name_of_a_dead_worker),
	};

	read_max = SIZE;
	return cmocka_run_group_tests(tests, enter, leave);
}

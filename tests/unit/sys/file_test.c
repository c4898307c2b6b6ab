/*
 * file_test - files by name, in a directory of its own
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "sys/fd.h"
#include "sys/file.h"

static char home[] = "/tmp/file_test.XXXXXX";

static int
remove_entry(void *ctx, const char *name)
{
	(void)ctx;
	return remove(name) < 0 ? err_sys() : 0;
}

static int
enter(void **state)
{
	(void)state;
	return mkdtemp(home) == NULL || chdir(home) < 0 ? -1 : 0;
}

static int
leave(void **state)
{
	(void)state;
	if (file_each(FILE_CWD, ".", remove_entry, NULL) != 0)
		return -1;
	return rmdir(home);
}

/* Whether path holds exactly these bytes. */
static bool
holds(const char *path, struct span want)
{
	struct buf b = BUF_INIT(1000);
	bool same;

	assert_int_equal(file_read(FILE_CWD, path, &b), 0);
	same = span_eq(buf_span(&b), want);
	buf_free(&b);
	return same;
}

static mode_t
mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

static void
put_file(const char *path, struct span s)
{
	int fd = -1;

	assert_int_equal(
	    file_open(FILE_CWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0600, &fd),
	    0);
	assert_int_equal(fd_write(fd, s, FD_FOREVER), 0);
	assert_int_equal(fd_close_checked(&fd), 0);
}

static void
test_open(void **state)
{
	int fd = 99;

	(void)state;
	assert_int_equal(file_open_read(FILE_CWD, "none", &fd), E_ABSENT);
	assert_int_equal(file_open_read(FILE_CWD, "", &fd), E_ABSENT);
	assert_int_equal(fd, 99);
	put_file("open", SPAN("x"));
	assert_int_equal(
	    file_open(FILE_CWD, "open", O_WRONLY | O_CREAT | O_EXCL, 0600, &fd),
	    E_BUSY);
	assert_true(
	    err_is(file_open_read(FILE_CWD, "open/below", &fd), ENOTDIR));
	assert_true(err_is(file_open_dir(FILE_CWD, "open", &fd), ENOTDIR));
	assert_int_equal(file_open_read(FILE_CWD, "open", &fd), 0);
	assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	fd_close(&fd);
	/* a FIFO without a writer does not hold us up */
	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_int_equal(file_open_read(FILE_CWD, "fifo", &fd), 0);
	fd_close(&fd);
}

static void
test_read(void **state)
{
	struct buf b = BUF_INIT(3);

	(void)state;
	assert_int_equal(file_read(FILE_CWD, "none", &b), E_ABSENT);
	assert_true(err_is(file_read(FILE_CWD, ".", &b), EISDIR));
	put_file("read", SPAN("ab"));
	assert_int_equal(file_read(FILE_CWD, "read", &b), 0);
	assert_true(span_eq(buf_span(&b), SPAN("ab")));
	assert_int_equal(file_read(FILE_CWD, "read", &b), E_TOOBIG);
	buf_reset(&b);
	put_file("read", SPAN(""));
	assert_int_equal(file_read(FILE_CWD, "read", &b), 0);
	assert_int_equal(b.len, 0);
	buf_free(&b);
}

static void
test_at_a_directory(void **state)
{
	int dir = -1;
	struct buf b = BUF_INIT(10);

	(void)state;
	assert_int_equal(file_mkdir(FILE_CWD, "d", 0700), 0);
	assert_int_equal(file_open_dir(FILE_CWD, "d", &dir), 0);
	assert_int_equal(file_publish(dir, "x", SPAN("in d"), 0600), 0);
	assert_int_equal(file_read(dir, "x", &b), 0);
	assert_true(holds("d/x", SPAN("in d")));
	assert_int_equal(file_sync_dir(dir, "."), 0);
	assert_int_equal(file_rename(dir, "x", "y"), 0);
	assert_int_equal(file_rename(dir, "x", "y"), E_ABSENT);
	assert_int_equal(file_unlink(dir, "y"), 0);
	assert_int_equal(file_unlink(dir, "y"), E_ABSENT);
	fd_close(&dir);
	buf_free(&b);
	assert_int_equal(file_sync_dir(FILE_CWD, "none"), E_ABSENT);
}

static void
test_unnamed(void **state)
{
	int fd = -1;

	(void)state;
	assert_int_equal(file_unnamed(FILE_CWD, "none", 0600, &fd), E_ABSENT);
	if (file_unnamed(FILE_CWD, ".", 0640, &fd) == E_ABSENT)
		skip(); /* this file system has none */
	assert_int_equal(fd_write(fd, SPAN("abc"), FD_FOREVER), 0);
	assert_int_equal(file_sync(fd), 0);
	assert_int_equal(file_link_unnamed(fd, FILE_CWD, "named"), 0);
	assert_true(holds("named", SPAN("abc")));
	put_file("taken", SPAN("x"));
	assert_int_equal(file_link_unnamed(fd, FILE_CWD, "taken"), E_BUSY);
	assert_int_equal(file_link_unnamed(fd, FILE_CWD, "no/dir"), E_ABSENT);
	assert_true(holds("taken", SPAN("x")));
	fd_close(&fd);
}

static void
test_publish(void **state)
{
	struct file_stamp none = { 0 }, got;
	mode_t mask = umask(077);

	(void)state;
	assert_int_equal(file_publish(FILE_CWD, "pub", SPAN("1"), 0644), 0);
	assert_int_equal(mode_of("pub"), 0644);
	assert_int_equal(file_publish(FILE_CWD, "pub", SPAN(""), 0600), 0);
	assert_int_equal(mode_of("pub"), 0600);
	assert_true(holds("pub", SPAN("")));
	/* in the folder of the path, and an absolute one */
	assert_int_equal(file_mkdir(FILE_CWD, "pubdir", 0700), 0);
	assert_int_equal(
	    file_publish(FILE_CWD, "pubdir/a", SPAN("2"), 0600), 0);
	assert_true(holds("pubdir/a", SPAN("2")));
	assert_int_equal(file_unlink(FILE_CWD, "pubdir/a"), 0);
	assert_int_equal(
	    file_publish(FILE_CWD, "none/a", SPAN("2"), 0600), E_ABSENT);
	/* what cannot be replaced stays, and nothing is left behind */
	assert_true(file_publish(FILE_CWD, "pubdir", SPAN("2"), 0600) < 0);
	assert_int_equal(file_stamp(FILE_CWD, "pubdir.tmp", &got), 0);
	assert_true(file_stamp_eq(&got, &none));
	assert_int_equal(file_stamp(FILE_CWD, "pub.tmp", &got), 0);
	assert_true(file_stamp_eq(&got, &none));
	(void)umask(mask);
}

static void
test_mkdir(void **state)
{
	mode_t mask = umask(077);

	(void)state;
	assert_int_equal(file_mkdir(FILE_CWD, "made", 0755), 0);
	assert_int_equal(mode_of("made"), 0755);
	assert_int_equal(file_mkdir(FILE_CWD, "made", 0700), E_BUSY);
	assert_int_equal(mode_of("made"), 0755);
	assert_int_equal(file_mkdir(FILE_CWD, "none/made", 0700), E_ABSENT);
	(void)umask(mask);
}

static void
test_stamp(void **state)
{
	struct file_stamp none = { 0 }, a, b;
	struct timespec times[2] = { { 0, UTIME_OMIT }, { 1000, 1 } };

	(void)state;
	assert_int_equal(file_stamp(FILE_CWD, "stamp", &a), 0);
	assert_true(file_stamp_eq(&a, &none));
	put_file("stamp", SPAN("x"));
	assert_int_equal(file_stamp(FILE_CWD, "stamp", &a), 0);
	assert_false(file_stamp_eq(&a, &none));
	assert_int_equal(file_stamp(FILE_CWD, "stamp", &b), 0);
	assert_true(file_stamp_eq(&a, &b));
	assert_int_equal(utimensat(AT_FDCWD, "stamp", times, 0), 0);
	assert_int_equal(file_stamp(FILE_CWD, "stamp", &a), 0);
	times[1].tv_nsec = 2;
	assert_int_equal(utimensat(AT_FDCWD, "stamp", times, 0), 0);
	assert_int_equal(file_stamp(FILE_CWD, "stamp", &b), 0);
	assert_false(file_stamp_eq(&a, &b));
	/* same size and time, but another file */
	put_file("other", SPAN("x"));
	assert_int_equal(utimensat(AT_FDCWD, "other", times, 0), 0);
	assert_int_equal(file_rename(FILE_CWD, "other", "stamp"), 0);
	assert_int_equal(file_stamp(FILE_CWD, "stamp", &a), 0);
	assert_false(file_stamp_eq(&a, &b));
	assert_true(err_is(file_stamp(FILE_CWD, "stamp/x", &a), ENOTDIR));
}

static int
count(void *ctx, const char *name)
{
	int *n = ctx;

	(void)name;
	return ++*n == 3 ? 77 : 0;
}

static void
test_each(void **state)
{
	int n = 0;

	(void)state;
	assert_int_equal(file_each(FILE_CWD, "none", count, &n), E_ABSENT);
	assert_int_equal(file_mkdir(FILE_CWD, "each", 0700), 0);
	assert_int_equal(file_each(FILE_CWD, "each", count, &n), 0);
	assert_int_equal(n, 0);
	put_file("each/a", SPAN(""));
	put_file("each/.b", SPAN(""));
	assert_int_equal(file_each(FILE_CWD, "each", count, &n), 0);
	assert_int_equal(n, 2);
	/* a third call ends the walk */
	assert_int_equal(file_each(FILE_CWD, "each", count, &n), 77);
	assert_int_equal(n, 3);
	assert_int_equal(file_unlink(FILE_CWD, "each/a"), 0);
	assert_int_equal(file_unlink(FILE_CWD, "each/.b"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_at_a_directory),
		cmocka_unit_test(test_unnamed),
		cmocka_unit_test(test_publish),
		cmocka_unit_test(test_mkdir),
		cmocka_unit_test(test_stamp),
		cmocka_unit_test(test_each),
	};

	return cmocka_run_group_tests(tests, enter, leave);
}

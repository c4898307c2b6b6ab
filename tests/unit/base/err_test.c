/*
 * err_test - codes, their words, and what is worth another try
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"

static void
test_codes(void **state)
{
	(void)state;
	errno = ENOENT;
	assert_int_equal(err_sys(), E_SYSBASE - ENOENT);
	errno = ENOMEM;
	assert_int_equal(err_sys(), E_NOMEM);
	assert_int_equal(err_of(ENOMEM), E_NOMEM);
	assert_true(err_is(err_of(EPIPE), EPIPE));
	assert_true(err_is(E_NOMEM, ENOMEM));
	assert_false(err_is(err_of(EPIPE), EAGAIN));
	assert_false(err_is(0, EPIPE));
	assert_false(err_is(E_TIMEOUT, ETIMEDOUT));
}

/* contract local.md Appendix A */
static void
test_words(void **state)
{
	static const struct {
		int r;
		const char *want;
	} rows[] = {
		{ 0, "no error" },
		{ E_NOMEM, "out of memory" },
		{ E_ABSENT, "file does not exist" },
		{ E_SYSBASE - ENOENT, "file does not exist" },
		{ E_SYSBASE - EACCES, "access denied" },
		{ E_SYSBASE - EPERM, "permission denied" },
		{ E_SYSBASE - EEXIST, "file already exists" },
		{ E_SYSBASE - EISDIR, "is a directory" },
		{ E_SYSBASE - ENOTDIR, "not a directory" },
		{ E_SYSBASE - ENOSPC, "out of disk space" },
		{ E_SYSBASE - EDQUOT, "disk quota exceeded" },
		{ E_SYSBASE - EROFS, "read-only file system" },
		{ E_SYSBASE - EIO, "input/output error" },
		{ E_SYSBASE - EINTR, "interrupted system call" },
		{ E_SYSBASE - EAGAIN, "temporary failure" },
		{ E_SYSBASE - EPIPE, "broken pipe" },
		{ E_SYSBASE - ESPIPE, "unseekable descriptor" },
		{ E_SYSBASE - EINVAL, "invalid argument" },
		{ E_SYSBASE - ENXIO, "device not configured" },
		{ E_SYSBASE - ELOOP, "symbolic link loop" },
		{ E_SYSBASE - ENAMETOOLONG, "file name too long" },
		{ E_SYSBASE - ETXTBSY, "text busy" },
		{ E_SYSBASE - ENOEXEC, "exec format error" },
		{ E_SYSBASE - E2BIG, "argument list too long" },
		{ E_SYSBASE - EXDEV, "cross-device link" },
		{ E_SYSBASE - EMLINK, "too many links" },
		{ E_SYSBASE - ENFILE, "system cannot open more files" },
		{ E_SYSBASE - EMFILE, "process cannot open more files" },
		{ E_SYSBASE - EBADF, "file descriptor not open" },
		{ E_SYSBASE - ECHILD, "no child processes" },
		{ E_SYSBASE - ESRCH, "no such process" },
		{ E_SYSBASE - EBUSY, "device busy" },
		{ E_SYSBASE - EDEADLK, "operation would cause deadlock" },
		{ E_SYSBASE - ESTALE, "stale NFS file handle" },
		{ E_SYSBASE - ENOLCK, "no locks available" },
		{ E_SYSBASE - EFBIG, "file too big" },
		{ E_SYSBASE - ETIMEDOUT, "timed out" },
		{ E_SYSBASE - ECONNREFUSED, "connection refused" },
		{ E_SYSBASE - ECONNRESET, "connection reset" },
		{ E_SYSBASE - EHOSTUNREACH, "host unreachable" },
		{ E_SYSBASE - ENETUNREACH, "network unreachable" },
		{ E_SYSBASE - ENOTSOCK, "not a socket" },
		{ E_SYSBASE - ERANGE, "unknown error" },
		{ E_SYSBASE - 12345, "unknown error" },
		{ -500, "unknown error" },
		{ 5, "unknown error" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_string_equal(err_text(rows[i].r), rows[i].want);
}

/* contract local.md Appendix A; EPROCLIM is unknown to Linux */
static bool
is_temporary(int errnum)
{
	static const int set[] = { EINTR, ENOMEM, ETXTBSY, EIO, ETIMEDOUT,
		EAGAIN, EDEADLK, EBUSY, ENFILE, EMFILE, EFBIG, ENOSPC, ENETDOWN,
		ENETUNREACH, ENETRESET, ECONNABORTED, ECONNRESET, ENOBUFS,
		ETOOMANYREFS, ECONNREFUSED, EHOSTDOWN, EHOSTUNREACH, EUSERS,
		EDQUOT, ESTALE, ENOLCK };

	for (size_t i = 0; i < sizeof(set) / sizeof(*set); i++)
		if (set[i] == errnum)
			return true;
	return false;
}

static void
test_class_of_errno(void **state)
{
	(void)state;
	for (int e = 1; e < 200; e++)
		if ((err_class(err_of(e)) == ERR_TEMP) != is_temporary(e))
			fail_msg("errno %d", e);
}

static void
test_class(void **state)
{
	static const struct {
		const char *name;
		int r;
		enum err_class want;
	} rows[] = {
		{ "syntax", E_SYNTAX, ERR_PERM },
		{ "NUL", E_NUL, ERR_PERM },
		{ "too big", E_TOOBIG, ERR_PERM },
		{ "absent", E_ABSENT, ERR_PERM },
		{ "memory", E_NOMEM, ERR_TEMP },
		{ "timeout", E_TIMEOUT, ERR_TEMP },
		{ "busy", E_BUSY, ERR_TEMP },
		{ "end of file", E_EOF, ERR_TEMP },
		{ "damaged", E_DAMAGED, ERR_TEMP },
		{ "unknown", -500, ERR_TEMP },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (err_class(rows[i].r) != rows[i].want)
			fail_msg("%s", rows[i].name);
}

static void
test_every_code_has_words(void **state)
{
	(void)state;
	for (int r = E_BUSY; r < 0; r++)
		assert_string_not_equal(err_text(r), "unknown error");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_codes),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_class_of_errno),
		cmocka_unit_test(test_class),
		cmocka_unit_test(test_every_code_has_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

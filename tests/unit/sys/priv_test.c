/*
 * priv_test - accounts, and becoming less for good
 *
 * As root it becomes nobody, in children; as anybody else it is refused.
 */
#include <errno.h>
#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "sys/fd.h"
#include "sys/priv.h"

enum { NOBODY = 65534 };

/* The exit code of a child that runs fn. */
static int
in_child(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
test_lookup(void **state)
{
	uid_t uid = 1;
	gid_t gid = 1;

	(void)state;
	assert_int_equal(priv_user("root", &uid, &gid), 0);
	assert_int_equal(uid, 0);
	assert_int_equal(gid, 0);
	gid = 1;
	assert_int_equal(priv_group("root", &gid), 0);
	assert_int_equal(gid, 0);
	assert_int_equal(priv_user("no such user", &uid, &gid), E_ABSENT);
	assert_int_equal(priv_user("", &uid, &gid), E_ABSENT);
	assert_int_equal(priv_group("no such group", &gid), E_ABSENT);
}

static int
drop_and_look(void)
{
	gid_t groups[2];

	if (priv_drop(NOBODY, NOBODY) != 0)
		return 1;
	if (getuid() != NOBODY || geteuid() != NOBODY || getgid() != NOBODY ||
	    getegid() != NOBODY)
		return 2;
	if (getgroups(2, groups) != 1 || groups[0] != NOBODY)
		return 3;
	if (setuid(0) == 0 || seteuid(0) == 0 || priv_is_root())
		return 4;
	/* once more is no change; another one is refused */
	if (priv_drop(NOBODY, NOBODY) != 0)
		return 5;
	if (!err_is(priv_drop(NOBODY - 1, NOBODY), EPERM) ||
	    !err_is(priv_drop(0, 0), EPERM))
		return 6;
	/* not root: nothing to become, not even a missing one */
	priv_become("no such user", "no such group");
	return 0;
}

static void
test_drop(void **state)
{
	(void)state;
	if (!priv_is_root()) {
		assert_int_equal(priv_drop(getuid(), getgid()), 0);
		assert_true(err_is(priv_drop(0, 0), EPERM));
		return;
	}
	assert_int_equal(in_child(drop_and_look), 0);
}

static int
stay_root(void)
{
	return priv_drop(0, 0) == 0 && priv_is_root() ? 0 : 1;
}

static void
test_root_may_stay(void **state)
{
	(void)state;
	if (!priv_is_root())
		skip();
	assert_int_equal(in_child(stay_root), 0);
}

/* What a child says on descriptor 2 when it must become these. */
static int
refusal(const char *user, const char *group, struct buf *b)
{
	int ends[2], status;
	pid_t pid;

	assert_int_equal(fd_pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		if (dup2(ends[1], 2) != 2)
			_exit(1);
		priv_become(user, group);
		_exit(0);
	}
	fd_close(&ends[1]);
	assert_int_equal(fd_read_all(ends[0], b), 0);
	fd_close(&ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

static void
test_become(void **state)
{
	struct buf b = BUF_INIT(1000);

	(void)state;
	if (!priv_is_root())
		skip();
	assert_int_equal(refusal("no such user", "root", &b), 111);
	assert_true(span_eq(
	    buf_span(&b), SPAN("fatal: unable to find user no such user\n")));
	buf_reset(&b);
	assert_int_equal(refusal("root", "no such group", &b), 111);
	assert_true(span_eq(
	    buf_span(&b), SPAN("fatal: unable to find group no such group\n")));
	buf_reset(&b);
	assert_int_equal(refusal("nobody", "root", &b), 0);
	assert_int_equal(b.len, 0);
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lookup),
		cmocka_unit_test(test_drop),
		cmocka_unit_test(test_root_may_stay),
		cmocka_unit_test(test_become),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * prog_test - options, complaints, exit codes, and a safe beginning
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "sys/fd.h"
#include "sys/prog.h"
#include "sys/sig.h"

enum { ARGS_MAX = 8 };

/*
 * Run fn in a child called "t"; what it writes on descriptor fd goes to b.
 * Returns its exit code.
 */
static int
run(void (*fn)(void *), void *ctx, int fd, struct buf *b)
{
	int ends[2], status;
	pid_t pid;

	buf_reset(b);
	assert_int_equal(fd_pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		prog_start("t");
		if (dup2(ends[1], fd) != fd)
			_exit(1);
		fn(ctx);
		_exit(0);
	}
	fd_close(&ends[1]);
	assert_int_equal(fd_read_all(ends[0], b), 0);
	fd_close(&ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

struct options {
	const char *name;
	const char *letters;
	const char *argv[ARGS_MAX]; /* without the program */
	const char *want; /* letters and arguments, '|', the operands */
	const char *complaint;
};

static void
write_out(const char *s)
{
	if (write(1, s, strlen(s)) < 0)
		_exit(1);
}

/* Options as "n" or "c=ARG", then "|", then operands, all with blanks. */
static void
list_options(void *ctx)
{
	const struct options *row = ctx;
	char *argv[ARGS_MAX + 2] = { NULL };
	char name[] = "prog";
	struct prog_opt o;
	int argc = 1;
	int c;

	argv[0] = name;
	for (; row->argv[argc - 1] != NULL; argc++)
		argv[argc] = (char *)(uintptr_t)row->argv[argc - 1];
	o = PROG_OPT(argc, argv);
	while ((c = prog_opt_next(&o, row->letters)) != -1) {
		const char s[2] = { (char)c, '\0' };
		const char *at = strchr(row->letters, c);

		write_out(s);
		if (at != NULL && at[1] == ':') {
			write_out("=");
			write_out(o.arg);
		}
		write_out(" ");
	}
	write_out("|");
	for (; o.index < argc; o.index++) {
		write_out(" ");
		write_out(argv[o.index]);
	}
}

/* The same on descriptor 2, with descriptor 1 out of the way. */
static void
complain_options(void *ctx)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (null < 0 || dup2(null, 1) != 1)
		_exit(1);
	list_options(ctx);
}

/* contract local.md, head: option parsing */
static void
test_options(void **state)
{
	static struct options rows[] = {
		{ "nothing", "n", { NULL }, "|", "" },
		{ "no letters", "", { "-n", "a", NULL }, "? | a",
		    "t: illegal option -- n\n" },
		{ "empty operand", "n", { "", "-n", NULL }, "|  -n", "" },
		{ "one", "nN", { "-n", NULL }, "n |", "" },
		{ "a bundle", "nN", { "-nN", "a", NULL }, "n N | a", "" },
		{ "stops at an operand", "n", { "a", "-n", NULL }, "| a -n",
		    "" },
		{ "-- is consumed", "n", { "-n", "--", "-n", NULL }, "n | -n",
		    "" },
		{ "- is an operand", "n", { "-n", "-", "-n", NULL }, "n | - -n",
		    "" },
		{ "attached", "c:n", { "-c+", "a", NULL }, "c=+ | a", "" },
		{ "next", "c:n", { "-c", "+", "a", NULL }, "c=+ | a", "" },
		{ "in a bundle", "c:n", { "-ncn", "a", NULL }, "n c=n | a",
		    "" },
		{ "in a bundle, next", "c:n", { "-nc", "n", NULL }, "n c=n |",
		    "" },
		{ "empty argument", "c:n", { "-c", "", "-n", NULL }, "c= n |",
		    "" },
		{ "-- as argument", "c:n", { "-c", "--", "-n", NULL },
		    "c=-- n |", "" },
		{ "- as argument", "c:", { "-c", "-", NULL }, "c=- |", "" },
		{ "dash in a bundle", "n", { "-n-", NULL }, "n ? |",
		    "t: illegal option -- -\n" },
		{ "unknown", "nN", { "-x", NULL }, "? |",
		    "t: illegal option -- x\n" },
		{ "unknown in a bundle", "nN", { "-nxN", NULL }, "n ? N |",
		    "t: illegal option -- x\n" },
		{ "colon", "c:n", { "-:", NULL }, "? |",
		    "t: illegal option -- :\n" },
		{ "missing", "c:n", { "-c", NULL }, "? |",
		    "t: option requires an argument -- c\n" },
		{ "two complaints", "c:", { "-xc", NULL }, "? ? |",
		    "t: illegal option -- x\n"
		    "t: option requires an argument -- c\n" },
		{ "missing in a bundle", "c:n", { "-nc", NULL }, "n ? |",
		    "t: option requires an argument -- c\n" },
	};
	struct buf b = BUF_INIT(1000);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(run(list_options, &rows[i], 1, &b), 0);
		if (!span_eq(buf_span(&b), span_cstr(rows[i].want)))
			fail_msg("%s: %.*s", rows[i].name, (int)b.len, b.p);
		assert_int_equal(run(complain_options, &rows[i], 2, &b), 0);
		if (!span_eq(buf_span(&b), span_cstr(rows[i].complaint)))
			fail_msg("%s: %.*s", rows[i].name, (int)b.len, b.p);
	}
	buf_free(&b);
}

static void
usage(void *ctx)
{
	(void)ctx;
	prog_usage("t [ -n ] file");
}

static void
die(void *ctx)
{
	(void)ctx;
	prog_die(EX_SOFT, "unable to fork", E_NOMEM);
}

static void
die_plainly(void *ctx)
{
	(void)ctx;
	prog_die(EX_HARD, "no way", 0);
}

static void
die_file(void *ctx)
{
	(void)ctx;
	prog_die_file(EX_SOFT, "unable to read", "control/me", E_ABSENT);
}

static void
die_file_plainly(void *ctx)
{
	(void)ctx;
	prog_die_file(7, "bad format in", "users/assign", 0);
}

static void
test_endings(void **state)
{
	static const struct {
		void (*fn)(void *);
		int code;
		const char *want;
	} rows[] = {
		{ usage, 100, "t: usage: t [ -n ] file\n" },
		{ die, 111, "t: fatal: unable to fork: out of memory\n" },
		{ die_plainly, 100, "t: fatal: no way\n" },
		{ die_file, 111,
		    "t: fatal: unable to read control/me: "
		    "file does not exist\n" },
		{ die_file_plainly, 7,
		    "t: fatal: bad format in users/assign\n" },
	};
	struct buf b = BUF_INIT(1000);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(run(rows[i].fn, NULL, 2, &b), rows[i].code);
		assert_true(span_eq(buf_span(&b), span_cstr(rows[i].want)));
	}
	buf_free(&b);
}

static void
say(void *ctx)
{
	(void)ctx;
	if (prog_say("") < 0 || prog_say("did 1+0+0") < 0)
		_exit(1);
}

static void
test_say(void **state)
{
	struct buf b = BUF_INIT(100);
	int saved = dup(1);
	int out = 1;

	(void)state;
	assert_int_equal(run(say, NULL, 1, &b), 0);
	assert_true(span_eq(buf_span(&b), SPAN("\ndid 1+0+0\n")));
	buf_free(&b);
	/* nobody to say it to */
	fd_close(&out);
	out = prog_say("x");
	assert_int_equal(dup2(saved, 1), 1);
	fd_close(&saved);
	assert_true(err_is(out, EBADF));
}

static void
test_code(void **state)
{
	(void)state;
	assert_int_equal(prog_code(E_SYNTAX), EX_HARD);
	assert_int_equal(prog_code(E_ABSENT), EX_HARD);
	assert_int_equal(prog_code(err_of(EACCES)), EX_HARD);
	assert_int_equal(prog_code(E_NOMEM), EX_SOFT);
	assert_int_equal(prog_code(err_of(EIO)), EX_SOFT);
}

/* In a child: descriptors that are closed, signals as a parent left them. */
static int
begin(const bool closed[3])
{
	struct sigaction act;
	sigset_t set;
	int next;

	sig_block(SIGTERM);
	sig_default(SIGPIPE);
	for (int i = 0; i < 3; i++) {
		int fd = i;

		if (closed[i])
			fd_close(&fd);
	}
	prog_start("begun");
	next = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (next < 3)
		return 1;
	for (int i = 0; i < 3; i++)
		if (fcntl(i, F_GETFD) != 0)
			return 2;
	if (closed[0] && read(0, &next, 1) != 0)
		return 3;
	if (closed[1] && write(1, "x", 1) != 1)
		return 4;
	if (sigaction(SIGPIPE, NULL, &act) < 0 || act.sa_handler != SIG_IGN)
		return 5;
	if (sigprocmask(SIG_SETMASK, NULL, &set) < 0 ||
	    sigismember(&set, SIGTERM) != 0)
		return 6;
	return strcmp(prog_name(), "begun") == 0 ? 0 : 7;
}

static void
test_start(void **state)
{
	static const struct {
		const char *name;
		bool closed[3];
	} rows[] = {
		{ "all open", { false, false, false } },
		{ "all closed", { true, true, true } },
		{ "no input", { true, false, false } },
		{ "no output", { false, true, false } },
		{ "no errors", { false, false, true } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int status;
		pid_t pid = fork();

		if (pid == 0)
			_exit(begin(rows[i].closed));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (status != 0)
			fail_msg("%s: %d", rows[i].name, WEXITSTATUS(status));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_endings),
		cmocka_unit_test(test_say),
		cmocka_unit_test(test_code),
		cmocka_unit_test(test_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

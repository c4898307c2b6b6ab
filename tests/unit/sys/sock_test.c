/*
 * sock_test - sockets by name, peers, and descriptors on their way
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/sock.h"

static char home[] = "/tmp/sock_test.XXXXXX";

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
	return rmdir(home);
}

static void
test_listen_mode(void **state)
{
	static const struct {
		mode_t mask, mode;
	} rows[] = { { 0, 0600 }, { 0, 0666 }, { 077, 0666 }, { 022, 0777 } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		mode_t old = umask(rows[i].mask);
		struct stat st;
		int fd;

		assert_int_equal(sock_listen("s", rows[i].mode, 5, &fd), 0);
		assert_int_equal(stat("s", &st), 0);
		assert_int_equal(st.st_mode & 07777, rows[i].mode);
		assert_true(fd_is_listening(fd));
		assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
		fd_close(&fd);
		assert_int_equal(unlink("s"), 0);
		(void)umask(old);
	}
}

static void
test_stale_and_live(void **state)
{
	int one, two;
	FILE *f;

	(void)state;
	assert_int_equal(sock_listen("s", 0600, 0, &one), 0);
	assert_int_equal(sock_listen("s", 0600, 0, &two), E_BUSY);
	assert_int_equal(two, -1);
	/* it does not take part, but it lives: its backlog is full */
	assert_int_equal(sock_listen("s", 0600, 0, &two), E_BUSY);
	assert_int_equal(sock_listen("s", 0600, 0, &two), E_BUSY);
	fd_close(&one);
	assert_int_equal(sock_listen("s", 0600, 0, &one), 0);
	fd_close(&one);
	assert_int_equal(unlink("s"), 0);

	/* not ours to remove */
	f = fopen("s", "w");
	assert_non_null(f);
	assert_int_equal(fclose(f), 0);
	assert_true(err_is(sock_listen("s", 0600, 0, &one), EEXIST));
	assert_int_equal(one, -1);
	assert_int_equal(access("s", F_OK), 0);
	assert_int_equal(unlink("s"), 0);
	assert_true(err_is(sock_listen("none/s", 0600, 0, &one), ENOENT));
}

static void
test_path_length(void **state)
{
	char path[110];
	int fd;

	(void)state;
	memset(path, 'x', sizeof(path));
	path[108] = '\0';
	assert_int_equal(sock_listen(path, 0600, 0, &fd), E_TOOBIG);
	assert_int_equal(sock_connect(path, FD_FOREVER, &fd), E_TOOBIG);
	assert_int_equal(fd, -1);
	path[107] = '\0';
	assert_int_equal(sock_listen(path, 0600, 0, &fd), 0);
	fd_close(&fd);
	assert_int_equal(unlink(path), 0);
}

static void
test_connect(void **state)
{
	static const struct {
		const char *name;
		int64_t ms; /* -1: forever */
	} rows[] = { { "forever", -1 }, { "now", 0 }, { "a minute", 60000 } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int64_t deadline =
		    rows[i].ms < 0 ? FD_FOREVER : clock_ms() + rows[i].ms;
		struct timeval t = { 1, 1 };
		socklen_t len = sizeof(t);
		int server, fd;

		if (sock_connect("s", deadline, &fd) != E_ABSENT || fd != -1)
			fail_msg("%s: absent", rows[i].name);
		assert_int_equal(sock_listen("s", 0600, 0, &server), 0);
		if (sock_connect("s", deadline, &fd) != 0)
			fail_msg("%s: present", rows[i].name);
		assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
		assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) == 0);
		assert_int_equal(
		    getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, &len), 0);
		assert_int_equal(t.tv_sec, 0);
		assert_int_equal(t.tv_usec, 0);
		fd_close(&fd);
		fd_close(&server);
		if (!err_is(sock_connect("s", deadline, &fd), ECONNREFUSED))
			fail_msg("%s: refused", rows[i].name);
		assert_int_equal(unlink("s"), 0);
	}
}

/* A server that accepts nobody does not hold its clients for ever. */
static void
test_connect_deadline(void **state)
{
	int server, first, second;
	int64_t deadline;

	(void)state;
	assert_int_equal(sock_listen("s", 0600, 0, &server), 0);
	assert_int_equal(sock_connect("s", clock_ms() + 60000, &first), 0);
	deadline = clock_ms() + 3;
	assert_int_equal(sock_connect("s", deadline, &second), E_TIMEOUT);
	assert_true(clock_ms() >= deadline);
	assert_int_equal(second, -1);
	assert_int_equal(sock_connect("s", clock_ms() - 5, &second), E_TIMEOUT);
	fd_close(&first);
	fd_close(&server);
	assert_int_equal(unlink("s"), 0);
}

static void
test_peer(void **state)
{
	struct sock_peer peer;
	int ends[2], nothing[2];

	(void)state;
	assert_int_equal(sock_pair(ends), 0);
	assert_int_equal(sock_peer(ends[0], &peer), 0);
	assert_int_equal(peer.pid, getpid());
	assert_int_equal(peer.uid, geteuid());
	assert_int_equal(peer.gid, getegid());
	assert_int_equal(fd_pipe(nothing), 0);
	assert_true(err_is(sock_peer(nothing[0], &peer), ENOTSOCK));
	for (int i = 0; i < 2; i++) {
		fd_close(&ends[i]);
		fd_close(&nothing[i]);
	}
}

static void
test_messages(void **state)
{
	struct buf b = BUF_INIT(10);
	int ends[2];
	int passed = 5;
	size_t got = 9;

	(void)state;
	assert_int_equal(sock_pair(ends), 0);
	assert_int_equal(fcntl(ends[0], F_GETFD), FD_CLOEXEC);
	assert_int_equal(
	    sock_recv(ends[1], &b, 9, clock_ms(), &got, &passed), E_TIMEOUT);
	assert_int_equal(sock_send(ends[0], SPAN("ab"), -1, FD_FOREVER), 0);
	assert_int_equal(sock_send(ends[0], SPAN("c\0d"), -1, clock_ms()), 0);
	assert_int_equal(
	    sock_recv(ends[1], &b, 9, FD_FOREVER, &got, &passed), 0);
	assert_int_equal(got, 2);
	assert_int_equal(passed, -1);
	assert_int_equal(
	    sock_recv(ends[1], &b, 3, clock_ms(), &got, &passed), 0);
	assert_int_equal(got, 3);
	assert_true(span_eq(buf_span(&b), SPAN("abc\0d")));
	/* longer than we bargained for: it is gone, the next one is fine */
	assert_int_equal(sock_send(ends[0], SPAN("wxyz"), -1, FD_FOREVER), 0);
	assert_int_equal(sock_send(ends[0], SPAN("!"), -1, FD_FOREVER), 0);
	assert_int_equal(
	    sock_recv(ends[1], &b, 3, FD_FOREVER, &got, &passed), E_TOOBIG);
	assert_int_equal(
	    sock_recv(ends[1], &b, 3, FD_FOREVER, &got, &passed), 0);
	assert_true(span_eq(buf_span(&b), SPAN("abc\0d!")));
	fd_close(&ends[0]);
	assert_int_equal(
	    sock_recv(ends[1], &b, 3, FD_FOREVER, &got, &passed), 0);
	assert_int_equal(got, 0);
	assert_int_equal(passed, -1);
	assert_true(
	    err_is(sock_send(ends[1], SPAN("x"), -1, clock_ms()), EPIPE));
	fd_close(&ends[1]);
	buf_free(&b);
}

/* More than the buf may hold: said before anything is received. */
static void
test_no_room(void **state)
{
	struct buf b = BUF_INIT(2);
	int ends[2];
	int passed = 5;
	size_t got;

	(void)state;
	assert_int_equal(sock_pair(ends), 0);
	assert_int_equal(
	    sock_recv(ends[1], &b, 3, clock_ms(), &got, &passed), E_TOOBIG);
	assert_int_equal(passed, -1);
	fd_close(&ends[0]);
	fd_close(&ends[1]);
	buf_free(&b);
}

static void
test_send_deadline(void **state)
{
	int ends[2];
	int n = 0;
	int r;

	(void)state;
	assert_int_equal(sock_pair(ends), 0);
	do
		r = sock_send(ends[0], SPAN("x"), -1, clock_ms() + 1);
	while (r == 0 && n++ < 1000000);
	assert_int_equal(r, E_TIMEOUT);
	fd_close(&ends[0]);
	fd_close(&ends[1]);
}

static void
test_pass(void **state)
{
	struct buf b = BUF_INIT(100);
	int ends[2], pipes[2];
	int passed = -1;
	size_t got;

	(void)state;
	assert_int_equal(sock_pair(ends), 0);
	assert_int_equal(fd_pipe(pipes), 0);
	assert_int_equal(
	    sock_send(ends[0], SPAN("take"), pipes[1], FD_FOREVER), 0);
	fd_close(&pipes[1]);
	assert_int_equal(
	    sock_recv(ends[1], &b, 50, FD_FOREVER, &got, &passed), 0);
	assert_true(span_eq(buf_span(&b), SPAN("take")));
	assert_true(passed >= 0);
	assert_int_equal(fcntl(passed, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fd_write(passed, SPAN("x"), FD_FOREVER), 0);
	fd_close(&passed);
	buf_reset(&b);
	assert_int_equal(fd_read_all(pipes[0], &b), 0);
	assert_true(span_eq(buf_span(&b), SPAN("x")));
	fd_close(&pipes[0]);
	fd_close(&ends[0]);
	fd_close(&ends[1]);
	buf_free(&b);
}

/* One message with several descriptors, as no sock_send() makes it. */
static void
send_many(int fd, const int *fds, size_t n)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * 5)];
	} control = { .bytes = { 0 } };
	char byte = 'x';
	struct iovec iov = { &byte, 1 };
	struct msghdr h = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = CMSG_SPACE(sizeof(int) * n) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&h);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int) * n);
	memcpy(CMSG_DATA(c), fds, sizeof(int) * n);
	assert_int_equal(sendmsg(fd, &h, 0), 1);
}

static int
count_open(void)
{
	int n = 0;

	for (int fd = 0; fd < 100; fd++)
		n += fd_is_open(fd) ? 1 : 0;
	return n;
}

/* A peer may send more of them than we asked for: none is left open. */
static void
test_more_than_one(void **state)
{
	static const int fds[] = { 0, 1, 2, 0, 1 };
	int ends[2];

	(void)state;
	assert_int_equal(sock_pair(ends), 0);
	for (size_t n = 1; n <= 5; n++) {
		struct buf b = BUF_INIT(100);
		int before = count_open();
		int passed = -1;
		size_t got = 0;

		send_many(ends[0], fds, n);
		if (sock_recv(ends[1], &b, 50, FD_FOREVER, &got, &passed) == 0)
			assert_int_equal(got, 1);
		else
			assert_int_equal(passed, -1);
		fd_close(&passed);
		assert_int_equal(count_open(), before);
		buf_free(&b);
	}
	fd_close(&ends[0]);
	fd_close(&ends[1]);
}

/* Too long, with a descriptor: that one does not stay open either. */
static void
test_truncated_with_fd(void **state)
{
	struct buf b = BUF_INIT(100);
	int before, ends[2];
	int passed = -1;
	size_t got;

	(void)state;
	assert_int_equal(sock_pair(ends), 0);
	before = count_open();
	assert_int_equal(sock_send(ends[0], SPAN("long"), 0, FD_FOREVER), 0);
	assert_int_equal(
	    sock_recv(ends[1], &b, 3, FD_FOREVER, &got, &passed), E_TOOBIG);
	assert_int_equal(passed, -1);
	assert_int_equal(count_open(), before);
	fd_close(&ends[0]);
	fd_close(&ends[1]);
	buf_free(&b);
}

/* On a stream a message may go in parts; all of it goes. */
static void
test_stream(void **state)
{
	static char much[400000];
	struct buf b = BUF_INIT(sizeof(much));
	int ends[2];
	int passed = -1;
	size_t got = 1;
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	pid = fork();
	if (pid == 0) {
		fd_close(&ends[1]);
		_exit(sock_send(ends[0], (struct span){ much, sizeof(much) }, 0,
		    clock_ms() + 60000));
	}
	fd_close(&ends[0]);
	assert_int_equal(
	    sock_recv(ends[1], &b, 1000, FD_FOREVER, &got, &passed), 0);
	assert_true(passed >= 0);
	fd_close(&passed);
	assert_int_equal(fd_read_all(ends[1], &b), 0);
	assert_int_equal(b.len, sizeof(much));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	fd_close(&ends[1]);
	buf_free(&b);
}

static int
inet_socket(int flags)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

	assert_true(fd >= 0);
	return fd;
}

static void
test_reach(void **state)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(to);
	int listener = inet_socket(0), fd = inet_socket(SOCK_NONBLOCK);
	const struct sockaddr *address = (const void *)&to;

	(void)state;
	assert_int_equal(bind(listener, address, len), 0);
	assert_int_equal(getsockname(listener, (void *)&to, &len), 0);
	/* the port is taken, and nobody listens there */
	assert_true(err_is(
	    sock_reach(fd, address, len, clock_ms() + 60000), ECONNREFUSED));
	fd_close(&fd);
	assert_int_equal(listen(listener, 1), 0);
	fd = inet_socket(SOCK_NONBLOCK);
	assert_int_equal(sock_reach(fd, address, len, clock_ms() + 60000), 0);
	assert_int_equal(fd_write(fd, SPAN("x"), clock_ms() + 60000), 0);
	fd_close(&fd);
	fd_close(&listener);
	assert_true(err_is(sock_reach(-1, address, len, 0), EBADF));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_listen_mode),
		cmocka_unit_test(test_reach),
		cmocka_unit_test(test_stale_and_live),
		cmocka_unit_test(test_path_length),
		cmocka_unit_test(test_connect),
		cmocka_unit_test(test_connect_deadline),
		cmocka_unit_test(test_peer),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_send_deadline),
		cmocka_unit_test(test_pass),
		cmocka_unit_test(test_more_than_one),
		cmocka_unit_test(test_truncated_with_fd),
		cmocka_unit_test(test_stream),
	};

	return cmocka_run_group_tests(tests, enter, leave);
}

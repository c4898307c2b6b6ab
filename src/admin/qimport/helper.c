/*
 * helper - a child of ours with other rights: see helper.h
 */
#include "helper.h"

#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "sys/fd.h"
#include "sys/prog.h"
#include "sys/sock.h"

enum { MESSAGE_MAX = 256 };

int
helper_fork(int *fd, bool *is_child)
{
	int ends[2];
	pid_t pid;
	int r = sock_pair(ends);

	if (r < 0)
		return r;
	pid = fork();
	if (pid < 0) {
		r = err_sys();
		fd_close(&ends[0]);
		fd_close(&ends[1]);
		return r;
	}
	*is_child = pid == 0;
	*fd = ends[*is_child];
	fd_close(&ends[!*is_child]);
	return 0;
}

void
helper_serve(int fd, helper_fn *fn, void *ctx)
{
	struct buf question = BUF_INIT(MESSAGE_MAX);

	for (;;) {
		int32_t answer;
		int passed = -1;
		size_t got = 0;

		buf_reset(&question);
		if (sock_recv(fd, &question, MESSAGE_MAX, FD_FOREVER, &got,
			&passed) < 0 ||
		    got == 0)
			_exit(0);
		answer = fn(ctx, buf_span(&question), &passed);
		if (sock_send(fd,
			(struct span){ (const char *)&answer, sizeof(answer) },
			passed, FD_FOREVER) < 0)
			_exit(0);
		fd_close(&passed);
	}
}

int
helper_ask(int fd, struct span question, int pass, int *back)
{
	struct buf answer = BUF_INIT(MESSAGE_MAX);
	int32_t said = 0;
	size_t got = 0;
	int r;

	*back = -1;
	r = sock_send(fd, question, pass, FD_FOREVER);
	if (r == 0)
		r = sock_recv(fd, &answer, MESSAGE_MAX, FD_FOREVER, &got, back);
	if (r < 0 || got != sizeof(said))
		prog_die(EX_SOFT, "lost a helper process", r);
	memcpy(&said, answer.p, sizeof(said));
	buf_free(&answer);
	return said;
}

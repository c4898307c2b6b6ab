/*
 * capture - run something and keep what it says: see capture.h
 */
#include "capture.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/err.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/file.h"
#include "sys/priv.h"
#include "sys/prog.h"

enum { PIECE = 64 * 1024, LIMIT_MS = 60 * 1000 };

static int
start_program(
    const struct capture *c, int null_fd, int out, int err, pid_t *pid)
{
	const struct proc_fd fds[] = { { null_fd, 0 }, { out, 1 },
		{ err >= 0 ? err : 2, 2 }, { -1, -1 } };
	const struct proc_start what = {
		.argv = c->argv, .fds = fds, .as = c->as
	};

	return proc_spawn(&what, pid);
}

static int
start_function(const struct capture *c, int out, pid_t *pid)
{
	int r = proc_fork(pid);

	if (r < 0 || *pid > 0)
		return r;
	if (c->as != NULL && priv_drop(c->as->uid, c->as->gid) < 0)
		_exit(EX_SOFT);
	c->fn(c->ctx, out);
	_exit(0);
}

static int
read_all(int fd, struct buf *b, int64_t deadline)
{
	size_t got = 0;
	int r;

	do
		r = fd_read_buf(fd, b, PIECE, deadline, &got);
	while (r == 0 && got > 0);
	return r;
}

/* What it says, first on out, then on err: that is little. */
static int
listen(struct capture *c, int out, int err)
{
	int64_t deadline = clock_ms() + LIMIT_MS;
	int r = read_all(out, c->out, deadline);

	if (r == 0 && err >= 0)
		r = read_all(err, c->err, deadline);
	return r;
}

int
capture(struct capture *c)
{
	int out[2] = { -1, -1 }, err[2] = { -1, -1 };
	int null_fd = -1;
	pid_t pid = 0;
	int r = file_open(FILE_CWD, "/dev/null", O_RDONLY, 0, &null_fd);

	if (r == 0)
		r = fd_pipe(out);
	if (r == 0 && c->err != NULL)
		r = fd_pipe(err);
	if (r == 0)
		r = c->argv != NULL
			? start_program(c, null_fd, out[1], err[1], &pid)
			: start_function(c, out[1], &pid);
	fd_close(&out[1]);
	fd_close(&err[1]);
	if (r == 0) {
		int waited;

		r = listen(c, out[0], err[0]);
		if (r < 0)
			(void)kill(pid, SIGKILL);
		waited = proc_wait(pid, &c->end);
		r = r == 0 ? waited : r;
	}
	fd_close(&out[0]);
	fd_close(&err[0]);
	fd_close(&null_fd);
	return r;
}

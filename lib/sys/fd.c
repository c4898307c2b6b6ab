/*
 * fd - descriptors: see fd.h
 */
#include "sys/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "sys/clock.h"

enum {
	READ_PIECE = 65536,
	WRITE_PIECE = 4096 /* POLLOUT promises this much of a pipe: PIPE_BUF */
};

void
fd_close(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

int
fd_close_checked(int *fd)
{
	int r = 0;

	if (*fd >= 0 && close(*fd) < 0 && errno != EINTR)
		r = err_sys();
	*fd = -1;
	return r;
}

/* Wait for an event of poll(2) until the deadline. */
static int
wait_event(int fd, short events, int64_t deadline)
{
	struct pollfd p = { .fd = fd, .events = events };

	if (fd < 0) /* which poll(2) passes over in silence */
		return err_of(EBADF);
	for (;;) {
		int ms = -1;
		int n;

		if (deadline != FD_FOREVER) {
			int64_t now = clock_ms();
			int64_t left = deadline > now ? deadline - now : 0;

			ms = left > INT_MAX ? INT_MAX : (int)left;
		}
		n = poll(&p, 1, ms);
		if (n > 0)
			return 0;
		if (n == 0 && ms >= 0 && clock_ms() >= deadline)
			return E_TIMEOUT;
		if (n < 0 && errno != EINTR)
			return err_sys();
	}
}

int
fd_wait_in(int fd, int64_t deadline)
{
	return wait_event(fd, POLLIN, deadline);
}

int
fd_wait_out(int fd, int64_t deadline)
{
	return wait_event(fd, POLLOUT, deadline);
}

int
fd_read(int fd, void *p, size_t n, int64_t deadline, size_t *got)
{
	/* a blocking read would outlive its deadline: so wait first */
	bool must_wait = deadline != FD_FOREVER;

	for (;;) {
		ssize_t k;

		if (must_wait) {
			int r = wait_event(fd, POLLIN, deadline);

			if (r < 0)
				return r;
		}
		k = read(fd, p, n);
		if (k >= 0) {
			*got = (size_t)k;
			return 0;
		}
		if (errno != EINTR && errno != EAGAIN)
			return err_sys();
		must_wait = must_wait || errno == EAGAIN;
	}
}

int
fd_read_buf(int fd, struct buf *b, size_t n, int64_t deadline, size_t *got)
{
	size_t room = b->max - b->len;
	char *p;
	int r;

	if (room == 0)
		return E_TOOBIG;
	if (n > room)
		n = room;
	p = buf_room(b, n);
	if (p == NULL)
		return buf_err(b);
	r = fd_read(fd, p, n, deadline, got);
	if (r == 0)
		buf_grew(b, *got);
	return r;
}

int
fd_read_all(int fd, struct buf *b)
{
	size_t got = 1;
	size_t piece = 4096; /* most files are small */

	while (got > 0) {
		int r;

		if (b->len == b->max) {
			char byte;

			r = fd_read(fd, &byte, 1, FD_FOREVER, &got);
			if (r == 0 && got > 0)
				r = E_TOOBIG;
			return r;
		}
		r = fd_read_buf(fd, b, piece, FD_FOREVER, &got);
		if (r < 0)
			return r;
		if (piece < READ_PIECE)
			piece *= 2;
	}
	return 0;
}

/* How write(2) is kept from blocking beyond a deadline. */
enum write_how {
	PLAINLY,  /* it may block, or never does */
	BY_SEND,  /* a socket: ask for each call */
	BY_PIECES /* a blocking pipe or terminal: as much as poll promises */
};

static enum write_how
how_without_socket(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	/* write() will tell what is wrong with the descriptor */
	return flags < 0 || (flags & O_NONBLOCK) != 0 ? PLAINLY : BY_PIECES;
}

int
fd_write(int fd, struct span s, int64_t deadline)
{
	enum write_how how = deadline == FD_FOREVER ? PLAINLY : BY_SEND;
	bool must_wait = false;

	while (s.len > 0) {
		ssize_t n;

		if (must_wait || how == BY_PIECES) {
			int r = wait_event(fd, POLLOUT, deadline);

			if (r < 0)
				return r;
		}
		if (how == BY_SEND)
			n = send(fd, s.p, s.len, MSG_DONTWAIT | MSG_NOSIGNAL);
		else if (how == BY_PIECES)
			n = write(fd, s.p, span_head(s, WRITE_PIECE).len);
		else
			n = write(fd, s.p, s.len);
		must_wait = n < 0 && errno == EAGAIN;
		if (n >= 0)
			s = span_tail(s, (size_t)n);
		else if (errno == ENOTSOCK && how == BY_SEND)
			how = how_without_socket(fd);
		else if (errno != EAGAIN && errno != EINTR)
			return err_sys();
	}
	return 0;
}

int
fd_pwrite(int fd, struct span s, off_t at)
{
	while (s.len > 0) {
		ssize_t n = pwrite(fd, s.p, s.len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys();
		s = span_tail(s, (size_t)n);
		at += n;
	}
	return 0;
}

static int
set_flag(int fd, int get, int set, int flag, bool on)
{
	int flags = fcntl(fd, get);

	if (flags < 0)
		return err_sys();
	flags = on ? flags | flag : flags & ~flag;
	return fcntl(fd, set, flags) < 0 ? err_sys() : 0;
}

int
fd_nonblock(int fd, bool on)
{
	return set_flag(fd, F_GETFL, F_SETFL, O_NONBLOCK, on);
}

int
fd_cloexec(int fd, bool on)
{
	return set_flag(fd, F_GETFD, F_SETFD, FD_CLOEXEC, on);
}

bool
fd_is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

bool
fd_is_listening(int fd)
{
	int on = 0;
	socklen_t len = sizeof(on);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == 0 &&
	       on != 0;
}

int
fd_pipe(int ends[2])
{
	return pipe2(ends, O_CLOEXEC) < 0 ? err_sys() : 0;
}

int
fd_rewind(int fd)
{
	return lseek(fd, 0, SEEK_SET) < 0 ? err_sys() : 0;
}

/*
 * sock - sockets: see sock.h
 */
#include "sys/sock.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "sys/clock.h"
#include "sys/fd.h"

static int
name_of(const char *path, struct sockaddr_un *out)
{
	struct span s = span_cstr(path);

	if (s.len >= sizeof(out->sun_path))
		return E_TOOBIG;
	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(out->sun_path, s.p, s.len);
	return 0;
}

static int
new_socket(int flags, int *fd)
{
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	return *fd < 0 ? err_sys() : 0;
}

/* A full backlog makes connect() wait, which only this timer can end. */
static int
limit_connect(int fd, int64_t ms)
{
	struct timeval t = { .tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000 * 1000) };

	return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t)) < 0
		   ? err_sys()
		   : 0;
}

static int
connect_once(int fd, const struct sockaddr_un *name)
{
	if (connect(fd, (const struct sockaddr *)name, sizeof(*name)) == 0)
		return 0;
	switch (errno) {
	case ENOENT:
		return E_ABSENT;
	case EAGAIN:
		return E_TIMEOUT;
	default:
		return err_sys();
	}
}

static int
connect_before(int fd, const struct sockaddr_un *name, int64_t deadline)
{
	int r;

	do {
		int64_t now = clock_ms();

		r = limit_connect(fd, deadline > now ? deadline - now : 1);
		if (r == 0)
			r = connect_once(fd, name);
	} while (err_is(r, EINTR));
	return r == 0 ? limit_connect(fd, 0) : r;
}

int
sock_connect(const char *path, int64_t deadline, int *fd)
{
	struct sockaddr_un name;
	int r = name_of(path, &name);

	*fd = -1;
	if (r == 0)
		r = new_socket(0, fd);
	if (r == 0 && deadline != FD_FOREVER)
		r = connect_before(*fd, &name, deadline);
	else if (r == 0)
		do
			r = connect_once(*fd, &name);
		while (err_is(r, EINTR));
	if (r < 0)
		fd_close(fd);
	return r;
}

int
sock_reach(int fd, const struct sockaddr *to, socklen_t len, int64_t deadline)
{
	int error = 0;
	socklen_t n = sizeof(error);
	int r;

	if (connect(fd, to, len) == 0)
		return 0;
	if (errno != EINPROGRESS)
		return err_sys();
	r = fd_wait_out(fd, deadline);
	if (r == 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
		r = err_sys();
	return r == 0 && error != 0 ? err_of(error) : r;
}

/* Remove a socket nobody listens on. E_BUSY when somebody does. */
static int
remove_stale(const char *path, const struct sockaddr_un *name)
{
	struct stat st;
	int fd = -1;
	int r;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_sys();
	if (!S_ISSOCK(st.st_mode))
		return err_of(EEXIST);
	r = new_socket(SOCK_NONBLOCK, &fd);
	if (r == 0)
		r = connect_once(fd, name);
	fd_close(&fd);
	if (r == 0 || r == E_TIMEOUT) /* alive, perhaps at its limit */
		return E_BUSY;
	/* nothing else proves that it is dead */
	if (err_is(r, ECONNREFUSED))
		r = unlink(path) < 0 && errno != ENOENT ? err_sys() : 0;
	return r == E_ABSENT ? 0 : r;
}

/* Nobody can connect before listen(): the mode is set in between. */
static int
bind_and_listen(
    int fd, const struct sockaddr_un *name, mode_t mode, int backlog)
{
	int r;

	if (bind(fd, (const struct sockaddr *)name, sizeof(*name)) < 0)
		return errno == EADDRINUSE ? E_BUSY : err_sys();
	if (chmod(name->sun_path, mode) == 0 && listen(fd, backlog) == 0)
		return 0;
	r = err_sys();
	(void)unlink(name->sun_path);
	return r;
}

int
sock_listen(const char *path, mode_t mode, int backlog, int *fd)
{
	struct sockaddr_un name;
	int r;

	*fd = -1;
	r = name_of(path, &name);
	if (r == 0)
		r = remove_stale(path, &name);
	if (r == 0)
		r = new_socket(0, fd);
	if (r == 0)
		r = bind_and_listen(*fd, &name, mode, backlog);
	if (r < 0)
		fd_close(fd);
	return r;
}

int
sock_pair(int ends[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0
		   ? err_sys()
		   : 0;
}

int
sock_peer(int fd, struct sock_peer *out)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return err_sys();
	*out = (struct sock_peer){
		.pid = cred.pid, .uid = cred.uid, .gid = cred.gid
	};
	return 0;
}

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int))];
};

int
sock_send(int fd, struct span msg, int pass, int64_t deadline)
{
	union control control = { .bytes = { 0 } };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)msg.p,
		.iov_len = msg.len };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (pass >= 0) {
		struct cmsghdr *c;

		h.msg_control = control.bytes;
		h.msg_controllen = sizeof(control.bytes);
		c = CMSG_FIRSTHDR(&h);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &pass, sizeof(pass));
	}
	for (;;) {
		ssize_t n = sendmsg(fd, &h, MSG_NOSIGNAL | MSG_DONTWAIT);
		int r;

		/* a stream may take less than all */
		if (n >= 0)
			return fd_write(
			    fd, span_tail(msg, (size_t)n), deadline);
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return err_sys();
		r = fd_wait_out(fd, deadline);
		if (r < 0)
			return r;
	}
}

/*
 * The descriptor in the control part; more than one are closed: padding
 * leaves room for a second, and the kernel fills it if the peer likes.
 */
static int
passed_fd(struct msghdr *h)
{
	int found = -1;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c != NULL;
	     c = CMSG_NXTHDR(h, c)) {
		size_t at = CMSG_LEN(0);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (; at + sizeof(int) <= c->cmsg_len; at += sizeof(int)) {
			int fd;

			memcpy(&fd, (const unsigned char *)c + at, sizeof(fd));
			if (found >= 0)
				fd_close(&fd);
			else
				found = fd;
		}
	}
	return found;
}

int
sock_recv(int fd, struct buf *b, size_t max, int64_t deadline, size_t *got,
    int *passed)
{
	union control control;
	struct iovec iov;
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	*passed = -1;
	iov.iov_base = buf_room(b, max);
	iov.iov_len = max;
	if (iov.iov_base == NULL)
		return buf_err(b);
	for (;;) {
		int r;

		if (deadline != FD_FOREVER) {
			r = fd_wait_in(fd, deadline);
			if (r < 0)
				return r;
		}
		h.msg_control = control.bytes;
		h.msg_controllen = sizeof(control.bytes);
		n = recvmsg(fd, &h, MSG_CMSG_CLOEXEC);
		if (n >= 0)
			break;
		if (errno != EINTR && errno != EAGAIN)
			return err_sys();
		if (errno == EAGAIN && deadline == FD_FOREVER) {
			r = fd_wait_in(fd, deadline);
			if (r < 0)
				return r;
		}
	}
	*passed = passed_fd(&h);
	if ((h.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
		fd_close(passed);
		return E_TOOBIG;
	}
	*got = (size_t)n;
	buf_grew(b, *got);
	return 0;
}

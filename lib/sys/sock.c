/*
 * sock - sockets on this machine: see sock.h
 */
#include "sys/sock.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "sys/fd.h"

enum { PASS_MAX = 1 };

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
new_socket(int *fd)
{
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return *fd < 0 ? err_sys() : 0;
}

int
sock_connect(const char *path, int64_t deadline, int *fd)
{
	struct sockaddr_un name;
	int r = name_of(path, &name);

	*fd = -1;
	if (r == 0)
		r = new_socket(fd);
	while (r == 0 &&
	       connect(*fd, (const struct sockaddr *)&name, sizeof(name)) < 0) {
		if (errno == ENOENT)
			r = E_ABSENT;
		else if (errno != EINTR)
			r = err_sys();
	}
	/* a full backlog makes a Unix connect block: it is drained in
	 * milliseconds, and the deadline holds for what follows */
	(void)deadline;
	if (r < 0)
		fd_close(fd);
	return r;
}

/* Remove a socket nobody listens on. E_BUSY when somebody does. */
static int
remove_stale(const char *path)
{
	struct stat st;
	int fd = -1;
	int r;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_sys();
	if (!S_ISSOCK(st.st_mode))
		return err_of(EEXIST);
	r = sock_connect(path, FD_FOREVER, &fd);
	fd_close(&fd);
	if (r == 0)
		return E_BUSY;
	return unlink(path) < 0 && errno != ENOENT ? err_sys() : 0;
}

int
sock_listen(const char *path, mode_t mode, int backlog, int *fd)
{
	struct sockaddr_un name;
	int r;

	*fd = -1;
	r = name_of(path, &name);
	if (r == 0)
		r = remove_stale(path);
	if (r == 0)
		r = new_socket(fd);
	/* nobody can connect before listen(): the mode is set in between */
	if (r == 0 &&
	    (bind(*fd, (const struct sockaddr *)&name, sizeof(name)) < 0 ||
		chmod(path, mode) < 0 || listen(*fd, backlog) < 0))
		r = err_sys();
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
	char bytes[CMSG_SPACE(sizeof(int) * PASS_MAX)];
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
		int r;

		if (sendmsg(fd, &h, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
			return 0;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return err_sys();
		r = fd_wait_out(fd, deadline);
		if (r < 0)
			return r;
	}
}

/* The descriptor in the control part; more than one are closed. */
static int
passed_fd(struct msghdr *h)
{
	int found = -1;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c != NULL;
	     c = CMSG_NXTHDR(h, c)) {
		int fd;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
		if (found >= 0)
			fd_close(&fd);
		else
			found = fd;
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

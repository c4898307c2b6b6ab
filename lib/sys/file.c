/*
 * file - files by name: see file.h
 */
#include "sys/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "sys/fd.h"

_Static_assert(FILE_CWD == AT_FDCWD, "FILE_CWD is AT_FDCWD");

/* errno as our callers want it: absence and presence have names. */
static int
name_error(void)
{
	switch (errno) {
	case ENOENT:
		return E_ABSENT;
	case EEXIST:
		return E_BUSY;
	default:
		return err_sys();
	}
}

int
file_open(int at, const char *path, int flags, mode_t mode, int *fd)
{
	int got;

	do
		got = openat(at, path, flags | O_CLOEXEC, mode);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return name_error();
	*fd = got;
	return 0;
}

int
file_open_read(int at, const char *path, int *fd)
{
	return file_open(at, path, O_RDONLY | O_NONBLOCK, 0, fd);
}

int
file_open_dir(int at, const char *path, int *fd)
{
	return file_open(at, path, O_RDONLY | O_DIRECTORY, 0, fd);
}

int
file_read(int at, const char *path, struct buf *b)
{
	int fd = -1;
	int r = file_open_read(at, path, &fd);

	if (r == 0)
		r = fd_read_all(fd, b);
	fd_close(&fd);
	return r;
}

int
file_unnamed(int at, const char *dir, mode_t mode, int *fd)
{
	int r = file_open(at, dir, O_TMPFILE | O_RDWR, mode, fd);

	if (err_is(r, EOPNOTSUPP) || err_is(r, EISDIR) || err_is(r, EINVAL))
		return E_ABSENT;
	return r;
}

int
file_link_unnamed(int fd, int at, const char *path)
{
	char self[32];

	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (linkat(AT_FDCWD, self, at, path, AT_SYMLINK_FOLLOW) < 0)
		return name_error();
	return 0;
}

int
file_sync(int fd)
{
	int r;

	do
		r = fsync(fd);
	while (r < 0 && errno == EINTR);
	return r < 0 ? err_sys() : 0;
}

int
file_sync_dir(int at, const char *path)
{
	int fd = -1;
	int r = file_open_dir(at, path, &fd);

	if (r == 0)
		r = file_sync(fd);
	fd_close(&fd);
	return r;
}

int
file_sync_name(int at, const char *path)
{
	struct span s = span_cstr(path);
	size_t slash = span_rfind(s, '/');
	struct buf dir = BUF_INIT(4096);
	const char *p;
	int r;

	if (slash == s.len)
		return file_sync_dir(at, ".");
	buf_put(&dir, slash == 0 ? SPAN("/") : span_head(s, slash));
	r = buf_cstr(&dir, &p);
	if (r == 0)
		r = file_sync_dir(at, p);
	buf_free(&dir);
	return r;
}

int
file_publish(int at, const char *path, struct span content, mode_t mode)
{
	struct buf temporary = BUF_INIT(4096);
	const char *tmp;
	int fd = -1;
	int r;

	buf_puts(&temporary, path);
	buf_puts(&temporary, ".tmp");
	r = buf_cstr(&temporary, &tmp);
	if (r < 0)
		goto out;
	r = file_open(at, tmp, O_WRONLY | O_CREAT | O_TRUNC, mode, &fd);
	if (r < 0)
		goto out;
	r = fd_write(fd, content, FD_FOREVER);
	if (r == 0 && fchmod(fd, mode) < 0)
		r = err_sys();
	if (r == 0)
		r = file_sync(fd);
	if (r == 0)
		r = fd_close_checked(&fd);
	if (r == 0)
		r = file_rename(at, tmp, path);
	if (r == 0)
		r = file_sync_name(at, path);
	else
		(void)unlinkat(at, tmp, 0);
out:
	fd_close(&fd);
	buf_free(&temporary);
	return r;
}

int
file_unlink(int at, const char *path)
{
	return unlinkat(at, path, 0) < 0 ? name_error() : 0;
}

int
file_rename(int at, const char *from, const char *to)
{
	return renameat(at, from, at, to) < 0 ? name_error() : 0;
}

int
file_mkdir(int at, const char *path, mode_t mode)
{
	if (mkdirat(at, path, mode) < 0)
		return name_error();
	/* whatever the umask is */
	return fchmodat(at, path, mode, 0) < 0 ? err_sys() : 0;
}

int
file_stamp(int at, const char *path, struct file_stamp *out)
{
	struct stat st;

	*out = (struct file_stamp){ 0 };
	if (fstatat(at, path, &st, 0) < 0)
		return errno == ENOENT ? 0 : err_sys();
	out->dev = st.st_dev;
	out->ino = st.st_ino;
	out->size = (uint64_t)st.st_size;
	out->mtime_ns =
	    (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
	return 0;
}

bool
file_stamp_eq(const struct file_stamp *a, const struct file_stamp *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       a->mtime_ns == b->mtime_ns;
}

int
file_each(int at, const char *dir, file_entry_fn *fn, void *ctx)
{
	const struct dirent *e;
	DIR *d;
	int fd = -1;
	int r = file_open_dir(at, dir, &fd);

	if (r < 0)
		return r;
	d = fdopendir(fd);
	if (d == NULL) {
		r = err_sys();
		fd_close(&fd);
		return r;
	}
	for (;;) {
		errno = 0;
		e = readdir(d);
		if (e == NULL) {
			r = errno != 0 ? err_sys() : 0;
			break;
		}
		if (span_eq(span_cstr(e->d_name), SPAN(".")) ||
		    span_eq(span_cstr(e->d_name), SPAN("..")))
			continue;
		r = fn(ctx, e->d_name);
		if (r != 0)
			break;
	}
	(void)closedir(d);
	return r;
}

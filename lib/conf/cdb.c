/*
 * cdb - constant databases: see cdb.h
 */
#include "conf/cdb.h"

#include <cdb.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "sys/fd.h"
#include "sys/file.h"
#include "sys/lock.h"

enum { PATH_LIMIT = 4096, FILE_MODE = 0644, OPEN_TRIES = 3 };

struct cdbfile {
	struct cdb cdb;
};

struct cdbmake {
	struct cdb_make make;
	char *temporary;
	int fd;
	bool is_started;   /* make owns memory until it is finished */
	bool is_published; /* there is nothing to remove any more */
};

/* tinycdb says EPROTO of a file that makes no sense. */
static int
cdb_error(void)
{
	return errno == EPROTO ? E_DAMAGED : err_sys();
}

int
cdbfile_open(const char *path, struct cdbfile **out)
{
	struct cdbfile *c = NULL;
	int fd = -1;
	int r = file_open_read(FILE_CWD, path, &fd);

	if (r < 0)
		return r;
	c = mem_new(1, sizeof(*c));
	if (c == NULL)
		r = E_NOMEM;
	else if (cdb_init(&c->cdb, fd) < 0)
		r = cdb_error();
	/* the mapping lives on without the descriptor */
	fd_close(&fd);
	if (r < 0) {
		mem_free(c);
		return r;
	}
	*out = c;
	return 0;
}

void
cdbfile_close(struct cdbfile **c)
{
	if (*c != NULL)
		cdb_free(&(*c)->cdb);
	mem_free(*c);
	*c = NULL;
}

int
cdbfile_find(struct cdbfile *c, struct span key, struct span *value)
{
	const void *data;
	int found;

	if (key.len > UINT_MAX)
		return E_ABSENT;
	found = cdb_find(&c->cdb, key.p, (unsigned int)key.len);
	if (found < 0)
		return cdb_error();
	if (found == 0)
		return E_ABSENT;
	data = cdb_getdata(&c->cdb);
	if (data == NULL)
		return E_DAMAGED;
	*value = (struct span){ data, cdb_datalen(&c->cdb) };
	return 0;
}

/* Whether the file we hold the lock of still has the name. */
static bool
is_still(int fd, const char *path)
{
	struct stat ours, named;

	return fstat(fd, &ours) == 0 && lstat(path, &named) == 0 &&
	       ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
}

static int
empty_file(int fd)
{
	if (ftruncate(fd, 0) < 0 || fchmod(fd, FILE_MODE) < 0)
		return err_sys();
	return 0;
}

/* The temporary file, empty and ours alone. */
static int
open_alone(const char *path, int *fd)
{
	int r = E_BUSY;

	/* between open and lock another may have published the file: try
	 * again, for emptying it would empty what is in use */
	for (int i = 0; i < OPEN_TRIES; i++) {
		r = file_open(FILE_CWD, path, O_RDWR | O_CREAT | O_NOFOLLOW,
		    FILE_MODE, fd);
		if (r == 0)
			r = lock_try(*fd);
		if (r < 0)
			break;
		if (is_still(*fd, path))
			return empty_file(*fd);
		fd_close(fd);
		r = E_BUSY;
	}
	return r;
}

int
cdbfile_make(const char *temporary, struct cdbmake **out)
{
	struct cdbmake *m = mem_new(1, sizeof(*m));
	int r;

	if (m == NULL)
		return E_NOMEM;
	m->fd = -1;
	m->is_published = true; /* what we did not make we do not remove */
	m->temporary = mem_cstr(span_cstr(temporary));
	r = m->temporary == NULL ? E_NOMEM : open_alone(temporary, &m->fd);
	if (r == 0) {
		m->is_published = false;
		if (cdb_make_start(&m->make, m->fd) < 0)
			r = cdb_error();
		else
			m->is_started = true;
	}
	if (r < 0) {
		cdbfile_discard(&m);
		return r;
	}
	*out = m;
	return 0;
}

int
cdbfile_add(struct cdbmake *m, struct span key, struct span value)
{
	if (key.len > UINT_MAX || value.len > UINT_MAX)
		return E_TOOBIG;
	/* tinycdb says ENOMEM when the file would pass its 4 GiB */
	if (cdb_make_add(&m->make, key.p, (unsigned int)key.len, value.p,
		(unsigned int)value.len) < 0)
		return cdb_error();
	return 0;
}

int
cdbfile_finish(struct cdbmake *m)
{
	m->is_started = false;
	if (cdb_make_finish(&m->make) < 0)
		return cdb_error();
	return file_sync(m->fd);
}

int
cdbfile_publish(struct cdbmake *m, const char *path)
{
	struct span s = span_cstr(path);
	size_t slash = span_rfind(s, '/');
	struct buf folder = BUF_INIT(PATH_LIMIT);
	const char *p;
	int r;

	buf_put(&folder, slash == s.len ? SPAN(".") : span_head(s, slash + 1));
	r = buf_cstr(&folder, &p);
	if (r == 0)
		r = file_rename(FILE_CWD, m->temporary, path);
	if (r == 0) {
		m->is_published = true;
		r = file_sync_dir(FILE_CWD, p);
	}
	buf_free(&folder);
	return r;
}

void
cdbfile_discard(struct cdbmake **m)
{
	struct cdbmake *it = *m;

	if (it == NULL)
		return;
	/* finishing is how tinycdb gives its memory back */
	if (it->is_started)
		err_ignore(cdb_make_finish(&it->make));
	if (!it->is_published)
		err_ignore(file_unlink(FILE_CWD, it->temporary));
	fd_close(&it->fd);
	mem_free(it->temporary);
	mem_free(it);
	*m = NULL;
}

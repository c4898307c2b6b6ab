/*
 * maildir - the messages of a maildir: see maildir.h
 */
#include "sys/maildir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "sys/file.h"

enum { PATH_BYTES = 1024, FIRST = 16 };

struct walk {
	struct maildir *m;
	const char *folder;
	int64_t time;
};

void
maildir_free(struct maildir *m)
{
	for (size_t i = 0; i < m->n; i++)
		mem_free(m->file[i].path);
	mem_free(m->file);
	*m = MAILDIR_INIT;
}

/* FOLDER/NAME, and what it is. E_ABSENT: no file, or none any more. */
static int
look(const struct walk *w, const char *name, char **path, struct stat *st)
{
	struct buf b = BUF_INIT(PATH_BYTES);
	int r;

	buf_puts(&b, w->folder);
	buf_putc(&b, '/');
	buf_puts(&b, name);
	r = buf_err(&b);
	*path = r == 0 ? mem_cstr(buf_span(&b)) : NULL;
	buf_free(&b);
	if (*path == NULL)
		return r < 0 ? r : E_NOMEM;
	if (stat(*path, st) < 0)
		r = errno == ENOENT ? E_ABSENT : err_sys();
	else if (!S_ISREG(st->st_mode))
		r = E_ABSENT;
	if (r < 0)
		mem_free(*path);
	return r;
}

static int
grow(struct maildir *m)
{
	size_t cap = m->cap > 0 ? m->cap * 2 : FIRST;
	struct maildir_file *more;

	if (m->n < m->cap)
		return 0;
	more = mem_resize(m->file, cap, sizeof(*more));
	if (more == NULL)
		return E_NOMEM;
	m->file = more;
	m->cap = cap;
	return 0;
}

static int
add(void *ctx, const char *name)
{
	struct walk *w = ctx;
	struct stat st;
	char *path;
	int r;

	if (name[0] == '.')
		return 0;
	r = look(w, name, &path, &st);
	if (r < 0)
		return r == E_ABSENT ? 0 : r;
	r = st.st_mtim.tv_sec < w->time ? grow(w->m) : E_ABSENT;
	if (r < 0) {
		mem_free(path);
		return r == E_ABSENT ? 0 : r;
	}
	w->m->file[w->m->n++] = (struct maildir_file){ .path = path,
		.mtime = st.st_mtim.tv_sec,
		.mtime_ns = st.st_mtim.tv_nsec };
	return 0;
}

int
maildir_scan(struct maildir *m, const char *folder, int64_t before)
{
	struct walk w = { m, folder, before };

	return file_each(FILE_CWD, folder, add, &w);
}

static int
compare(const void *left, const void *right)
{
	const struct maildir_file *a = left, *b = right;

	if (a->mtime != b->mtime)
		return a->mtime < b->mtime ? -1 : 1;
	if (a->mtime_ns != b->mtime_ns)
		return a->mtime_ns < b->mtime_ns ? -1 : 1;
	return strcmp(a->path, b->path);
}

void
maildir_sort(struct maildir *m)
{
	if (m->n > 1)
		qsort(m->file, m->n, sizeof(*m->file), compare);
}

static int
remove_stale(void *ctx, const char *name)
{
	const struct walk *w = ctx;
	struct stat st;
	char *path;

	if (name[0] == '.' || look(w, name, &path, &st) < 0)
		return 0;
	if (st.st_atim.tv_sec < w->time - MAILDIR_STALE_S)
		err_ignore(file_unlink(FILE_CWD, path));
	mem_free(path);
	return 0;
}

void
maildir_clean(int64_t now)
{
	struct walk w = { .folder = "tmp", .time = now };

	err_ignore(file_each(FILE_CWD, "tmp", remove_stale, &w));
}

/*
 * source - the classic queue that is imported: see source.h
 */
#include "source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/num.h"
#include "helper.h"
#include "sys/fd.h"
#include "sys/file.h"
#include "sys/lock.h"

enum { PATH_LIMIT = 128 };

static const char *const places[PLACES] = {
	[PLACE_MESS] = "mess",
	[PLACE_INFO] = "info",
	[PLACE_LOCAL] = "local",
	[PLACE_REMOTE] = "remote",
	[PLACE_TODO] = "todo",
	[PLACE_BOUNCE] = "bounce",
};

static const char mutex[] = "lock/sendmutex";

/* --- the helper --- */

enum what { FOLDER, FILE_OF_MESSAGE, MUTEX };

struct question {
	int64_t folder;
	uint64_t n;
	uint32_t what, place;
};

struct opener {
	int folder;
	struct buf path;
};

static int
open_place(struct opener *o, const struct question *q, int *fd)
{
	int flags = O_RDONLY | O_NONBLOCK;
	const char *path;
	int r;

	buf_reset(&o->path);
	source_put_folder(&o->path, (enum place)q->place, q->folder);
	if (q->what == FILE_OF_MESSAGE) {
		buf_putc(&o->path, '/');
		buf_putu(&o->path, q->n);
		flags |= O_NOFOLLOW;
	} else {
		flags |= O_DIRECTORY;
	}
	r = buf_cstr(&o->path, &path);
	return r < 0 ? r : file_open(o->folder, path, flags, 0, fd);
}

static int
answer(void *ctx, struct span text, int *fd)
{
	struct opener *o = ctx;
	struct question q;

	fd_close(fd);
	if (text.len != sizeof(q))
		return E_SYNTAX;
	memcpy(&q, text.p, sizeof(q));
	if (q.what == MUTEX)
		return file_open(o->folder, mutex, O_RDONLY, 0, fd);
	return q.place < PLACES ? open_place(o, &q, fd) : E_SYNTAX;
}

int
source_start(struct source *s, int folder)
{
	struct opener o = { .folder = folder, .path = BUF_INIT(PATH_LIMIT) };
	bool is_child = false;
	int r;

	*s = (struct source){ .helper = -1, .lock = -1 };
	r = helper_fork(&s->helper, &is_child);
	if (r == 0 && is_child)
		helper_serve(s->helper, answer, &o);
	return r;
}

void
source_close(struct source *s)
{
	fd_close(&s->lock);
	fd_close(&s->helper);
}

static int
ask(struct source *s, const struct question *q, int *fd)
{
	return helper_ask(
	    s->helper, (struct span){ (const char *)q, sizeof(*q) }, -1, fd);
}

static int
open_folder(struct source *s, enum place p, int64_t folder, int *fd)
{
	struct question q = { .what = FOLDER, .place = p, .folder = folder };

	return ask(s, &q, fd);
}

/* --- is it one? --- */

/* How many folders 0, 1, ... a place has. */
static int
count_folders(struct source *s, enum place p, int64_t *n)
{
	int fd = -1;
	int r = open_folder(s, p, SOURCE_TOP, &fd);

	/* one that cannot be read is one all the same: the others may be */
	for (*n = 0; r == 0 || (*n > 0 && err_is(r, EACCES)); ++*n) {
		fd_close(&fd);
		r = open_folder(s, p, *n, &fd);
		if (r == E_ABSENT || err_is(r, ENOTDIR))
			return 0;
	}
	fd_close(&fd);
	return r;
}

static int
missing(struct buf *why, enum place p, int64_t folder)
{
	source_put_folder(why, p, folder);
	return E_ABSENT;
}

static int
check_folders(struct source *s, struct buf *why)
{
	int64_t n[PLACES], split = 0;

	for (enum place p = PLACE_MESS; p < PLACES; p++) {
		int r = count_folders(s, p, &n[p]);

		if (r < 0) {
			source_put_folder(why, p, SOURCE_TOP);
			return r;
		}
		/* bounce has none, whatever is in it */
		if (p != PLACE_BOUNCE && n[p] > split)
			split = n[p];
	}
	if (split == 0)
		return missing(why, PLACE_MESS, 0);
	for (enum place p = PLACE_MESS; p < PLACE_BOUNCE; p++)
		if (n[p] < split && (p != PLACE_TODO || n[p] > 0))
			return missing(why, p, n[p]);
	s->split = (uint64_t)split;
	s->is_big = n[PLACE_TODO] > 0;
	return 0;
}

int
source_check(struct source *s, struct buf *why)
{
	struct question q = { .what = MUTEX };
	int r = check_folders(s, why);

	if (r < 0)
		return r;
	buf_puts(why, mutex);
	r = ask(s, &q, &s->lock);
	return r < 0 ? r : lock_try(s->lock);
}

/* --- its files --- */

static bool
is_split(const struct source *s, enum place p)
{
	return p == PLACE_TODO ? s->is_big : p != PLACE_BOUNCE;
}

static int64_t
folder_of(const struct source *s, enum place p, uint64_t n)
{
	return is_split(s, p) ? (int64_t)(n % s->split) : SOURCE_TOP;
}

int
source_open(struct source *s, enum place p, uint64_t n, int *fd, int64_t *mtime)
{
	struct question q = { .what = FILE_OF_MESSAGE,
		.place = p,
		.folder = folder_of(s, p, n),
		.n = n };
	struct stat st;
	int r = ask(s, &q, fd);

	if (r < 0)
		return r;
	if (fstat(*fd, &st) < 0)
		r = err_sys();
	else if (!S_ISREG(st.st_mode))
		r = E_SYNTAX;
	if (r < 0)
		fd_close(fd);
	else if (mtime != NULL)
		*mtime = st.st_mtime;
	return r;
}

const char *
source_text(int r)
{
	return r == E_SYNTAX ? "it is no regular file" : err_text(r);
}

/* A number as qmail writes it: no zeros in front. */
static bool
read_number(const char *name, uint64_t *n)
{
	return num_parse(span_cstr(name), UINT64_MAX, n) == 0 &&
	       (name[0] != '0' || name[1] == '\0');
}

bool
source_number(
    const struct source *s, const struct source_name *name, uint64_t *n)
{
	return read_number(name->name, n) &&
	       folder_of(s, name->place, *n) == name->folder;
}

static bool
is_folder(const struct source *s, const struct source_name *name)
{
	uint64_t n;

	return name->folder == SOURCE_TOP && is_split(s, name->place) &&
	       read_number(name->name, &n) && n < s->split;
}

/* Takes ownership of fd. */
static int
list(struct source *s, int fd, struct source_name *name, source_name_fn *fn,
    void *ctx)
{
	const struct dirent *e;
	DIR *d = fdopendir(fd);
	int r = 0;

	if (d == NULL) {
		r = err_sys();
		fd_close(&fd);
		return r;
	}
	while (r == 0) {
		errno = 0;
		e = readdir(d);
		if (e == NULL) {
			r = errno != 0 ? err_sys() : 0;
			break;
		}
		name->name = e->d_name;
		if (!span_eq(span_cstr(e->d_name), SPAN(".")) &&
		    !span_eq(span_cstr(e->d_name), SPAN("..")) &&
		    !is_folder(s, name))
			r = fn(ctx, name);
	}
	(void)closedir(d);
	return r;
}

int64_t
source_folders(const struct source *s, enum place p)
{
	return is_split(s, p) ? (int64_t)s->split : 0;
}

int
source_each(struct source *s, enum place p, int64_t folder, source_name_fn *fn,
    void *ctx)
{
	struct source_name name = { .place = p, .folder = folder };
	int fd = -1;
	int r = open_folder(s, p, folder, &fd);

	return r < 0 ? r : list(s, fd, &name, fn, ctx);
}

/* --- names --- */

void
source_put_folder(struct buf *b, enum place p, int64_t folder)
{
	buf_puts(b, places[p]);
	if (folder == SOURCE_TOP)
		return;
	buf_putc(b, '/');
	buf_putu(b, (uint64_t)folder);
}

void
source_put_file(struct buf *b, const struct source *s, enum place p, uint64_t n)
{
	source_put_folder(b, p, folder_of(s, p, n));
	buf_putc(b, '/');
	buf_putu(b, n);
}

void
source_put_name(struct buf *b, const struct source_name *name)
{
	source_put_folder(b, name->place, name->folder);
	buf_putc(b, '/');
	buf_puts(b, name->name); /* it may hold anything: see log_safe() */
}

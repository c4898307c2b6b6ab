/*
 * store - the messages on disk: see store.h
 *
 * This file opens, reads and lists; accept.c brings messages in, remove.c
 * takes them away, make.c makes an empty queue.
 */
#include "queue/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "queue/store-private.h"
#include "sys/fd.h"
#include "sys/file.h"
#include "sys/lock.h"

enum {
	NOTE_FILE_MAX = 80 * 1024 * 1024,
	ENVELOPE_FILE_MAX = ENVELOPE_MAX + 4096,
	VERIFY_CHUNK = 64 * 1024
};

const char *
store_name(char name[NAME_MAX_ID], uint64_t id, const char *suffix)
{
	char digits[20];
	size_t n = 0, i = 0;

	do {
		digits[n++] = (char)('0' + id % 10);
		id /= 10;
	} while (id != 0);
	while (n > 0)
		name[i++] = digits[--n];
	while (*suffix != '\0' && i < NAME_MAX_ID - 1)
		name[i++] = *suffix++;
	name[i] = '\0';
	return name;
}

bool
store_id(const char *name, uint64_t *id)
{
	char again[NAME_MAX_ID];

	/* no leading zeros: one file, one name */
	return num_parse(span_cstr(name), UINT64_MAX, id) == 0 &&
	       span_eq(span_cstr(store_name(again, *id, "")), span_cstr(name));
}

bool
store_is_temporary(const char *name)
{
	return span_ends(span_cstr(name), SPAN(".tmp"));
}

int
store_folder(struct store *s, int folders[STORE_SPLIT], const char *kind,
    uint64_t id, int *at)
{
	struct buf path = BUF_INIT(64);
	size_t n = id % STORE_SPLIT;
	const char *p;
	int r = 0;

	if (folders[n] < 0) {
		buf_puts(&path, kind);
		buf_putc(&path, '/');
		buf_putu(&path, n);
		r = buf_cstr(&path, &p);
		if (r == 0)
			r = file_open_dir(s->queue, p, &folders[n]);
		buf_free(&path);
	}
	*at = folders[n];
	return r;
}

bool
store_is_classic(void)
{
	struct stat st;

	return lstat("queue/intd", &st) == 0;
}

int
store_open(struct store **out)
{
	struct store *s = mem_new(1, sizeof(*s));
	struct stat st;
	int r;

	if (s == NULL)
		return E_NOMEM;
	if (store_is_classic()) {
		mem_free(s);
		return E_BUSY;
	}
	s->queue = s->quarantine = s->mutex = s->trigger = -1;
	s->cleaning = -1;
	for (size_t i = 0; i < STORE_SPLIT; i++)
		s->mess[i] = s->todo[i] = s->info[i] = -1;
	r = file_open_dir(FILE_CWD, "queue", &s->queue);
	if (r == 0 && fstatat(s->queue, "mess", &st, 0) < 0)
		r = err_sys();
	if (r < 0) {
		store_close(&s);
		return r;
	}
	s->owner = st.st_uid;
	*out = s;
	return 0;
}

void
store_close(struct store **s)
{
	if (*s == NULL)
		return;
	for (size_t i = 0; i < STORE_SPLIT; i++) {
		fd_close(&(*s)->mess[i]);
		fd_close(&(*s)->todo[i]);
		fd_close(&(*s)->info[i]);
	}
	fd_close(&(*s)->queue);
	fd_close(&(*s)->quarantine);
	fd_close(&(*s)->mutex);
	fd_close(&(*s)->cleaning);
	fd_close(&(*s)->trigger);
	mem_free(*s);
	*s = NULL;
}

int
store_free(struct store *s, uint64_t *bytes, uint64_t *files)
{
	struct statvfs v;

	if (fstatvfs(s->queue, &v) < 0)
		return err_sys();
	*bytes = (uint64_t)v.f_bavail * v.f_frsize;
	*files = v.f_files == 0 ? UINT64_MAX : v.f_favail;
	return 0;
}

struct each {
	struct store *s;
	store_each_fn *fn;
	void *ctx;
};

static int
each_envelope(void *ctx, const char *name)
{
	struct each *e = ctx;
	struct stat st;
	uint64_t id;
	bool has_note;
	int at, r;

	if (!store_id(name, &id))
		return 0;
	r = store_folder(e->s, e->s->info, "info", id, &at);
	if (r < 0)
		return r;
	/* one that may be there counts: without it all would be delivered
	 * again, and whoever reads it sees whether it is there */
	has_note = fstatat(at, name, &st, 0) == 0 || errno != ENOENT;
	return e->fn(e->ctx, id, has_note) ? 0 : 1;
}

/* Call fn for every name in one folder of a kind. */
static int
each_name_in(struct store *s, const char *kind, unsigned int n,
    file_entry_fn *fn, void *ctx)
{
	struct buf path = BUF_INIT(64);
	const char *p;
	int r;

	buf_puts(&path, kind);
	buf_putc(&path, '/');
	buf_putu(&path, n);
	r = buf_cstr(&path, &p);
	if (r == 0)
		r = file_each(s->queue, p, fn, ctx);
	buf_free(&path);
	return r;
}

/* The same for all folders of the kind. */
static int
each_name(struct store *s, const char *kind, file_entry_fn *fn, void *ctx)
{
	int r = 0;

	for (unsigned int n = 0; r == 0 && n < STORE_SPLIT; n++)
		r = each_name_in(s, kind, n, fn, ctx);
	return r;
}

int
store_each(struct store *s, store_each_fn *fn, void *ctx)
{
	struct each e = { .s = s, .fn = fn, .ctx = ctx };
	int r = each_name(s, "todo", each_envelope, &e);

	return r > 0 ? 0 : r;
}

int
store_each_part(
    struct store *s, unsigned int part, store_each_fn *fn, void *ctx)
{
	struct each e = { .s = s, .fn = fn, .ctx = ctx };
	int r = each_name_in(s, "todo", part, each_envelope, &e);

	return r > 0 ? 0 : r;
}

int
store_envelope(
    struct store *s, uint64_t id, struct buf *file, struct envelope *out)
{
	char name[NAME_MAX_ID];
	size_t begun = file->len;
	int at, r;

	r = store_folder(s, s->todo, "todo", id, &at);
	if (r < 0)
		return r;
	r = file_read(at, store_name(name, id, ""), file);
	if (r == E_TOOBIG)
		return E_DAMAGED;
	if (r < 0)
		return r;
	return envelope_open(span_tail(buf_span(file), begun), id, out);
}

int
store_message(struct store *s, uint64_t id, int *fd, uint64_t *size)
{
	char name[NAME_MAX_ID];
	struct stat st;
	int at, r;

	r = store_folder(s, s->mess, "mess", id, &at);
	if (r < 0)
		return r;
	r = file_open(at, store_name(name, id, ""),
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, fd);
	if (r < 0)
		return err_is(r, ELOOP) ? E_DAMAGED : r;
	if (fstat(*fd, &st) < 0) {
		r = err_sys();
	} else if (!S_ISREG(st.st_mode) || st.st_uid != s->owner) {
		r = E_DAMAGED;
	} else {
		*size = (uint64_t)st.st_size;
		return 0;
	}
	fd_close(fd);
	return r;
}

int
store_verify(struct store *s, const struct envelope *e, int fd, uint64_t *at,
    struct hash *h, uint64_t budget)
{
	char chunk[VERIFY_CHUNK];

	(void)s;
	for (;;) {
		ssize_t n = pread(fd, chunk, sizeof(chunk), (off_t)*at);

		if (n < 0) {
			int r = err_sys();

			if (err_is(r, EINTR))
				continue;
			return r;
		}
		hash_put(h, (struct span){ chunk, (size_t)n });
		*at += (uint64_t)n;
		/* one call for a small message; but a read may be cut short
		 * before the end, where the disk cannot be read for one */
		if (n == 0 || *at > e->size ||
		    ((size_t)n < sizeof(chunk) && *at == e->size))
			break;
		if (*at >= budget && budget > 0 && *at % budget < sizeof(chunk))
			return E_BUSY;
	}
	return *at == e->size && hash_end(h) == e->hash ? 0 : E_DAMAGED;
}

int
store_note_read(struct store *s, struct note *n)
{
	struct buf file = BUF_INIT(NOTE_FILE_MAX);
	char name[NAME_MAX_ID];
	int at, r;

	r = store_folder(s, s->info, "info", n->id, &at);
	if (r < 0)
		return r;
	r = file_read(at, store_name(name, n->id, ""), &file);
	if (r == 0)
		r = note_open(buf_span(&file), n);
	else if (r == E_TOOBIG || err_is(r, EISDIR))
		r = E_DAMAGED;
	buf_free(&file);
	return r;
}

int
store_note_write(struct store *s, const struct note *n)
{
	struct buf file = BUF_INIT(NOTE_FILE_MAX);
	char name[NAME_MAX_ID], temporary[NAME_MAX_ID];
	int fd = -1;
	int at, r;

	(void)store_name(temporary, n->id, ".tmp");
	r = store_folder(s, s->info, "info", n->id, &at);
	if (r < 0)
		return r;
	note_seal(&file, n);
	r = buf_err(&file);
	if (r == 0)
		r = file_open(
		    at, temporary, O_WRONLY | O_CREAT | O_TRUNC, 0640, &fd);
	if (r == 0)
		r = fd_write(fd, buf_span(&file), FD_FOREVER);
	if (r == 0)
		r = fd_close_checked(&fd);
	if (r == 0)
		r = file_rename(at, temporary, store_name(name, n->id, ""));
	if (r < 0)
		err_ignore(file_unlink(at, temporary)); /* or swept at start */
	fd_close(&fd);
	buf_free(&file);
	return r;
}

int
store_note_drop(struct store *s, uint64_t id)
{
	char name[NAME_MAX_ID];
	int at, r;

	r = store_folder(s, s->info, "info", id, &at);
	if (r == 0)
		r = file_unlink(at, store_name(name, id, ""));
	return r == E_ABSENT ? 0 : r;
}

/* A note that was being written when the machine died. */
static int
drop_unfinished_note(struct store *s, const char *name)
{
	struct span digits = span_cstr(name);
	uint64_t id;
	int at, r;

	digits.len -= sizeof(".tmp") - 1;
	if (num_parse(digits, UINT64_MAX, &id) < 0)
		return 0;
	r = store_folder(s, s->info, "info", id, &at);
	if (r == 0)
		r = file_unlink(at, name);
	return r == E_ABSENT ? 0 : r;
}

static int
drop_useless_note(void *ctx, const char *name)
{
	struct store *s = ctx;
	struct stat st;
	uint64_t id;
	int at, r;

	if (store_is_temporary(name))
		return drop_unfinished_note(s, name);
	if (!store_id(name, &id))
		return 0;
	r = store_folder(s, s->todo, "todo", id, &at);
	if (r < 0)
		return r;
	if (fstatat(at, name, &st, 0) == 0 || errno != ENOENT)
		return 0;
	return store_note_drop(s, id);
}

int
store_note_sweep(struct store *s)
{
	int fd = -1;
	int r = store_import(s, false, &fd);

	if (r == 0)
		r = lock_try(fd);
	if (r == 0 || r == E_ABSENT)
		r = each_name(s, "info", drop_useless_note, s);
	fd_close(&fd);
	return r == E_BUSY ? 0 : r;
}

int
store_mutex(struct store *s)
{
	int r = file_open(s->queue, "lock/sendmutex", O_WRONLY, 0, &s->mutex);

	return r < 0 ? r : lock_try(s->mutex);
}

int
store_clean_lock(struct store *s, int64_t deadline)
{
	int r = 0;

	if (s->cleaning >= 0)
		return 0;
	r = file_open_dir(s->queue, "mess", &s->cleaning);
	if (r == 0)
		r = lock_wait(s->cleaning, deadline);
	if (r < 0)
		fd_close(&s->cleaning);
	return r;
}

void
store_clean_unlock(struct store *s)
{
	fd_close(&s->cleaning);
}

int
store_trigger(struct store *s, int *fd)
{
	/* for writing too: so there is always a writer, and no end of file */
	int r = file_open(
	    s->queue, "lock/trigger", O_RDWR | O_NONBLOCK, 0, &s->trigger);

	*fd = s->trigger;
	return r;
}

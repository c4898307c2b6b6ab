/*
 * remove - messages leave the queue, or are set aside: see store.h
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "queue/store-private.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/file.h"

/* Unlink the name of an ID; *is_changed is set if there was one. */
static int
unlink_part(struct store *s, int folders[STORE_SPLIT], const char *kind,
    uint64_t id, bool *is_changed)
{
	char name[NAME_MAX_ID];
	int at, r;

	r = store_folder(s, folders, kind, id, &at);
	if (r == 0)
		r = file_unlink(at, store_name(name, id, ""));
	if (r == 0)
		*is_changed = true;
	return r == E_ABSENT ? 0 : r;
}

int
store_remove(struct store *s, uint64_t id, unsigned int parts)
{
	bool ignored;
	int r = 0;

	/* a message without envelope is garbage; the other way round it
	 * would be delivered again */
	if ((parts & STORE_TODO) != 0)
		r = unlink_part(
		    s, s->todo, "todo", id, &s->todo_changed[id % STORE_SPLIT]);
	if (r == 0 && (parts & STORE_MESS) != 0)
		r = unlink_part(s, s->mess, "mess", id, &ignored);
	return r;
}

int
store_leave(struct store *s, uint64_t id)
{
	int r = 0;

	if (s->nleaving == LEAVING_MAX)
		r = store_clear(s);
	if (s->nleaving < LEAVING_MAX) /* else it is swept, one day */
		s->leaving[s->nleaving++] = id;
	return r;
}

/* The folder for what is damaged, opened once. */
static int
open_quarantine(struct store *s)
{
	if (s->quarantine >= 0)
		return 0;
	return file_open_dir(s->queue, "quarantine", &s->quarantine);
}

/* Move a file to quarantine/ID.KIND, or ID.KIND.TIME. */
static int
move_aside(
    struct store *s, int at, uint64_t id, const char *kind, uint64_t time)
{
	struct buf as = BUF_INIT(128);
	char name[NAME_MAX_ID];
	const char *p;
	int r;

	buf_putu(&as, id);
	buf_puts(&as, kind);
	if (time > 0) {
		buf_putc(&as, '.');
		buf_putu(&as, time);
	}
	r = buf_cstr(&as, &p);
	if (r == 0 && renameat2(at, store_name(name, id, ""), s->quarantine, p,
			  RENAME_NOREPLACE) < 0)
		r = err_sys();
	buf_free(&as);
	return r;
}

/* What is not there is fine. Nor is what is in quarantine/ replaced. */
static int
set_aside(struct store *s, int at, uint64_t id, const char *kind)
{
	int r = move_aside(s, at, id, kind, 0);

	if (err_is(r, EEXIST))
		r = move_aside(s, at, id, kind, clock_real_us());
	return err_is(r, ENOENT) ? 0 : r;
}

static int
write_reason(struct store *s, uint64_t id, struct span reason)
{
	char name[NAME_MAX_ID];
	int fd = -1;
	int r;

	r = file_open(s->quarantine, store_name(name, id, ".reason"),
	    O_WRONLY | O_CREAT | O_APPEND, 0640, &fd);
	if (r == 0)
		r = fd_write(fd, reason, FD_FOREVER);
	if (r == 0)
		r = fd_write(fd, SPAN("\n"), FD_FOREVER);
	fd_close(&fd);
	return r;
}

int
store_quarantine(struct store *s, uint64_t id, struct span reason)
{
	int mess, todo;
	int r;

	r = open_quarantine(s);
	if (r == 0)
		r = store_folder(s, s->mess, "mess", id, &mess);
	if (r == 0)
		r = store_folder(s, s->todo, "todo", id, &todo);
	if (r == 0)
		r = write_reason(s, id, reason);
	/* the message first, and for certain: without its envelope it would
	 * be swept. Cut off in between, the envelope leads here again */
	if (r == 0)
		r = set_aside(s, mess, id, ".mess");
	if (r == 0)
		r = file_sync(s->quarantine);
	if (r == 0)
		r = set_aside(s, todo, id, ".todo");
	if (r == 0)
		s->todo_changed[id % STORE_SPLIT] = true;
	return r;
}

int
store_note_quarantine(struct store *s, uint64_t id)
{
	int at, r;

	r = open_quarantine(s);
	if (r == 0)
		r = store_folder(s, s->info, "info", id, &at);
	if (r < 0)
		return r;
	/* there may be more than one in the life of a message */
	r = move_aside(s, at, id, ".info", clock_real_us());
	return err_is(r, ENOENT) ? 0 : r;
}

int
store_note_sync(struct store *s, uint64_t id)
{
	char name[NAME_MAX_ID];
	int at, fd = -1;
	int r;

	r = store_folder(s, s->info, "info", id, &at);
	if (r == 0)
		r = file_open_read(at, store_name(name, id, ""), &fd);
	if (r == E_ABSENT)
		return 0; /* finished in the meantime */
	if (r == 0)
		r = file_sync(fd);
	if (r == 0)
		r = file_sync(at);
	fd_close(&fd);
	return r;
}

size_t
store_leaving(const struct store *s)
{
	return s->nleaving;
}

int
store_sync(struct store *s)
{
	int first = 0;

	for (size_t n = 0; n < STORE_SPLIT; n++) {
		int r = s->todo_changed[n] ? file_sync(s->todo[n]) : 0;

		if (r == 0)
			s->todo_changed[n] = false;
		else if (first == 0)
			first = r;
	}
	return first;
}

int
store_clear(struct store *s)
{
	int first = store_sync(s);
	size_t kept = 0;

	for (size_t i = 0; i < s->nleaving; i++) {
		uint64_t id = s->leaving[i];
		int r = 0;

		if (s->todo_changed[id % STORE_SPLIT])
			s->leaving[kept++] = id;
		else
			r = store_remove(s, id, STORE_MESS);
		if (first == 0)
			first = r;
	}
	s->nleaving = kept;
	return first;
}

void
store_cleared(struct store *s)
{
	s->nleaving = 0;
	for (size_t n = 0; n < STORE_SPLIT; n++)
		s->todo_changed[n] = false;
}

void
store_not_cleared(struct store *s)
{
	for (size_t n = 0; n < STORE_SPLIT; n++)
		s->todo_changed[n] = s->todo[n] >= 0;
}

struct sweep {
	struct store *s;
	int at; /* the folder being read */
	uint64_t before;
};

/* A file is old when nobody has changed it for so long. */
static bool
is_old_file(const struct sweep *w, const char *name)
{
	struct stat st;

	return fstatat(w->at, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st.st_mode) &&
	       (uint64_t)st.st_mtime < w->before / 1000000;
}

static int
sweep_temporary(void *ctx, const char *name)
{
	const struct sweep *w = ctx;

	return store_is_temporary(name) && is_old_file(w, name)
		   ? file_unlink(w->at, name)
		   : 0;
}

static int
sweep_message(void *ctx, const char *name)
{
	struct sweep *w = ctx;
	struct stat st;
	uint64_t id;
	int at, r;

	if (store_is_temporary(name))
		return sweep_temporary(w, name);
	/* an imported message has the ID of its birth: it may be new here */
	if (!store_id(name, &id) || id >= w->before || !is_old_file(w, name))
		return 0;
	r = store_folder(w->s, w->s->todo, "todo", id, &at);
	if (r < 0)
		return r;
	if (fstatat(at, name, &st, 0) == 0 || errno != ENOENT)
		return 0;
	return store_remove(w->s, id, STORE_MESS);
}

int
store_sweep(struct store *s, int64_t age)
{
	struct sweep w = { .s = s };
	uint64_t now = clock_real_us();
	int r = 0;

	w.before = now - (uint64_t)age * 1000000;
	for (uint64_t n = 0; r == 0 && n < STORE_SPLIT; n++) {
		r = store_folder(s, s->mess, "mess", n, &w.at);
		if (r == 0)
			r = file_each(w.at, ".", sweep_message, &w);
		if (r == 0)
			r = store_folder(s, s->todo, "todo", n, &w.at);
		if (r == 0)
			r = file_each(w.at, ".", sweep_temporary, &w);
	}
	return r;
}

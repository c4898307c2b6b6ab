/*
 * accept - a message comes into the queue: see store.h
 *
 * Both files are written without a name and linked only when whole, so a
 * killed worker leaves nothing behind. The message is linked first: its
 * name is the ID, and linking is what makes the ID unique. Links are made
 * before the data is synced, so that one commit of the file system's
 * journal carries data and names of both files, and of other workers at
 * work in the same moment. A name that is visible early does no harm: the
 * seal does not fit what a crash left, and nobody was told 250 yet.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "queue/store-private.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/file.h"

enum {
	GATHER = 64 * 1024,
	FILE_MODE = 0640,
	ID_TRIES = 1000,
	FIFO_SIZE = 64 * 1024 /* what a FIFO holds */
};

/* A file being written. */
struct unnamed {
	int fd;        /* -1 when closed */
	int at;        /* the folder it is in */
	bool is_named; /* by us, PID.tmp, for want of O_TMPFILE */
};

struct accept {
	struct store *s;
	struct gsync *gsync;
	struct hash *hash;
	struct buf gathered; /* bytes not written yet */
	struct buf envelope;
	uint64_t size;
	struct unnamed mess; /* closed between messages */
	bool is_claimed;     /* mess has its name */
	uint64_t id;         /* if it has */
};

int
accept_new(struct store *s, struct gsync *g, struct accept **out)
{
	struct accept *a = mem_new(1, sizeof(*a));

	if (a == NULL)
		return E_NOMEM;
	a->s = s;
	a->gsync = g;
	a->mess.fd = -1;
	a->gathered = BUF_INIT(2 * GATHER);
	a->envelope = BUF_INIT(ENVELOPE_MAX + 4096);
	a->hash = hash_new();
	if (a->hash == NULL) {
		mem_free(a);
		return E_NOMEM;
	}
	*out = a;
	return 0;
}

/*
 * Open a new file with a name of our own. One that a power loss left may
 * be a message by its other name: nothing is written into that.
 */
static int
open_named(int at, int *fd)
{
	char name[NAME_MAX_ID];
	int flags = O_RDWR | O_CREAT | O_EXCL;
	int r;

	(void)store_name(name, (uint64_t)getpid(), ".tmp");
	r = file_open(at, name, flags, FILE_MODE, fd);
	if (r != E_BUSY)
		return r;
	r = file_unlink(at, name);
	return r < 0 ? r : file_open(at, name, flags, FILE_MODE, fd);
}

/*
 * Open a file without a name in folder at. Where the file system has no
 * such thing it has one of our own until publish() gives it the real one.
 */
static int
open_unnamed(int at, struct unnamed *u)
{
	int r = file_unnamed(at, ".", FILE_MODE, &u->fd);

	u->at = at;
	u->is_named = r == E_ABSENT;
	return u->is_named ? open_named(at, &u->fd) : r;
}

/* Take away the name of our own: the next file must not be this one. */
static int
drop_own_name(struct unnamed *u)
{
	char name[NAME_MAX_ID];
	int r;

	if (!u->is_named)
		return 0;
	r = file_unlink(u->at, store_name(name, (uint64_t)getpid(), ".tmp"));
	u->is_named = r < 0;
	return r;
}

/* Give the file its name, and no other. E_BUSY when the name is taken. */
static int
publish(struct unnamed *u, int at, const char *name)
{
	int r = file_link_unnamed(u->fd, at, name);

	if (r < 0)
		return r;
	r = drop_own_name(u);
	if (r < 0)
		err_ignore(file_unlink(at, name));
	return r;
}

static void
discard(struct unnamed *u)
{
	if (u->fd >= 0)
		err_ignore(drop_own_name(u)); /* swept, one day */
	fd_close(&u->fd);
}

void
accept_destroy(struct accept **a)
{
	if (*a == NULL)
		return;
	accept_abort(*a);
	hash_destroy(&(*a)->hash);
	buf_free(&(*a)->gathered);
	buf_free(&(*a)->envelope);
	mem_free(*a);
	*a = NULL;
}

void
accept_abort(struct accept *a)
{
	discard(&a->mess);
	if (a->is_claimed) /* what stays is garbage, swept one day */
		err_ignore(store_remove(a->s, a->id, STORE_MESS));
	a->is_claimed = false;
	buf_reset(&a->gathered);
	(void)hash_end(a->hash);
	a->size = 0;
}

int
accept_begin(struct accept *a)
{
	int at, r;

	accept_abort(a);
	r = store_folder(a->s, a->s->mess, "mess", clock_real_us(), &at);
	return r < 0 ? r : open_unnamed(at, &a->mess);
}

static int
flush(struct accept *a)
{
	struct span s = buf_span(&a->gathered);
	int r;

	if (s.len == 0)
		return 0;
	hash_put(a->hash, s);
	a->size += s.len;
	r = fd_write(a->mess.fd, s, FD_FOREVER);
	buf_reset(&a->gathered);
	return r;
}

int
accept_put(struct accept *a, struct span bytes)
{
	while (bytes.len > 0) {
		struct span piece = span_head(bytes, GATHER);
		int r;

		buf_put(&a->gathered, piece);
		r = buf_err(&a->gathered);
		if (r == 0 && a->gathered.len >= GATHER)
			r = flush(a);
		if (r < 0)
			return r;
		bytes = span_tail(bytes, piece.len);
	}
	return 0;
}

/* Link the message under the first free ID. */
static int
claim(struct accept *a, uint64_t first)
{
	char name[NAME_MAX_ID];
	int at, r;

	for (uint64_t n = first; n < first + ID_TRIES; n++) {
		r = store_folder(a->s, a->s->mess, "mess", n, &at);
		if (r == 0)
			r = publish(&a->mess, at, store_name(name, n, ""));
		if (r == E_BUSY)
			continue;
		a->is_claimed = r == 0;
		a->id = n;
		return r;
	}
	return E_BUSY;
}

int
accept_claim(struct accept *a, uint64_t wanted, uint64_t *id)
{
	int r = flush(a);

	if (r == 0)
		r = claim(a, wanted);
	if (r == 0)
		r = file_sync(a->mess.fd);
	if (r == 0)
		r = file_sync(a->s->mess[a->id % STORE_SPLIT]);
	*id = a->id;
	return r;
}

/* Write and link the envelope; it stays open in *todo. */
static int
write_envelope(struct accept *a, const struct envelope *e, struct unnamed *todo)
{
	char name[NAME_MAX_ID];
	int at, r;

	buf_reset(&a->envelope);
	envelope_seal(&a->envelope, e);
	r = buf_err(&a->envelope);
	if (r == 0)
		r = store_folder(a->s, a->s->todo, "todo", e->id, &at);
	if (r == 0)
		r = open_unnamed(at, todo);
	if (r == 0)
		r = fd_write(todo->fd, buf_span(&a->envelope), FD_FOREVER);
	if (r == 0)
		r = publish(todo, at, store_name(name, e->id, ""));
	return r;
}

/*
 * Both files and their names to stable storage. Writing of both is started
 * before either is waited for: blocks of both are then allocated in the
 * same transaction, and the second wait finds it committed.
 */
static int
sync_own(struct accept *a, uint64_t id, int todo)
{
	size_t n = id % STORE_SPLIT;
	int r;

	(void)sync_file_range(a->mess.fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	(void)sync_file_range(todo, 0, 0, SYNC_FILE_RANGE_WRITE);
	r = file_sync(a->mess.fd);
	if (r == 0)
		r = file_sync(todo);
	if (r == 0)
		r = file_sync(a->s->mess[n]);
	if (r == 0)
		r = file_sync(a->s->todo[n]);
	return r;
}

/* With all who accept at this moment, or alone. */
static int
sync_all(struct accept *a, uint64_t id, int todo)
{
	int r = a->gsync != NULL ? gsync_join(a->gsync, a->s->queue) : E_BUSY;

	return r == E_BUSY ? sync_own(a, id, todo) : r;
}

/*
 * Tell qmail-send, if it runs. A full FIFO makes it look for itself; any
 * other trouble is tried once more, for a message nobody is told of waits
 * for the next time qmail-send looks, which may be 25 minutes.
 */
static void
pull_trigger(struct store *s, struct span text)
{
	for (int try = 0; try < 3; try++) {
		int r = 0;

		if (s->trigger < 0)
			r = file_open(s->queue, "lock/trigger",
			    O_WRONLY | O_NONBLOCK, 0, &s->trigger);
		if (err_is(r, ENXIO))
			return; /* it does not run */
		if (r < 0)
			continue;
		if (write(s->trigger, text.p, text.len) >= 0 || errno == EAGAIN)
			return;
		fd_close(&s->trigger); /* its reader has gone: a new one? */
	}
}

void
store_tell_all(struct store *s)
{
	char lines[FIFO_SIZE];

	memset(lines, '\n', sizeof(lines));
	pull_trigger(s, (struct span){ lines, sizeof(lines) });
}

int
accept_commit(struct accept *a, struct envelope *e)
{
	struct unnamed todo = { .fd = -1 };
	bool must_tell = !a->is_claimed;
	char line[NAME_MAX_ID];
	int r;

	r = flush(a);
	if (r == 0 && !a->is_claimed)
		r = claim(a, clock_real_us());
	if (r < 0)
		goto out;
	e->id = a->id;
	e->size = a->size;
	e->hash = hash_end(a->hash);
	r = write_envelope(a, e, &todo);
	if (r == 0)
		r = sync_all(a, e->id, todo.fd);
	if (r < 0)
		/* a copy that stays is a duplicate; that is allowed */
		err_ignore(store_remove(a->s, e->id, STORE_TODO | STORE_MESS));
	else if (must_tell)
		pull_trigger(a->s, span_cstr(store_name(line, e->id, "\n")));
	a->is_claimed = false;
out:
	discard(&todo);
	accept_abort(a);
	return r;
}

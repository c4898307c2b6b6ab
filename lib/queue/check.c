/*
 * check - whether the queue is as it should be: see check.h
 */
#include "queue/check.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "queue/store-private.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/file.h"
#include "sys/priv.h"
#include "sys/wait.h"

enum {
	PATH_LIMIT = 1024, /* a name has 255 bytes at most */
	PROBLEM_LIMIT = 256,
	FILE_LIMIT = ENVELOPE_MAX + 8192,
	SUSPECTS_LIMIT = 1024 * 1024 * 1024,
	FILE_MODE = 0640,
	MODE_BITS = 07777,
	/* qmail-clean removes a message half a second after its envelope */
	AGAIN_MS = 2000
};

static const char *const kinds[CHECK_KINDS] = { "todo", "mess", "info" };

struct check {
	struct store *s;
	check_fn *fn;
	void *ctx;
	uid_t owner; /* of the home directory; root: accounts own the queue */
	gid_t group; /* of everything, where there are accounts */
	uid_t owners[CHECK_KINDS];
	struct buf file; /* the envelope at hand */
	struct hash *hash;
	/* the file being looked at */
	enum check_kind kind;
	unsigned int folder;
	const char *name;
	bool is_again; /* the second look: what is found is told */
	bool is_bad;
	struct buf suspects; /* of the first look: kind, folder, name, NUL */
};

/* --- telling --- */

static void
tell(struct check *c, struct buf *path, const char *problem,
    enum check_remedy remedy)
{
	struct check_finding f = { .problem = problem,
		.remedy = remedy,
		.kind = c->kind,
		.folder = c->folder,
		.name = c->name };

	c->is_bad = true;
	if (c->is_again && buf_cstr(path, &f.path) == 0)
		c->fn(c->ctx, &f);
}

/* Append the path, below queue/, of a folder and a file in it, if not NULL. */
static void
put_path(struct buf *path, enum check_kind kind, unsigned int folder,
    const char *name)
{
	buf_puts(path, kinds[kind]);
	buf_putc(path, '/');
	buf_putu(path, folder);
	if (name != NULL) {
		buf_putc(path, '/');
		buf_puts(path, name);
	}
}

/* Of the file being looked at, or of its counterpart of another kind. */
static void
found_of(struct check *c, enum check_kind kind, const char *problem,
    enum check_remedy remedy)
{
	struct buf path = BUF_INIT(PATH_LIMIT);

	buf_puts(&path, "queue/");
	put_path(&path, kind, c->folder, c->name);
	tell(c, &path, problem, remedy);
	buf_free(&path);
}

static void
found(struct check *c, const char *problem, enum check_remedy remedy)
{
	found_of(c, c->kind, problem, remedy);
}

static void
found_place(struct check *c, const char *place, const char *problem,
    enum check_remedy remedy)
{
	struct buf path = BUF_INIT(PATH_LIMIT);

	c->name = NULL;
	buf_puts(&path, place);
	tell(c, &path, problem, remedy);
	buf_free(&path);
}

/* Say "PHRASE: why r". */
static void
compose(struct buf *b, const char *phrase, int r)
{
	buf_puts(b, phrase);
	buf_puts(b, ": ");
	buf_puts(b, err_text(r));
}

static void
found_failure(struct check *c, enum check_kind kind, const char *phrase, int r)
{
	struct buf b = BUF_INIT(PROBLEM_LIMIT);
	const char *text = phrase;

	compose(&b, phrase, r);
	err_ignore(buf_cstr(&b, &text));
	found_of(c, kind, text, CHECK_ADJUST);
	buf_free(&b);
}

/* --- owners and modes --- */

static void
put_octal(struct buf *b, mode_t mode)
{
	for (int shift = 9; shift >= 0; shift -= 3)
		buf_putc(b, (char)('0' + (mode >> shift & 7)));
}

/* Append what is wrong with owner and mode; nothing if all is well. */
static void
judge(const struct check *c, const struct stat *st, uid_t owner, mode_t mode,
    struct buf *b)
{
	if (st->st_uid != owner) {
		buf_puts(b, "belongs to uid ");
		buf_putu(b, st->st_uid);
		buf_puts(b, ", not to ");
		buf_putu(b, owner);
	} else if (c->owner == 0 && st->st_gid != c->group) {
		buf_puts(b, "belongs to gid ");
		buf_putu(b, st->st_gid);
		buf_puts(b, ", not to ");
		buf_putu(b, c->group);
	}
	if ((st->st_mode & MODE_BITS) == mode)
		return;
	buf_puts(b, b->len > 0 ? "; mode " : "mode ");
	put_octal(b, st->st_mode & MODE_BITS);
	buf_puts(b, ", not ");
	put_octal(b, mode);
}

static int
owner_of(const struct check *c, const char *account, uid_t *uid)
{
	gid_t gid;

	*uid = c->owner;
	return c->owner == 0 ? priv_user(account, uid, &gid) : 0;
}

/* --- one file of a message --- */

/* Whether another file of the message is there: 0, E_ABSENT, or why one
 * cannot tell. */
static int
find_other(struct check *c, enum check_kind kind, uint64_t id)
{
	int *folders[] = { c->s->todo, c->s->mess, c->s->info };
	char name[NAME_MAX_ID];
	struct stat st;
	int at;
	int r = store_folder(c->s, folders[kind], kinds[kind], id, &at);

	if (r == 0 &&
	    fstatat(at, store_name(name, id, ""), &st, AT_SYMLINK_NOFOLLOW) < 0)
		r = errno == ENOENT ? E_ABSENT : err_sys();
	return r;
}

static void
look_at_bytes(struct check *c, const struct envelope *e, int fd)
{
	uint64_t at = 0;
	int r = store_verify(c->s, e, fd, &at, c->hash, 0);

	(void)hash_end(c->hash);
	if (r == E_DAMAGED)
		found_of(c, CHECK_MESS, "not the bytes that were accepted",
		    CHECK_QUARANTINE);
	else if (r < 0)
		found_failure(c, CHECK_MESS, "unable to read it", r);
}

static void
look_at_message(struct check *c, const struct envelope *e)
{
	uint64_t size = 0;
	int fd = -1;
	int r = store_message(c->s, e->id, &fd, &size);

	/* its type or owner, which is told when it is looked at itself */
	if (r == E_DAMAGED)
		return;
	if (r == E_ABSENT)
		found(c, "an envelope without its message", CHECK_QUARANTINE);
	else if (r < 0)
		found_failure(c, CHECK_MESS, "unable to read it", r);
	else if (size != e->size)
		found_of(c, CHECK_MESS, "not the size that was accepted",
		    CHECK_QUARANTINE);
	else
		look_at_bytes(c, e, fd);
	fd_close(&fd);
}

/* The envelope; 0, or what was told, or that it has gone: E_ABSENT. */
static int
open_envelope(struct check *c, uint64_t id, struct envelope *e)
{
	buf_reset(&c->file);
	return store_envelope(c->s, id, &c->file, e);
}

static void
look_at_todo(struct check *c, uint64_t id)
{
	struct envelope e;
	int r = open_envelope(c, id, &e);

	if (r == 0)
		look_at_message(c, &e);
	else if (r == E_DAMAGED)
		found(c, "does not fit its seal", CHECK_QUARANTINE);
	else if (r != E_ABSENT)
		found_failure(c, c->kind, "unable to read it", r);
}

static void
look_at_mess(struct check *c, uint64_t id)
{
	int r = find_other(c, CHECK_TODO, id);
	int64_t age = clock_real() - envelope_birth(id);

	if (r == E_ABSENT && age < STORE_SWEEP_AGE)
		found(c,
		    "a message without an envelope: it is not complete yet, "
		    "or will be removed when it is 36 hours old",
		    CHECK_NOTE);
	else if (r == E_ABSENT)
		found(c, "a message without an envelope", CHECK_QUARANTINE);
	else if (r < 0)
		found_failure(c, CHECK_TODO, "unable to find it", r);
}

static void
look_at_note(struct check *c, uint64_t id, uint32_t nrcpt)
{
	struct note n;
	int r;

	note_init(&n, id, nrcpt);
	r = store_note_read(c->s, &n);
	if (r == E_DAMAGED || (r == 0 && n.nrcpt != nrcpt))
		found(c,
		    r == 0 ? "not about as many recipients as the envelope"
			   : "does not fit its seal",
		    CHECK_QUARANTINE);
	else if (r < 0 && r != E_ABSENT)
		found_failure(c, c->kind, "unable to read it", r);
	note_free(&n);
}

static void
look_at_info(struct check *c, uint64_t id)
{
	struct envelope e;
	int r = open_envelope(c, id, &e);

	if (r == E_ABSENT)
		found(c, "a note without an envelope", CHECK_QUARANTINE);
	else if (r == 0)
		look_at_note(c, id, e.nrcpt);
	/* any other trouble of the envelope is told at its own place */
}

static void
look_at_foreign(struct check *c, const struct stat *st)
{
	if (!store_is_temporary(c->name))
		found(c, "not the name of a message", CHECK_QUARANTINE);
	else if (clock_real() - st->st_mtime > STORE_SWEEP_AGE)
		found(c, "left behind by a crash", CHECK_QUARANTINE);
}

static void
look_at_owner(struct check *c, const struct stat *st)
{
	struct buf b = BUF_INIT(PROBLEM_LIMIT);
	const char *text;

	judge(c, st, c->owners[c->kind], FILE_MODE, &b);
	if (b.len == 0 && st->st_nlink != 1)
		buf_puts(&b, "has other names, by which it can be changed");
	if (b.len > 0 && buf_cstr(&b, &text) == 0)
		found(c, text, CHECK_ADJUST);
	buf_free(&b);
}

static void
look_at_file(struct check *c, const struct stat *st, uint64_t id)
{
	static void (*const fns[CHECK_KINDS])(struct check *,
	    uint64_t) = { look_at_todo, look_at_mess, look_at_info };

	if (id % STORE_SPLIT != c->folder)
		found(c, "in the wrong folder", CHECK_QUARANTINE);
	else if (!S_ISREG(st->st_mode))
		found(c, "not a regular file", CHECK_QUARANTINE);
	else
		fns[c->kind](c, id);
	if (!c->is_bad)
		look_at_owner(c, st);
}

/* Look at the file c is about. */
static void
look(struct check *c)
{
	struct buf path = BUF_INIT(PATH_LIMIT);
	const char *p;
	struct stat st;
	uint64_t id;

	c->is_bad = false;
	put_path(&path, c->kind, c->folder, c->name);
	/* what has gone is no trouble: messages do that */
	if (buf_cstr(&path, &p) == 0 &&
	    fstatat(c->s->queue, p, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (store_id(c->name, &id))
			look_at_file(c, &st, id);
		else
			look_at_foreign(c, &st);
	}
	buf_free(&path);
}

/* --- all files --- */

static int
look_first(void *ctx, const char *name)
{
	struct check *c = ctx;

	c->name = name;
	look(c);
	if (c->is_bad) {
		buf_putc(&c->suspects, (char)c->kind);
		buf_putc(&c->suspects, (char)c->folder);
		buf_puts(&c->suspects, name);
		buf_putc(&c->suspects, '\0');
	}
	return buf_err(&c->suspects);
}

static int
look_at_folder(struct check *c)
{
	struct buf path = BUF_INIT(PATH_LIMIT);
	const char *p;
	int r;

	put_path(&path, c->kind, c->folder, NULL);
	r = buf_cstr(&path, &p);
	if (r == 0)
		r = file_each(c->s->queue, p, look_first, c);
	buf_free(&path);
	/* a folder one cannot enter is told of with its mode */
	return r == E_ABSENT || err_is(r, EACCES) || err_is(r, ENOTDIR) ? 0 : r;
}

static int
look_at_all(struct check *c)
{
	int r = 0;

	for (c->kind = 0; r == 0 && c->kind < CHECK_KINDS; c->kind++)
		for (c->folder = 0; r == 0 && c->folder < STORE_SPLIT;
		     c->folder++)
			r = look_at_folder(c);
	return r;
}

/* So long that what was on its way has arrived. */
static int
let_pass(void)
{
	int64_t until = clock_ms() + AGAIN_MS;
	struct wait w = WAIT_INIT;
	int r = 0;

	while (r == 0 && clock_ms() < until) {
		wait_reset(&w);
		wait_until(&w, until);
		r = wait_run(&w);
	}
	wait_free(&w);
	return r;
}

static int
look_again(struct check *c)
{
	struct span rest = buf_span(&c->suspects), name;
	int r = rest.len > 0 ? let_pass() : 0;

	c->is_again = true;
	while (r == 0 && rest.len > 0) {
		c->kind = (enum check_kind)rest.p[0];
		c->folder = (unsigned char)rest.p[1];
		rest = span_tail(rest, 2);
		c->name = rest.p;
		(void)span_field(&rest, &name);
		look(c);
	}
	return r;
}

/* --- the places of the files --- */

static int
look_at_place(struct check *c, const struct store_place *p, const char *path)
{
	struct buf b = BUF_INIT(PROBLEM_LIMIT);
	const char *text;
	struct stat st;
	uid_t owner;
	int r = owner_of(c, p->owner, &owner);

	if (r < 0)
		return r;
	if (lstat(path, &st) < 0)
		compose(&b, "unable to look at it", err_sys());
	else if ((st.st_mode & S_IFMT) != p->type)
		buf_puts(&b, "a file of the wrong type");
	else
		judge(c, &st, owner, p->mode, &b);
	if (b.len > 0 && buf_cstr(&b, &text) == 0)
		found_place(c, path, text, CHECK_ADJUST);
	buf_free(&b);
	return 0;
}

static int
look_at_places(struct check *c)
{
	struct buf path = BUF_INIT(PATH_LIMIT);
	const char *p;
	int r = 0;

	for (size_t i = 0; r == 0 && i < STORE_PLACES; i++) {
		const struct store_place *place = &store_places[i];
		unsigned int below = place->is_split ? STORE_SPLIT : 0;

		r = look_at_place(c, place, place->path);
		for (unsigned int n = 0; r == 0 && n < below; n++) {
			buf_reset(&path);
			buf_puts(&path, place->path);
			buf_putc(&path, '/');
			buf_putu(&path, n);
			r = buf_cstr(&path, &p);
			if (r == 0)
				r = look_at_place(c, place, p);
		}
	}
	buf_free(&path);
	return r;
}

/* Whether folder/name is one of our places. */
static bool
is_place(const char *folder, const char *name, struct span path)
{
	uint64_t n;

	for (size_t i = 0; i < STORE_PLACES; i++) {
		const struct store_place *p = &store_places[i];

		if (span_eq(path, span_cstr(p->path)))
			return true;
		if (p->is_split && strcmp(folder, p->path) == 0 &&
		    store_id(name, &n) && n < STORE_SPLIT)
			return true;
	}
	/* the file system's own, where the queue has one to itself */
	return span_eq(path, SPAN("queue/lost+found"));
}

struct strangers {
	struct check *c;
	const char *folder;
};

static int
look_at_stranger(void *ctx, const char *name)
{
	struct strangers *s = ctx;
	struct buf path = BUF_INIT(PATH_LIMIT);
	const char *p;

	buf_puts(&path, s->folder);
	buf_putc(&path, '/');
	buf_puts(&path, name);
	if (buf_cstr(&path, &p) == 0 &&
	    !is_place(s->folder, name, span_cstr(p)))
		found_place(
		    s->c, p, "no part of a queue; nothing uses it", CHECK_NOTE);
	buf_free(&path);
	return 0;
}

static int
count_name(void *ctx, const char *name)
{
	(void)name;
	++*(uint64_t *)ctx;
	return 0;
}

static void
look_at_quarantine(struct check *c)
{
	struct buf b = BUF_INIT(PROBLEM_LIMIT);
	uint64_t n = 0;
	const char *text;

	/* who cannot be entered is told of with its mode */
	err_ignore(file_each(FILE_CWD, "queue/quarantine", count_name, &n));
	buf_puts(&b, "files that were set aside: ");
	buf_putu(&b, n);
	if (n > 0 && buf_cstr(&b, &text) == 0)
		found_place(c, "queue/quarantine", text, CHECK_NOTE);
	buf_free(&b);
}

static void
look_at_strangers(struct check *c)
{
	static const char *const folders[] = { "queue", "queue/mess",
		"queue/todo", "queue/info", "queue/lock" };

	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		struct strangers s = { .c = c, .folder = folders[i] };

		err_ignore(
		    file_each(FILE_CWD, folders[i], look_at_stranger, &s));
	}
}

/* --- the whole --- */

static int
begin(struct check *c)
{
	struct stat st;
	int r = stat(".", &st) < 0 ? err_sys() : 0;

	if (r < 0)
		return r;
	c->owner = st.st_uid;
	if (c->owner == 0)
		r = priv_group("qmail", &c->group);
	if (r == 0)
		r = owner_of(c, "qmailq", &c->owners[CHECK_TODO]);
	if (r == 0)
		r = owner_of(c, "qmails", &c->owners[CHECK_INFO]);
	c->owners[CHECK_MESS] = c->owners[CHECK_TODO];
	c->hash = hash_new();
	return r == 0 && c->hash == NULL ? E_NOMEM : r;
}

int
check_queue(struct store *s, check_fn *fn, void *ctx)
{
	struct check c = { .s = s,
		.fn = fn,
		.ctx = ctx,
		.file = BUF_INIT(FILE_LIMIT),
		.suspects = BUF_INIT(SUSPECTS_LIMIT) };
	int r = begin(&c);

	if (r == 0)
		r = look_at_all(&c);
	if (r == 0)
		r = look_again(&c);
	if (r == 0)
		r = look_at_places(&c);
	if (r == 0) {
		look_at_strangers(&c);
		look_at_quarantine(&c);
	}
	hash_destroy(&c.hash);
	buf_free(&c.file);
	buf_free(&c.suspects);
	return r;
}

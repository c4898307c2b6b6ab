/*
 * ledger - the file maildirsize: is there room, and what was added
 *
 * Maildir++ (contract local.md 7.3). Whoever adds to a maildir or takes
 * from it appends a line to the file; it is counted anew when it has grown
 * long, or says that the maildir is full and has not been written to for a
 * while. Two deliveries at once may both find room for one message, and a
 * line appended while the file is replaced is lost: the next count heals
 * both. See local.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/file.h"
#include "sys/home.h"
#include "sys/prog.h"

#include "local.h"
#include "quota.h"

enum {
	PATH_BYTES = 8192,
	LONG = 5120,     /* bytes of maildirsize */
	OLD_S = 15 * 60, /* seconds since it was written */
	RULE_S = 60,     /* that control/maildirquota is believed */
	CONTROL_BYTES = 64 * 1024,
	TEXT_BYTES = 1024
};

struct ledger {
	struct delivery *d;
	struct buf root; /* the main maildir */
	struct buf text; /* what maildirsize says */
	struct span list;
	struct quota quota;
	struct quota_usage used;
	int64_t written;         /* when maildirsize was */
	int fd;                  /* maildirsize, to append to */
	struct buf folder, path; /* while counting */
};

static int
malformed(struct delivery *d, const char *what)
{
	return report_fail(d->report, EX_SOFT,
	    WORDS("Uh-oh: ", what, " is malformed. (#4.3.5)"));
}

static int
trouble(struct delivery *d, const char *what, int r)
{
	return report_fail(d->report, EX_SOFT,
	    WORDS("Unable to read ", what, ": ", err_text(r), ". (#4.3.0)"));
}

/* control/maildirquota, once a minute. A user who may not read it has no
 * default. */
static int
load_rule(struct delivery *d)
{
	struct local *self = d->self;
	struct buf path = BUF_INIT(PATH_BYTES);
	const char *p;
	int r;

	if (d->when >= self->rule_at && d->when - self->rule_at < RULE_S)
		return 0;
	buf_free(&self->rule_text);
	self->rule_text = BUF_INIT(CONTROL_BYTES);
	buf_puts(&path, home_path());
	buf_puts(&path, "/control/maildirquota");
	r = buf_cstr(&path, &p);
	if (r == 0)
		r = file_read(FILE_CWD, p, &self->rule_text);
	buf_free(&path);
	if (r == E_ABSENT || err_is(r, EACCES))
		r = 0;
	self->rule_at = r == 0 ? d->when : 0;
	if (r < 0) {
		buf_free(&self->rule_text);
		return trouble(d, "control/maildirquota", r);
	}
	return 0;
}

static int
read_rule(struct delivery *d, struct quota_rule *rule)
{
	struct span text, line = SPAN("");
	int code = load_rule(d);

	if (code != 0)
		return code;
	text = buf_span(&d->self->rule_text);
	(void)span_line(&text, &line);
	if (quota_rule(span_trim_end(line), rule) == 0)
		return 0;
	/* whoever corrects it need not wait */
	d->self->rule_at = 0;
	return malformed(d, "control/maildirquota");
}

/* root/a/b as a C string in b, or NULL. */
static const char *
join(struct buf *b, const char *root, const char *a, const char *name)
{
	const char *p;

	buf_reset(b);
	buf_puts(b, root);
	buf_puts(b, a);
	buf_puts(b, name);
	return buf_cstr(b, &p) == 0 ? p : NULL;
}

/* The maildir that has the quota: path itself, or the one it is a folder
 * of. */
static int
find_root(struct ledger *l, const char *path)
{
	struct span s = span_cstr(path);
	const char *p;
	struct stat st;
	bool is_folder = false;

	while (s.len > 1 && s.p[s.len - 1] == '/')
		s.len--;
	s = span_tail(
	    s, span_rfind(s, '/') < s.len ? span_rfind(s, '/') + 1 : 0);
	if (s.len > 1 && s.p[0] == '.' && !span_eq(s, SPAN(".."))) {
		p = join(&l->path, path, "/", "maildirfolder");
		is_folder = p != NULL && stat(p, &st) == 0;
	}
	buf_puts(&l->root, path);
	buf_puts(&l->root, is_folder ? "/.." : "");
	return buf_cstr(&l->root, &p);
}

/* What is in one of the folders new and cur. */
static int
count_file(void *ctx, const char *name)
{
	struct ledger *l = ctx;
	struct span s = span_cstr(name);
	const char *folder;
	struct stat st;
	uint64_t size;

	if (name[0] == '.' || quota_is_trashed(s))
		return 0;
	if (!quota_size_of(s, &size)) {
		const char *p;

		if (buf_cstr(&l->folder, &folder) < 0)
			return buf_err(&l->folder);
		p = join(&l->path, folder, "/", name);
		if (p == NULL)
			return E_TOOBIG;
		if (stat(p, &st) < 0)
			return errno == ENOENT ? 0 : err_sys();
		size = (uint64_t)st.st_size;
	}
	l->used.bytes += (int64_t)size;
	l->used.count++;
	return 0;
}

static int
count_maildir(struct ledger *l, const char *name)
{
	static const char *const parts[] = { "/new", "/cur" };
	const char *root, *p;
	int r = buf_cstr(&l->root, &root);

	for (size_t i = 0; r == 0 && i < 2; i++) {
		p = join(&l->folder, root, name, parts[i]);
		r = p != NULL ? file_each(FILE_CWD, p, count_file, l)
			      : E_TOOBIG;
		if (r == E_ABSENT || err_is(r, ENOTDIR))
			r = 0;
	}
	return r;
}

static int
count_folder(void *ctx, const char *name)
{
	struct ledger *l = ctx;
	struct buf path = BUF_INIT(PATH_BYTES);
	const char *p;
	int r;

	if (name[0] != '.' || span_eq(span_cstr(name), SPAN(".Trash")))
		return 0;
	p = join(&path, "/", name, "");
	r = p != NULL ? count_maildir(l, p) : E_TOOBIG;
	buf_free(&path);
	return r;
}

/* Put a file that says what was counted in the place of the old one. */
static int
replace(struct ledger *l, const char *root)
{
	struct buf tmp = BUF_INIT(PATH_BYTES), text = BUF_INIT(TEXT_BYTES);
	const char *from, *to;
	int fd = -1;
	int r;

	buf_puts(&tmp, root);
	buf_puts(&tmp, "/tmp/");
	buf_putu(&tmp, clock_real_us());
	buf_puts(&tmp, ".P");
	buf_putu(&tmp, (uintmax_t)l->d->self->pid);
	buf_puts(&tmp, ".maildirsize");
	buf_put(&text, l->list);
	buf_putc(&text, '\n');
	buf_putu(&text, (uintmax_t)l->used.bytes);
	buf_putc(&text, ' ');
	buf_putu(&text, (uintmax_t)l->used.count);
	buf_putc(&text, '\n');
	to = join(&l->path, root, "/", "maildirsize");
	r = buf_err(&text);
	if (r == 0)
		r = to != NULL ? buf_cstr(&tmp, &from) : E_TOOBIG;
	if (r == 0)
		r = file_open(FILE_CWD, from,
		    O_RDWR | O_CREAT | O_EXCL | O_APPEND, 0644, &fd);
	if (r == 0) {
		r = fd_write(fd, buf_span(&text), FD_FOREVER);
		if (r == 0)
			r = file_rename(FILE_CWD, from, to);
		if (r < 0)
			err_ignore(file_unlink(FILE_CWD, from));
	}
	fd_close(&l->fd);
	if (r == 0)
		l->fd = fd;
	else
		fd_close(&fd);
	buf_free(&tmp);
	buf_free(&text);
	return r;
}

/* Count everything. What cannot be written down was counted all the same. */
static int
recount(struct ledger *l)
{
	const char *root;
	int r = buf_cstr(&l->root, &root);

	l->used = (struct quota_usage){ .bytes = 0 };
	if (r == 0)
		r = count_maildir(l, "");
	if (r == 0)
		r = file_each(FILE_CWD, root, count_folder, l);
	if (r == 0)
		err_ignore(replace(l, root));
	return r;
}

/* Read maildirsize. *is_stale: it must be counted anew. */
static int
read_file(struct ledger *l, bool *is_stale)
{
	struct stat st;
	struct span rest;
	size_t got = 1;
	int r = fstat(l->fd, &st) < 0 ? err_sys() : 0;

	if (r == 0 && !S_ISREG(st.st_mode))
		r = E_SYNTAX;
	while (r == 0 && got > 0 && l->text.len < LONG)
		r = fd_read_buf(
		    l->fd, &l->text, LONG - l->text.len, FD_FOREVER, &got);
	if (r < 0)
		return r;
	rest = buf_span(&l->text);
	l->list = SPAN("");
	(void)span_line(&rest, &l->list);
	l->written = (int64_t)st.st_mtime;
	*is_stale = l->text.len >= LONG || quota_sum(rest, &l->used) < 0;
	return 0;
}

/* Find the quota and what is used. l->list is empty when there is none. */
static int
load(struct ledger *l, const struct quota_rule *rule, bool *is_stale)
{
	const char *root, *p;
	int r = buf_cstr(&l->root, &root);

	if (r < 0)
		return r;
	p = join(&l->path, root, "/", "maildirsize");
	if (p == NULL)
		return E_TOOBIG;
	r = file_open(FILE_CWD, p, O_RDWR | O_APPEND | O_NONBLOCK, 0, &l->fd);
	if (r == 0)
		return read_file(l, is_stale);
	/* no maildir at all is for the delivery to find out */
	if (r != E_ABSENT && !err_is(r, ENOTDIR))
		return r;
	l->list = rule->list;
	*is_stale = r == E_ABSENT;
	return 0;
}

/* Whether there is room for size more bytes, counting if need be. */
static int
check(struct ledger *l, bool is_stale, uint64_t size, bool *fits)
{
	int r = is_stale ? recount(l) : 0;

	*fits = quota_allows(&l->quota, &l->used, size);
	if (r == 0 && !*fits && !is_stale && l->d->when - l->written > OLD_S) {
		r = recount(l);
		*fits = quota_allows(&l->quota, &l->used, size);
	}
	return r;
}

/* Whether there is a quota at all. */
static bool
has_quota(const struct ledger *l)
{
	return l->fd >= 0 || l->list.len > 0;
}

static int
judge(struct ledger *l, const struct quota_rule *rule, uint64_t size)
{
	struct delivery *d = l->d;
	bool is_stale = false, fits = true;
	int r = load(l, rule, &is_stale);

	if (r == 0 && has_quota(l))
		r = quota_parse(l->list, &l->quota);
	if (r == E_SYNTAX || r == E_TOOBIG)
		return malformed(d, "maildirsize");
	if (r == 0 && has_quota(l))
		r = check(l, is_stale, size, &fits);
	/* no maildir at all is for the delivery to find out */
	if (r == E_ABSENT || err_is(r, ENOTDIR))
		return 0;
	if (r < 0)
		return trouble(d, "maildirsize", r);
	if (fits)
		return 0;
	return rule->bounces ? report_fail(d->report, EX_HARD,
				   WORDS("Sorry, mailbox full. (#5.2.2)"))
			     : report_fail(d->report, EX_SOFT,
				   WORDS("Sorry, mailbox full. (#4.2.2)"));
}

int
ledger_open(struct delivery *d, const char *path, int *fd)
{
	struct ledger l = { .d = d,
		.root = BUF_INIT(PATH_BYTES),
		.text = BUF_INIT(LONG),
		.list = SPAN(""),
		.fd = -1,
		.folder = BUF_INIT(PATH_BYTES),
		.path = BUF_INIT(PATH_BYTES) };
	struct quota_rule rule;
	uint64_t size;
	int code = read_rule(d, &rule);

	/* a message nobody can measure, nobody can read */
	if (code == 0 && message_size(&d->self->msg, &size) == 0 &&
	    find_root(&l, path) == 0)
		code = judge(&l, &rule, size + d->rpline.len + d->dtline.len);
	if (code == 0)
		*fd = l.fd;
	else
		fd_close(&l.fd);
	buf_free(&l.root);
	buf_free(&l.text);
	buf_free(&l.folder);
	buf_free(&l.path);
	return code;
}

void
ledger_add(int fd, uint64_t size)
{
	struct buf line = BUF_INIT(64);

	buf_putu(&line, size);
	buf_puts(&line, " 1\n");
	/* the message is delivered: a count that is off is no reason to
	 * deliver it again */
	if (fd >= 0 && buf_err(&line) == 0)
		err_ignore(fd_write(fd, buf_span(&line), FD_FOREVER));
	buf_free(&line);
}

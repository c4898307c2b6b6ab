/*
 * maildir - add a file to a maildir: see local.h
 *
 * Contract local.md 1.9, 7.2. No child process and no name in tmp: the
 * file is written unnamed, and linked into new when its bytes are on their
 * way to the disk. Then one commit of the file system's journal carries
 * file and name. Data goes first, so that after a power failure a name in
 * new never stands for less than the whole message.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/err.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/file.h"
#include "sys/prog.h"

#include "local.h"

enum {
	PATH_BYTES = 8192,
	TRIES = 3 /* for a free name, as ever */
};

struct maildir {
	struct delivery *d;
	const char *path;
	int fd;           /* the new file */
	struct buf tmp;   /* its name in tmp; empty while it has none */
	struct buf fresh; /* its name in new; empty while it has none */
	uint64_t size;    /* its bytes */
	bool is_unread;   /* the message could not be read */
};

struct span
local_host(struct local *self)
{
	if (self->host[0] == '\0' &&
	    gethostname(self->host, sizeof(self->host) - 1) < 0)
		self->host[0] = '\0';
	return span_cstr(self->host);
}

/* '/' and ':' cannot stand in a file's name. */
static void
put_host(struct buf *b, struct span host)
{
	for (size_t i = 0; i < host.len; i++) {
		if (host.p[i] == '/')
			buf_puts(b, "\\057");
		else if (host.p[i] == ':')
			buf_puts(b, "\\072");
		else
			buf_putc(b, host.p[i]);
	}
}

/*
 * PATH/FOLDER/ and a name nobody else gives: the time, this process, how
 * many it has delivered, this host.
 */
static void
put_name(struct maildir *m, struct buf *b, const char *folder)
{
	uint64_t now = clock_real_us();

	buf_reset(b);
	buf_puts(b, m->path);
	buf_puts(b, folder);
	buf_putu(b, now / 1000000);
	buf_puts(b, ".M");
	buf_putu(b, now % 1000000);
	buf_putc(b, 'P');
	buf_putu(b, (uintmax_t)m->d->self->pid);
	buf_putc(b, 'Q');
	buf_putu(b, ++m->d->self->deliveries);
	buf_putc(b, '.');
	put_host(b, local_host(m->d->self));
}

/* Where the file system knows no unnamed files. */
static int
open_named(struct maildir *m)
{
	const char *p;
	int r = E_BUSY;

	for (int i = 0; i < TRIES && r == E_BUSY; i++) {
		put_name(m, &m->tmp, "/tmp/");
		r = buf_cstr(&m->tmp, &p);
		if (r == 0)
			r = file_open(FILE_CWD, p, O_RDWR | O_CREAT | O_EXCL,
			    0644, &m->fd);
	}
	if (r < 0)
		buf_reset(&m->tmp);
	return r;
}

static int
open_new(struct maildir *m)
{
	struct buf folder = BUF_INIT(PATH_BYTES);
	const char *p;
	int r;

	buf_puts(&folder, m->path);
	buf_puts(&folder, "/tmp");
	r = buf_cstr(&folder, &p);
	if (r == 0)
		r = file_unnamed(FILE_CWD, p, 0644, &m->fd);
	buf_free(&folder);
	return r == E_ABSENT ? open_named(m) : r;
}

/* The two lines and the first piece, in one call when it all goes in. */
static int
write_head(struct maildir *m, struct span piece)
{
	const struct span parts[] = { buf_span(&m->d->rpline),
		buf_span(&m->d->dtline), piece };
	struct iovec iov[3];
	ssize_t n;
	size_t done;

	for (int i = 0; i < 3; i++)
		iov[i] =
		    (struct iovec){ .iov_base = (void *)(uintptr_t)parts[i].p,
			    .iov_len = parts[i].len };
	do
		n = writev(m->fd, iov, 3);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys();
	done = (size_t)n;
	for (int i = 0; i < 3; i++) {
		size_t skip = done < parts[i].len ? done : parts[i].len;
		int r = fd_write(m->fd, span_tail(parts[i], skip), FD_FOREVER);

		if (r < 0)
			return r;
		done -= skip;
		m->size += parts[i].len;
	}
	return 0;
}

/* Let the kernel copy from offset *at on, as far as it will. */
static void
copy_inside(struct maildir *m, uint64_t *at)
{
	loff_t from = (loff_t)*at;
	ssize_t n;

	do {
		n = copy_file_range(
		    m->d->self->msg.fd, &from, m->fd, NULL, 1 << 30, 0);
		if (n > 0)
			m->size += (uint64_t)n;
	} while (n > 0);
	*at = (uint64_t)from;
}

static int
write_all(struct maildir *m)
{
	struct message *msg = &m->d->self->msg;
	struct span piece;
	uint64_t at;
	int r;

	r = message_read(msg, 0, &piece);
	if (r == 0)
		r = write_head(m, piece);
	if (r < 0)
		return r;
	at = piece.len;
	if (!msg->is_whole)
		copy_inside(m, &at);
	/* what the kernel would not copy, and what went wrong for it */
	for (;;) {
		r = message_read(msg, at, &piece);
		m->is_unread = r < 0;
		if (r < 0 || piece.len == 0)
			return r;
		r = fd_write(m->fd, piece, FD_FOREVER);
		if (r < 0)
			return r;
		at += piece.len;
		m->size += piece.len;
	}
}

/* Start the data towards the disk and see it arrive. The commit that
 * follows would do this anyway; here it comes before the name. */
static int
flush_data(const struct maildir *m)
{
	int r = sync_file_range(m->fd, 0, 0,
	    SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
		SYNC_FILE_RANGE_WAIT_AFTER);

	if (r < 0 && (errno == EIO || errno == ENOSPC || errno == EDQUOT))
		return err_sys();
	return 0;
}

static int
link_as(struct maildir *m, const char *name)
{
	const char *from;
	int r;

	if (m->tmp.len == 0)
		return file_link_unnamed(m->fd, FILE_CWD, name);
	r = buf_cstr(&m->tmp, &from);
	if (r == 0 && link(from, name) < 0)
		r = errno == EEXIST ? E_BUSY : err_sys();
	return r;
}

static int
link_new(struct maildir *m)
{
	const char *p;
	int r = E_BUSY;

	for (int i = 0; i < TRIES && r == E_BUSY; i++) {
		put_name(m, &m->fresh, "/new/");
		buf_puts(&m->fresh, ",S=");
		buf_putu(&m->fresh, m->size);
		r = buf_cstr(&m->fresh, &p);
		if (r == 0)
			r = link_as(m, p);
	}
	if (r < 0)
		buf_reset(&m->fresh);
	return r;
}

/* fsync the folder new; one that we may not read has to go without. */
static int
sync_new(const struct maildir *m)
{
	struct buf folder = BUF_INIT(PATH_BYTES);
	const char *p;
	int fd = -1;
	int r;

	buf_puts(&folder, m->path);
	buf_puts(&folder, "/new");
	r = buf_cstr(&folder, &p);
	if (r == 0)
		r = file_open_dir(FILE_CWD, p, &fd);
	if (r == 0)
		r = file_sync(fd);
	else if (err_is(r, EACCES))
		r = 0;
	fd_close(&fd);
	buf_free(&folder);
	return r;
}

static void
unlink_name(struct buf *name)
{
	const char *p;

	if (buf_err(name) == 0 && name->len > 0 && buf_cstr(name, &p) == 0)
		err_ignore(file_unlink(FILE_CWD, p)); /* nothing to be done */
	buf_free(name);
}

static int
store(struct maildir *m)
{
	int r = open_new(m);

	if (r == 0)
		r = write_all(m);
	if (r == 0)
		r = flush_data(m);
	if (r == 0)
		r = link_new(m);
	if (r == 0)
		r = file_sync(m->fd);
	if (r == 0)
		r = sync_new(m);
	if (r == 0)
		r = fd_close_checked(&m->fd);
	return r;
}

/* Why one could not chdir to path; 0 if one could. */
static int
unreachable(const char *path)
{
	struct buf b = BUF_INIT(PATH_BYTES);
	struct stat st;
	const char *p;
	int r;

	buf_puts(&b, path);
	buf_puts(&b, "/.");
	r = buf_cstr(&b, &p);
	if (r == 0 && stat(p, &st) < 0)
		r = err_sys();
	buf_free(&b);
	return r;
}

static int
explain(const struct maildir *m)
{
	struct report *report = m->d->report;
	int r = unreachable(m->path);

	if (m->is_unread)
		return report_fail(
		    report, EX_SOFT, WORDS("Unable to read message. (#4.3.0)"));
	if (r < 0 && err_class(r) == ERR_PERM)
		return report_fail(report, EX_SOFT,
		    WORDS("Unable to chdir to maildir. (#4.2.1)"));
	return report_fail(report, EX_SOFT,
	    WORDS("Temporary error on maildir delivery. (#4.3.0)"));
}

int
maildir_deliver(struct delivery *d, const char *path)
{
	struct maildir m = { .d = d,
		.path = path,
		.fd = -1,
		.tmp = BUF_INIT(PATH_BYTES),
		.fresh = BUF_INIT(PATH_BYTES) };
	int ledger = -1;
	int code = ledger_open(d, path, &ledger);
	int r;

	if (code != 0)
		return code;
	r = store(&m);
	if (r == 0)
		ledger_add(ledger, m.size);
	fd_close(&ledger);
	unlink_name(&m.tmp);
	if (r < 0)
		unlink_name(&m.fresh);
	buf_free(&m.fresh);
	fd_close(&m.fd);
	return r < 0 ? explain(&m) : 0;
}

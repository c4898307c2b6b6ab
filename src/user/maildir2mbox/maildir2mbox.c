/*
 * maildir2mbox - move the messages of a maildir into an mbox
 *
 * Run by:   anybody whose mail program knows no maildirs; elq(1), pinq(1),
 *           qail(1)
 * Runs as:  whoever runs it; needs no privilege
 * Input:    MAIL, MAILTMP and MAILDIR of the environment; the files there
 * Trusts:   its environment; nothing in a message
 * Output:   a new MAIL, by way of MAILTMP; the files of the maildir go
 * Exits:    0 done, or nothing to do; 111 not done
 *
 * A message goes when it is in the mbox for good: whatever happens in
 * between, it is there, at worst twice. Contract local.md 4.2.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "mail/mboxrd.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/file.h"
#include "sys/lock.h"
#include "sys/log.h"
#include "sys/maildir.h"
#include "sys/prog.h"

enum {
	LOCK_MS = 600 * 1000, /* somebody reads a large mailbox */
	PIECE = 64 * 1024,
	OUT_MAX = 1024 * 1024,
	LINE_MAX_BYTES = 64 * 1024, /* of a Return-Path */
	PATH_BYTES = 8192
};

/* The mbox being written. */
struct mbox {
	const char *name;
	int fd;
	struct buf out;
};

static void NORETURN
die_of_memory(void)
{
	prog_die(EX_SOFT, "out of memory", 0);
}

/* "WHAT $MAILDIR/NAME", as people know it. */
static void
say_file(struct buf *b, const char *what, const char *name)
{
	buf_puts(b, what);
	buf_puts(b, " $MAILDIR/");
	buf_puts(b, name);
}

static void NORETURN
die_reading(const char *name, int r)
{
	struct buf b = BUF_INIT(PATH_BYTES);
	const char *words;

	say_file(&b, "unable to read", name);
	if (buf_cstr(&b, &words) < 0)
		die_of_memory();
	prog_die(EX_SOFT, words, r);
}

/* --- what is there --- */

static void
find_all(struct maildir *all)
{
	int64_t now = clock_real();
	int r;

	maildir_clean(now);
	r = maildir_scan(all, "new", now);
	if (r < 0)
		prog_die(EX_SOFT, "unable to scan $MAILDIR/new", r);
	r = maildir_scan(all, "cur", now);
	if (r < 0)
		prog_die(EX_SOFT, "unable to scan $MAILDIR/cur", r);
	maildir_sort(all);
}

/* --- writing --- */

static void
flush(struct mbox *m)
{
	int r = buf_err(&m->out);

	if (r == 0)
		r = fd_write(m->fd, buf_span(&m->out), FD_FOREVER);
	if (r < 0)
		prog_die_file(EX_SOFT, "unable to write to", m->name, r);
	buf_reset(&m->out);
}

/* The mailbox as it was; a line that is not ended would swallow the next. */
static void
copy_old(struct mbox *m, const char *mail, int fd)
{
	char bytes[PIECE];
	char last = '\n';
	size_t got;

	do {
		int r = fd_read(fd, bytes, sizeof(bytes), FD_FOREVER, &got);

		if (r < 0)
			prog_die_file(EX_SOFT, "unable to read", mail, r);
		buf_put(&m->out, (struct span){ bytes, got });
		if (got > 0)
			last = bytes[got - 1];
		flush(m);
	} while (got > 0);
	if (last != '\n')
		buf_putc(&m->out, '\n');
}

/* Who sent it: a Return-Path in the first line says it. */
static struct span
sender_of(struct span line)
{
	static const char field[] = "Return-Path: <";
	struct span s = span_tail(line, sizeof(field) - 1);
	size_t end = span_rfind(s, '>');

	if (!span_starts(line, span_cstr(field)) || end >= s.len)
		return SPAN("XXX");
	return span_head(s, end);
}

/* Fill line with the first one, as far as there is room for it. */
static int
first_line(int fd, struct buf *line)
{
	size_t got = 1;
	int r = 0;

	while (r == 0 && got > 0 && line->len < line->max &&
	       span_find(buf_span(line), '\n') == line->len)
		r = fd_read_buf(
		    fd, line, line->max - line->len, FD_FOREVER, &got);
	return r;
}

static void
copy_one(struct mbox *m, const struct maildir_file *k)
{
	struct mboxrd quoting = MBOXRD_INIT;
	struct buf line = BUF_INIT(LINE_MAX_BYTES);
	char bytes[PIECE];
	struct span s;
	size_t got = 0;
	int fd = -1;
	int r;

	r = file_open_read(FILE_CWD, k->path, &fd);
	if (r == E_ABSENT)
		return; /* another reader has moved it: next time */
	if (r == 0)
		r = first_line(fd, &line);
	if (r < 0)
		die_reading(k->path, r);
	s = buf_span(&line);
	mboxrd_from(
	    &m->out, sender_of(span_head(s, span_find(s, '\n'))), k->mtime);
	do {
		mboxrd_put(&quoting, &m->out, s);
		flush(m);
		r = fd_read(fd, bytes, sizeof(bytes), FD_FOREVER, &got);
		if (r < 0)
			die_reading(k->path, r);
		s = (struct span){ bytes, got };
	} while (got > 0);
	mboxrd_end(&quoting, &m->out);
	flush(m);
	fd_close(&fd);
	buf_free(&line);
}

/* --- the mailbox --- */

static bool
is_file(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

/* Open and lock MAIL. */
static int
open_mail(const char *mail)
{
	int fd = -1;
	int r = lock_open(mail, O_RDWR | O_CREAT | O_NONBLOCK, 0600,
	    clock_ms() + LOCK_MS, &fd);

	/* a device has nothing to copy, and would be gone afterwards */
	if (r == 0 && !is_file(fd))
		r = err_of(EINVAL);
	if (r < 0)
		prog_die_file(EX_SOFT, "unable to lock", mail, r);
	return fd;
}

/* A new file: what an earlier run left has gone, and no link is followed. */
static int
create(const char *name, int *fd)
{
	struct stat st;
	int r = 0;

	if (lstat(name, &st) == 0 && S_ISREG(st.st_mode))
		r = file_unlink(FILE_CWD, name);
	if (r == 0)
		r = file_open(
		    FILE_CWD, name, O_WRONLY | O_CREAT | O_EXCL, 0600, fd);
	if (r == E_BUSY)
		r = err_of(EEXIST);
	/* it will be the mailbox while we still remove what is in it */
	if (r == 0)
		r = lock_wait(*fd, clock_ms() + LOCK_MS);
	return r;
}

/* Make the new mailbox the mailbox, for good. */
static void
publish(struct mbox *m, const char *mail)
{
	struct buf path = BUF_INIT(PATH_BYTES);
	const char *p;
	int r = file_sync(m->fd);

	if (r < 0)
		prog_die_file(EX_SOFT, "unable to write to", m->name, r);
	r = file_rename(FILE_CWD, m->name, mail);
	if (r < 0) {
		buf_puts(&path, "unable to move ");
		buf_puts(&path, m->name);
		buf_puts(&path, " to ");
		buf_puts(&path, mail);
		if (buf_cstr(&path, &p) < 0)
			die_of_memory();
		prog_die(EX_SOFT, p, r);
	}
	/* before its name lasts, no message may go */
	r = file_sync_name(FILE_CWD, mail);
	if (r < 0)
		prog_die_file(EX_SOFT, "unable to write to", mail, r);
	buf_free(&path);
}

static void
unlink_all(const struct maildir *all)
{
	for (size_t i = 0; i < all->n; i++) {
		struct buf b = BUF_INIT(PATH_BYTES);
		int r = file_unlink(FILE_CWD, all->file[i].path);
		const char *words;

		if (r < 0 && r != E_ABSENT) {
			say_file(&b, "warning:", all->file[i].path);
			buf_puts(
			    &b, " will be delivered twice; unable to unlink");
			if (buf_cstr(&b, &words) == 0)
				log_err(words, r);
		}
		buf_free(&b);
	}
}

int
main(void)
{
	struct maildir all = MAILDIR_INIT;
	struct mbox m = { .fd = -1, .out = BUF_INIT(OUT_MAX) };
	const char *mail, *dir;
	int fd, r;

	prog_start("maildir2mbox");
	(void)umask(077);
	mail = prog_need("MAIL", EX_SOFT);
	m.name = prog_need("MAILTMP", EX_SOFT);
	dir = prog_need("MAILDIR", EX_SOFT);
	if (chdir(dir) < 0)
		prog_die_file(EX_SOFT, "unable to chdir to", dir, err_sys());
	find_all(&all);
	if (all.n == 0)
		return 0;

	fd = open_mail(mail);
	/* the same file under both names would go before it is copied */
	r = strcmp(m.name, mail) == 0 ? err_of(EEXIST) : create(m.name, &m.fd);
	if (r < 0)
		prog_die_file(EX_SOFT, "unable to create", m.name, r);
	copy_old(&m, mail, fd);
	for (size_t i = 0; i < all.n; i++)
		copy_one(&m, &all.file[i]);
	publish(&m, mail);
	unlink_all(&all);
	fd_close(&m.fd);
	fd_close(&fd);
	maildir_free(&all);
	buf_free(&m.out);
	return 0;
}

/*
 * mbox - append to a file of messages: see local.h
 *
 * Contract local.md 1.8. What was written is taken away again if it could
 * not be finished, as long as the lock is ours.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "mail/mboxrd.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/file.h"
#include "sys/lock.h"
#include "sys/prog.h"

#include "local.h"

enum {
	LOCK_MS = 30 * 1000,    /* contract: 30 seconds straight */
	WRITE_MS = 3600 * 1000, /* for the reader of a FIFO */
	GATHER_MAX = 1024 * 1024,
	GATHER = 32 * 1024 /* small messages are one write */
};

struct mbox {
	int fd;
	bool is_locked;
	off_t end; /* where the new message begins */
};

static int
flush(struct mbox *m, struct buf *b)
{
	int r = buf_err(b);

	if (r == 0)
		r = fd_write(m->fd, buf_span(b), clock_ms() + WRITE_MS);
	buf_reset(b);
	return r;
}

/* Write it all. *is_unread: it was the message that failed. */
static int
append(struct delivery *d, struct mbox *m, bool *is_unread)
{
	struct mboxrd quoting = MBOXRD_INIT;
	struct buf b = BUF_INIT(GATHER_MAX);
	struct span piece = SPAN("");
	uint64_t at = 0;
	int r;

	buf_put(&b, buf_span(&d->ufline));
	buf_put(&b, buf_span(&d->rpline));
	buf_put(&b, buf_span(&d->dtline));
	do {
		mboxrd_put(&quoting, &b, piece);
		r = b.len > GATHER ? flush(m, &b) : 0;
		if (r < 0)
			goto out;
		r = message_read(&d->self->msg, at, &piece);
		*is_unread = r < 0;
		if (r < 0)
			goto out;
		at += piece.len;
	} while (piece.len > 0);
	mboxrd_end(&quoting, &b);
	r = flush(m, &b);
out:
	buf_free(&b);
	return r;
}

static int
sync_all(const struct mbox *m, const char *path)
{
	int r = file_sync(m->fd);

	/* a device or a FIFO has nothing to keep: DECISIONS, /dev/null */
	if (err_is(r, EINVAL))
		return 0;
	/* the first message in a new file: its name must last, too; a folder
	 * that we may not read has to go without */
	if (r == 0 && m->end == 0)
		r = file_sync_name(FILE_CWD, path);
	return err_is(r, EACCES) ? 0 : r;
}

static int
fill(struct delivery *d, struct mbox *m, const char *path)
{
	bool is_unread = false;
	int r = append(d, m, &is_unread);

	if (r == 0)
		r = sync_all(m, path);
	if (r == 0)
		return 0;
	/* the first failure is the one to tell */
	if (m->is_locked && m->end >= 0 && ftruncate(m->fd, m->end) < 0)
		err_ignore(err_sys());
	if (is_unread)
		return report_fail(d->report, EX_SOFT,
		    WORDS(
			"Unable to read message: ", err_text(r), ". (#4.3.0)"));
	return report_fail(d->report, EX_SOFT,
	    WORDS("Unable to write ", path, ": ", err_text(r), ". (#4.3.0)"));
}

int
mbox_deliver(struct delivery *d, const char *path)
{
	struct mbox m = { .fd = -1 };
	int code;
	int r;

	r = lock_open(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK, 0600,
	    clock_ms() + LOCK_MS, &m.fd);
	if (m.fd < 0)
		return report_fail(d->report, EX_SOFT,
		    WORDS("Unable to open ", path, ": ", err_text(r),
			". (#4.2.1)"));
	m.is_locked = r == 0;
	m.end = lseek(m.fd, 0, SEEK_END);
	if (r == E_TIMEOUT)
		code = report_fail(d->report, EX_SOFT,
		    WORDS("File has been locked for 30 seconds straight. "
			  "(#4.3.0)"));
	else
		code = fill(d, &m, path);
	fd_close(&m.fd);
	return code;
}

/*
 * repair - moves to quarantine/ what a check has found: see check.h
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/err.h"
#include "queue/check.h"
#include "queue/store-private.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/file.h"

enum { PATH_LIMIT = 1024, TEXT_LIMIT = 2048, FILE_MODE = 0640 };

/* Write quarantine/NAME.reason. */
static int
put_reason(struct store *s, const char *name, const struct check_finding *f)
{
	struct buf path = BUF_INIT(PATH_LIMIT), text = BUF_INIT(TEXT_LIMIT);
	const char *p;
	int fd = -1;
	int r;

	buf_puts(&path, name);
	buf_puts(&path, ".reason");
	buf_puts(&text, f->path);
	buf_puts(&text, ": ");
	buf_puts(&text, f->problem);
	buf_putc(&text, '\n');
	r = buf_cstr(&path, &p);
	if (r == 0)
		r = buf_err(&text);
	if (r == 0)
		r = file_open(s->quarantine, p, O_WRONLY | O_CREAT | O_APPEND,
		    FILE_MODE, &fd);
	if (r == 0)
		r = fd_write(fd, buf_span(&text), FD_FOREVER);
	fd_close(&fd);
	buf_free(&path);
	buf_free(&text);
	return r;
}

/* Whatever is no file of a message, under a name of ours. */
static int
move_foreign(struct store *s, const struct check_finding *f)
{
	char as[NAME_MAX_ID];
	uint64_t now = clock_real_us();
	int r;

	do {
		(void)store_name(as, now++, ".foreign");
		r = renameat2(FILE_CWD, f->path, s->quarantine, as,
			RENAME_NOREPLACE) < 0
			? err_sys()
			: 0;
	} while (err_is(r, EEXIST));
	return r == 0 ? put_reason(s, as, f) : r;
}

static int
move_note(struct store *s, uint64_t id, const struct check_finding *f)
{
	char as[NAME_MAX_ID];
	int r = store_note_quarantine(s, id);

	return r == 0 ? put_reason(s, store_name(as, id, ".info"), f) : r;
}

static int
move_message(struct store *s, uint64_t id, const struct check_finding *f)
{
	int r = store_note_quarantine(s, id);

	return r == 0 ? store_quarantine(s, id, span_cstr(f->problem)) : r;
}

int
check_repair(struct store *s, const struct check_finding *f)
{
	uint64_t id;
	int r = 0;

	if (s->quarantine < 0)
		r = file_open_dir(s->queue, "quarantine", &s->quarantine);
	if (r < 0)
		return r;
	if (!store_id(f->name, &id) || id % STORE_SPLIT != f->folder)
		r = move_foreign(s, f);
	else if (f->kind == CHECK_INFO)
		r = move_note(s, id, f);
	else
		r = move_message(s, id, f);
	if (r == 0)
		r = file_sync(s->quarantine);
	if (r == 0)
		r = store_sync(s);
	return r;
}

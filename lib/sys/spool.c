/*
 * spool - a message while it is being received: see spool.h
 */
#include "sys/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/err.h"
#include "sys/clock.h"
#include "sys/env.h"
#include "sys/fd.h"
#include "sys/file.h"

enum { PIECE = 65536, TRIES = 100 };

void
spool_free(struct spool *s)
{
	buf_free(&s->mem);
	fd_close(&s->fd);
	s->size = 0;
	s->err = 0;
}

/* A named file whose name is gone at once, where O_TMPFILE is not known. */
static int
open_nameless(const char *dir, int *fd)
{
	struct buf path = BUF_INIT(4096);
	const char *p;
	int r = E_BUSY;

	for (int i = 0; r == E_BUSY && i < TRIES; i++) {
		buf_reset(&path);
		buf_puts(&path, dir);
		buf_puts(&path, "/spool.");
		buf_putu(&path, (uintmax_t)getpid());
		buf_putc(&path, '.');
		buf_putu(&path, clock_real_us());
		r = buf_cstr(&path, &p);
		if (r == 0)
			r = file_open(
			    FILE_CWD, p, O_RDWR | O_CREAT | O_EXCL, 0600, fd);
	}
	if (r == 0)
		r = file_unlink(FILE_CWD, p);
	buf_free(&path);
	return r;
}

static int
open_file(int *fd)
{
	const char *dir = env_get("TMPDIR");
	int r;

	if (dir == NULL || dir[0] != '/')
		dir = "/var/tmp";
	r = file_unnamed(FILE_CWD, dir, 0600, fd);
	return r == E_ABSENT ? open_nameless(dir, fd) : r;
}

/* What is in memory goes to the file. */
static int
spill(struct spool *s)
{
	int r = s->fd < 0 ? open_file(&s->fd) : 0;

	if (r == 0)
		r = fd_write(s->fd, buf_span(&s->mem), FD_FOREVER);
	buf_reset(&s->mem);
	return r;
}

void
spool_put(struct spool *s, struct span bytes)
{
	while (bytes.len > 0 && s->err == 0) {
		struct span piece = span_head(bytes, PIECE);

		if (s->mem.len + piece.len > SPOOL_MEMORY)
			s->err = spill(s);
		if (s->err != 0)
			return;
		buf_put(&s->mem, piece);
		s->err = buf_err(&s->mem);
		s->size += piece.len;
		bytes = span_tail(bytes, piece.len);
	}
}

int
spool_err(const struct spool *s)
{
	return s->err;
}

int
spool_fill(struct spool *s, int fd)
{
	struct buf b = BUF_INIT(PIECE);
	size_t got = 1;
	int r = 0;

	while (r == 0 && got > 0) {
		buf_reset(&b);
		r = fd_read_buf(fd, &b, PIECE, FD_FOREVER, &got);
		if (r == 0)
			spool_put(s, buf_span(&b));
	}
	buf_free(&b);
	return r;
}

int
spool_read(
    struct spool *s, uint64_t at, struct buf *scratch, struct span *piece)
{
	uint64_t in_file = s->size - s->mem.len;
	char *p;
	ssize_t n;

	if (s->err != 0)
		return s->err;
	if (at >= in_file) {
		*piece = span_head(
		    span_tail(buf_span(&s->mem), (size_t)(at - in_file)),
		    PIECE);
		return 0;
	}
	buf_reset(scratch);
	p = buf_room(scratch, PIECE);
	if (p == NULL)
		return buf_err(scratch);
	do
		n = pread(s->fd, p,
		    in_file - at < PIECE ? (size_t)(in_file - at) : PIECE,
		    (off_t)at);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys();
	if (n == 0)
		return E_EOF;
	buf_grew(scratch, (size_t)n);
	*piece = buf_span(scratch);
	return 0;
}

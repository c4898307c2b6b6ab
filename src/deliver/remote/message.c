/*
 * message - the message to be sent: see message.h
 */
#include "message.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"

void
message_rewind(struct message *m)
{
	m->at = 0;
	m->at_end = false;
}

/* Fill buf from the file, which ends where nothing more is read. */
static int
read_file(struct message *m, struct span *piece)
{
	size_t got = 0;
	ssize_t n;
	char *p;

	buf_reset(&m->buf);
	p = buf_room(&m->buf, MESSAGE_PIECE);
	if (p == NULL)
		return buf_err(&m->buf);
	do {
		n = pread(m->fd, p + got, MESSAGE_PIECE - got,
		    m->start + (off_t)(m->at + got));
		if (n > 0)
			got += (size_t)n;
	} while ((n > 0 && got < MESSAGE_PIECE) || (n < 0 && errno == EINTR));
	if (n < 0)
		return err_sys();
	buf_grew(&m->buf, got);
	m->is_first = m->at == 0;
	m->is_whole = m->is_first && got < MESSAGE_PIECE;
	m->at_end = got < MESSAGE_PIECE;
	*piece = buf_span(&m->buf);
	return 0;
}

int
message_next(struct message *m, struct span *piece)
{
	int r = 0;

	*piece = SPAN("");
	if (m->at_end)
		return 0;
	if (m->fd < 0) {
		r = spool_read(&m->spool, m->at, &m->buf, piece);
	} else if (m->at == 0 && m->is_first) {
		*piece = buf_span(&m->buf);
		m->at_end = m->is_whole;
	} else {
		r = read_file(m, piece);
	}
	m->at += piece->len;
	return r;
}

static int
count(struct message *m)
{
	struct span piece = SPAN("");
	int r;

	do {
		r = message_next(m, &piece);
		body_count(&m->facts, piece);
	} while (r == 0 && piece.len > 0);
	message_rewind(m);
	return r;
}

int
message_open(struct message *m, int fd)
{
	off_t here = lseek(fd, 0, SEEK_CUR);
	struct stat st;
	int r;

	message_close(m);
	if (here >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		m->fd = fd;
		m->start = here;
	} else {
		r = spool_fill(&m->spool, fd);
		if (r == 0)
			r = spool_err(&m->spool);
		if (r < 0)
			return r;
	}
	return count(m);
}

void
message_close(struct message *m)
{
	spool_free(&m->spool);
	m->fd = -1;
	m->is_first = false;
	m->is_whole = false;
	m->facts = (struct body_facts){ .size = 0 };
	message_rewind(m);
}

void
message_free(struct message *m)
{
	message_close(m);
	buf_free(&m->buf);
}

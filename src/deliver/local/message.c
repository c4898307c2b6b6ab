/*
 * message - the message being delivered: see message.h
 */
#include "message.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"

void
message_free(struct message *m)
{
	buf_free(&m->head);
	buf_free(&m->more);
}

/* One read at an offset, appended to b; *got is 0 at the end. */
static int
read_at(int fd, struct buf *b, uint64_t at, size_t *got)
{
	size_t room = b->max - b->len;
	char *p = buf_room(b, room);
	ssize_t n;

	if (p == NULL)
		return buf_err(b);
	do
		n = pread(fd, p, room, (off_t)at);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys();
	*got = (size_t)n;
	buf_grew(b, *got);
	return 0;
}

int
message_open(struct message *m, int fd)
{
	size_t got = 1;

	m->fd = fd;
	m->is_whole = false;
	buf_reset(&m->head);
	while (got > 0 && m->head.len < m->head.max) {
		int r = read_at(fd, &m->head, m->head.len, &got);

		if (r < 0)
			return r;
	}
	m->is_whole = got == 0;
	return 0;
}

bool
message_is_seekable(const struct message *m)
{
	return lseek(m->fd, 0, SEEK_SET) == 0;
}

int
message_size(const struct message *m, uint64_t *size)
{
	struct stat st;

	*size = m->head.len;
	if (m->is_whole)
		return 0;
	if (fstat(m->fd, &st) < 0)
		return err_sys();
	*size = (uint64_t)st.st_size;
	return 0;
}

int
message_read(struct message *m, uint64_t at, struct span *piece)
{
	size_t got;
	int r;

	if (m->is_whole || at < m->head.len) {
		*piece = span_tail(buf_span(&m->head), (size_t)at);
		return 0;
	}
	buf_reset(&m->more);
	r = read_at(m->fd, &m->more, at, &got);
	if (r == 0)
		*piece = buf_span(&m->more);
	return r;
}

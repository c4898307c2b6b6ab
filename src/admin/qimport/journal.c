/*
 * journal - what was taken from classic queues: see journal.h
 */
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/num.h"
#include "queue/hash.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/file.h"
#include "sys/lock.h"

enum {
	LINE_LIMIT = 64 * 1024 * 1024,
	CHUNK = 64 * 1024,
	HEAD = 4096, /* bytes of a message that are hashed */
	HEX = 16,
	LOCK_MS = 5 * 1000,
	MODE = 0640
};

static const char name[] = "journal";

static const char *const words[EVENTS] = {
	[EVENT_BEGUN] = "begun",
	[EVENT_TAKEN] = "taken",
};

/* The word up to the next blank, which goes too. */
static struct span
take_word(struct span *rest)
{
	size_t n = span_find(*rest, ' ');
	struct span word = span_head(*rest, n);

	*rest = span_tail(*rest, n + 1);
	return word;
}

static int
learn(struct journal *j, enum event e, struct span key, struct span value)
{
	int r = map_put(j->known[e], key, value);

	/* it ends what was begun */
	if (r == 0 && e == EVENT_TAKEN)
		r = map_put(j->known[EVENT_BEGUN], key, SPAN(""));
	return r;
}

/* A line that is none, after a crash, says nothing. */
static int
learn_line(struct journal *j, struct span line)
{
	struct span word = take_word(&line), key = take_word(&line);
	struct span value = line;
	uint64_t id;

	if (num_parse(take_word(&line), UINT64_MAX, &id) < 0)
		return 0;
	for (enum event e = EVENT_BEGUN; e < EVENTS; e++)
		if (span_eq(word, span_cstr(words[e])))
			return learn(j, e, key, value);
	return 0;
}

/* Read to the end; j->line is what has no LF. */
static int
read_lines(struct journal *j, int fd)
{
	size_t got = 1;
	int r = 0;

	while (r == 0 && got > 0) {
		struct span rest;
		size_t lf;

		r = fd_read_buf(fd, &j->line, CHUNK, FD_FOREVER, &got);
		if (r < 0)
			break;
		rest = buf_span(&j->line);
		while (r == 0 && (lf = span_find(rest, '\n')) < rest.len) {
			r = learn_line(j, span_head(rest, lf));
			rest = span_tail(rest, lf + 1);
		}
		buf_drop(&j->line, j->line.len - rest.len);
	}
	return r;
}

/* Open the file to write it, alone. */
static int
open_file(struct journal *j)
{
	/* a qmail-send that starts has the lock for a moment */
	int r = lock_wait(j->folder, clock_ms() + LOCK_MS);

	if (r == E_TIMEOUT)
		return E_BUSY;
	if (r == 0)
		r = file_open(
		    j->folder, name, O_RDWR | O_APPEND | O_CREAT, MODE, &j->fd);
	if (r == 0)
		r = file_sync(j->folder);
	if (r == 0)
		r = read_lines(j, j->fd);
	/* a crash may have cut the last line off: the next one is whole */
	if (r == 0 && j->line.len > 0)
		r = fd_write(j->fd, SPAN("\n"), FD_FOREVER);
	return r;
}

static int
look(struct journal *j)
{
	int fd = -1;
	int r = file_open_read(j->folder, name, &fd);

	if (r == 0)
		r = read_lines(j, fd);
	fd_close(&fd);
	return r;
}

int
journal_open(struct journal *j, struct store *s, bool is_written)
{
	int r = 0;

	*j = (struct journal){
		.folder = -1, .fd = -1, .line = BUF_INIT(LINE_LIMIT)
	};
	for (enum event e = EVENT_BEGUN; e < EVENTS; e++) {
		j->known[e] = map_new();
		if (j->known[e] == NULL)
			r = E_NOMEM;
	}
	if (r == 0)
		r = store_import(s, is_written, &j->folder);
	if (r == 0)
		r = is_written ? open_file(j) : look(j);
	return r == E_ABSENT && !is_written ? 0 : r;
}

void
journal_close(struct journal *j)
{
	for (enum event e = EVENT_BEGUN; e < EVENTS; e++)
		if (j->known[e] != NULL)
			map_destroy(&j->known[e]);
	buf_free(&j->line);
	fd_close(&j->fd);
	fd_close(&j->folder);
}

int
journal_put_key(struct buf *b, uint64_t n, int fd)
{
	char head[HEAD];
	struct stat st;
	ssize_t got;

	do
		got = pread(fd, head, sizeof(head), 0);
	while (got < 0 && errno == EINTR);
	if (got < 0 || fstat(fd, &st) < 0)
		return err_sys();
	buf_putu(b, n);
	buf_putc(b, '.');
	buf_putu(b, (uintmax_t)st.st_size);
	buf_putc(b, '.');
	buf_puthex(b, hash_of((struct span){ head, (size_t)got }), HEX);
	return buf_err(b);
}

bool
journal_find(
    const struct journal *j, enum event e, struct span key, struct entry *out)
{
	struct span value;

	if (!map_get(j->known[e], key, &value) || value.len == 0)
		return false;
	out->left = value;
	return num_parse(take_word(&out->left), UINT64_MAX, &out->id) == 0;
}

int
journal_put(
    struct journal *j, enum event e, struct span key, const struct entry *what)
{
	struct buf *b = &j->line;
	struct span line;
	size_t begun;
	int r;

	buf_reset(b);
	buf_puts(b, words[e]);
	buf_putc(b, ' ');
	buf_put(b, key);
	buf_putc(b, ' ');
	begun = b->len;
	buf_putu(b, what->id);
	if (what->left.len > 0) {
		buf_putc(b, ' ');
		buf_put(b, what->left);
	}
	buf_putc(b, '\n');
	r = buf_err(b);
	if (r < 0)
		return r;
	line = buf_span(b);
	r = fd_write(j->fd, line, FD_FOREVER);
	if (r == 0 && e == EVENT_BEGUN)
		r = journal_sync(j);
	if (r == 0)
		r = learn(
		    j, e, key, span_tail(span_head(line, line.len - 1), begun));
	return r;
}

int
journal_sync(struct journal *j)
{
	return j->fd < 0 ? 0 : file_sync(j->fd);
}

/*
 * qbiff - announce a message on the terminals of its owner
 *
 * Run by:   qmail-local(8), for a line "|qbiff" of a .qmail file
 * Runs as:  the owner of that .qmail file
 * Input:    the message on descriptor 0; USER, SENDER and LOCAL of the
 *           environment; the C library's list of who is logged in
 * Trusts:   USER; of the list only that it names terminals, each of which
 *           must belong to us; nothing in the message: see mail/gist.h
 * Output:   two lines on each terminal
 * Exits:    0, always: mail does not wait for terminals
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utmpx.h>

#include "base/err.h"
#include "mail/gist.h"
#include "sys/clock.h"
#include "sys/env.h"
#include "sys/fd.h"
#include "sys/file.h"
#include "sys/prog.h"

enum {
	HEAD_MAX = 64 * 1024, /* of the message, to find its gist in */
	ADDRESS_MAX = 1000,   /* bytes of it shown */
	GIST_MAX = 74,
	WORDS_MAX = 4096,
	WRITE_MS = 1000 /* a terminal may be stopped */
};

/* The text of a field that a NUL ends, or its size. */
static struct span
field(const char *p, size_t size)
{
	return (struct span){ p, strnlen(p, size) };
}

/* Its owner allows it with the execute bit: see biff(1). */
static bool
is_willing(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) &&
	       st.st_uid == geteuid() && (st.st_mode & S_IXUSR) != 0 &&
	       isatty(fd) == 1;
}

static void
announce(struct span line, struct span words)
{
	struct buf b = BUF_INIT(WORDS_MAX);
	const char *path;
	int fd = -1;

	if (line.len == 0 || line.p[0] == '/' ||
	    span_find(line, '.') < line.len)
		return;
	buf_puts(&b, "/dev/");
	buf_put(&b, line);
	if (buf_cstr(&b, &path) == 0 &&
	    file_open(FILE_CWD, path, O_WRONLY | O_NONBLOCK | O_NOCTTY, 0,
		&fd) == 0 &&
	    is_willing(fd))
		err_ignore(fd_write(fd, words, clock_ms() + WRITE_MS));
	fd_close(&fd);
	buf_free(&b);
}

static void
announce_all(struct span user, struct span words)
{
	const struct utmpx *u;

	setutxent();
	while ((u = getutxent()) != NULL)
		if (u->ut_type == USER_PROCESS &&
		    span_eq(field(u->ut_user, sizeof(u->ut_user)), user))
			announce(field(u->ut_line, sizeof(u->ut_line)), words);
	endutxent();
}

static void
compose(struct buf *words, const char *local, const char *sender)
{
	struct buf head = BUF_INIT(HEAD_MAX);
	size_t got = 1;

	buf_puts(words, "\r\n\a*** TO <");
	gist_text(words, span_cstr(local), ADDRESS_MAX);
	buf_puts(words, "> FROM <");
	gist_text(words, span_cstr(sender), ADDRESS_MAX);
	buf_puts(words, ">\r\n    ");
	while (got > 0 && head.len < HEAD_MAX)
		if (fd_read_buf(0, &head, HEAD_MAX, FD_FOREVER, &got) < 0)
			got = 0;
	if (buf_err(&head) == 0)
		gist_put(words, buf_span(&head), GIST_MAX);
	buf_puts(words, "\r\n");
	buf_free(&head);
}

int
main(void)
{
	struct buf words = BUF_INIT(WORDS_MAX);
	const char *user, *local, *sender;

	prog_start("qbiff");
	user = env_get("USER");
	local = env_get("LOCAL");
	sender = env_get("SENDER");
	if (user == NULL || local == NULL || sender == NULL)
		return 0;
	compose(&words, local, sender);
	if (buf_err(&words) == 0)
		announce_all(span_cstr(user), buf_span(&words));
	buf_free(&words);
	return 0;
}

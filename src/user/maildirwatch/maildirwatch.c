/*
 * maildirwatch - show what is new in a maildir
 *
 * Run by:   people, in a terminal of its own
 * Runs as:  the owner of the maildir
 * Input:    MAILDIR of the environment; the messages in its folder new
 * Trusts:   its environment; nothing in a message: see mail/gist.h
 * Output:   the list, on descriptor 1, for a VT100; again every 30 seconds
 * Exits:    111 it could not go on; else it runs until it is killed
 */
#include <poll.h>
#include <unistd.h>

#include "base/err.h"
#include "mail/gist.h"
#include "sys/fd.h"
#include "sys/file.h"
#include "sys/maildir.h"
#include "sys/prog.h"

#define CLEAR "\033[;H\033[;J"
#define BOLD "\033[1m"
#define PLAIN "\033[0m"

enum {
	EVERY_MS = 30 * 1000,
	HEAD_MAX = 64 * 1024, /* of a message, to find its gist in */
	ADDRESS_MAX = 200,    /* bytes of it shown */
	GIST_MAX = 158,       /* two lines, but for their ends */
	FLUSH = 16 * 1024,
	SCREEN_MAX = 64 * 1024
};

static void
flush(struct buf *screen)
{
	int r = buf_err(screen);

	if (r == 0)
		r = fd_write(1, buf_span(screen), FD_FOREVER);
	if (r < 0)
		prog_die(EX_SOFT, "unable to write", r);
	buf_reset(screen);
}

/* As much of a message as is looked at. */
static int
read_head(const char *path, struct buf *head)
{
	size_t got = 1;
	int fd = -1;
	int r = file_open_read(FILE_CWD, path, &fd);

	while (r == 0 && got > 0 && head->len < HEAD_MAX)
		r = fd_read_buf(fd, head, HEAD_MAX, FD_FOREVER, &got);
	fd_close(&fd);
	return r;
}

static void
show(struct buf *screen, struct span message)
{
	struct span sender, recipient;

	(void)gist_field(message, SPAN("Return-Path"), &sender);
	sender = span_tail(sender, span_find(sender, '<') + 1);
	sender = span_head(sender, span_rfind(sender, '>'));
	(void)gist_field(message, SPAN("Delivered-To"), &recipient);
	buf_puts(screen, BOLD "FROM ");
	gist_text(screen, sender, ADDRESS_MAX);
	buf_puts(screen, " TO <");
	gist_text(screen, recipient, ADDRESS_MAX);
	buf_puts(screen, ">" PLAIN "\n");
	gist_put(screen, message, GIST_MAX);
	buf_puts(screen, "\n\n");
}

static void
show_all(struct buf *screen, const struct maildir *m)
{
	struct buf head = BUF_INIT(HEAD_MAX);

	buf_puts(screen, CLEAR);
	for (size_t i = 0; i < m->n; i++) {
		buf_reset(&head);
		/* it may have been read, and be in cur now */
		if (read_head(m->file[i].path, &head) < 0)
			continue;
		show(screen, buf_span(&head));
		if (screen->len > FLUSH)
			flush(screen);
	}
	flush(screen);
	buf_free(&head);
}

int
main(void)
{
	struct buf screen = BUF_INIT(SCREEN_MAX);
	struct maildir m = MAILDIR_INIT;
	const char *dir;

	prog_start("maildirwatch");
	dir = prog_need("MAILDIR", EX_SOFT);
	if (chdir(dir) < 0)
		prog_die_file(EX_SOFT, "unable to chdir to", dir, err_sys());
	for (;;) {
		int r = maildir_scan(&m, "new", INT64_MAX);

		if (r < 0)
			prog_die(EX_SOFT, "unable to scan $MAILDIR/new", r);
		maildir_sort(&m);
		show_all(&screen, &m);
		maildir_free(&m);
		(void)poll(NULL, 0, EVERY_MS);
	}
}

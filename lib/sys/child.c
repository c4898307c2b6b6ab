/*
 * child - run another program: see child.h
 */
#include "sys/child.h"

#include <errno.h>
#include <unistd.h>

#include "base/err.h"
#include "sys/fd.h"
#include "sys/proc.h"
#include "sys/prog.h"

enum { PIECE = 64 * 1024 };

static const char crashed[] = "child crashed";

bool
child_ask(char *const argv[])
{
	struct proc_end end;
	int r = proc_run(argv, &end);

	if (r < 0)
		prog_die(EX_SOFT, "unable to fork", r);
	if (end.how == PROC_KILLED)
		prog_die(EX_SOFT, crashed, 0);
	if (end.how == PROC_NOEXEC) {
		r = err_of(end.value);
		if (err_class(r) == ERR_TEMP)
			prog_die_file(EX_SOFT, "unable to run", argv[0], r);
		return false;
	}
	if (end.value == EX_SOFT)
		prog_die(EX_SOFT, "temporary child error", 0);
	return end.value == 0;
}

/* What the program reads: the head, then our descriptor 0. */
struct feed {
	struct span left; /* of the piece at hand */
	bool is_end;
	bool is_unread; /* reading failed, if anything did */
	char bytes[PIECE];
};

/* Write on, to the end or for as long as the descriptor lets us. */
static int
push(struct feed *f, int to)
{
	for (;;) {
		size_t got = 0;
		ssize_t n;
		int r;

		while (f->left.len > 0) {
			n = write(to, f->left.p, f->left.len);
			if (n < 0 && errno == EAGAIN)
				return 0;
			if (n < 0 && errno != EINTR)
				return err_sys();
			if (n > 0)
				f->left = span_tail(f->left, (size_t)n);
		}
		if (f->is_end)
			return 0;
		r = fd_read(0, f->bytes, sizeof(f->bytes), FD_FOREVER, &got);
		f->is_unread = r < 0;
		if (r < 0)
			return r;
		f->left = (struct span){ f->bytes, got };
		f->is_end = got == 0;
	}
}

/* Fill the pipe: a program need not read a message that fits into it. */
static int
push_ahead(struct feed *f, int to)
{
	int r = fd_nonblock(to, true);

	if (r == 0)
		r = push(f, to);
	return r < 0 ? r : fd_nonblock(to, false);
}

int
child_feed(char *const argv[], struct span head, int noexec)
{
	struct feed feed = { .left = head };
	struct proc_end end;
	int ends[2] = { -1, -1 };
	int failed, copied;
	pid_t pid;
	int r = fd_pipe(ends);

	if (r < 0)
		prog_die(EX_SOFT, "unable to create pipe", r);
	copied = push_ahead(&feed, ends[1]);
	if (copied < 0)
		prog_die(EX_SOFT, "unable to read input", copied);
	r = proc_begin(argv, ends[0], &pid, &failed);
	if (r < 0)
		prog_die(EX_SOFT, "unable to fork", r);
	if (failed != 0) {
		r = err_of(failed);
		prog_die_file(noexec != 0 ? noexec : prog_code(r),
		    "unable to run", argv[0], r);
	}
	fd_close(&ends[0]);
	copied = push(&feed, ends[1]);
	fd_close(&ends[1]);
	/* whatever it is, nothing else happens while it runs */
	r = proc_wait(pid, &end);
	if (copied < 0)
		prog_die(EX_SOFT,
		    feed.is_unread ? "unable to read input"
				   : "unable to copy input",
		    copied);
	if (r < 0)
		prog_die(EX_SOFT, "unable to wait", r);
	if (end.how == PROC_KILLED)
		prog_die(EX_SOFT, crashed, 0);
	return end.value;
}

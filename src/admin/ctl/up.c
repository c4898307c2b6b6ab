/*
 * up - wait until a system that is being started answers: see up.h
 *
 * Facts are asked for, not time: the queue service answers, qmail-send has
 * written its first status line, each listener has accepted a connection, and
 * the supervisor has noted what runs.
 */
#include "up.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "conf/control.h"
#include "say.h"
#include "state.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/file.h"
#include "sys/proc.h"
#include "sys/prog.h"
#include "sys/sock.h"
#include "sys/wait.h"

enum { STEP_MS = 20, TAIL_LINES = 10, LOG_MAX = 1024 * 1024 * 1024 };

static void
set_mark(struct mark *m, const char *name)
{
	struct file_stamp stamp;

	memcpy(m->path, "log/", 4);
	memcpy(m->path + 4, name, strlen(name) + 1);
	m->size = file_stamp(FILE_CWD, m->path, &stamp) == 0 ? stamp.size : 0;
}

void
up_begin(struct up *u, const struct crew *c)
{
	*u = (struct up){ .n = 1 + c->n, .heard = BUF_INIT(HEARD_MAX) };
	set_mark(&u->marks[0], "ctl");
	for (size_t i = 0; i < c->n; i++)
		set_mark(&u->marks[1 + i], c->list[i].name);
}

/* Append what was written to a log since up_begin(). */
static void
read_news(const struct mark *m, struct buf *news)
{
	int fd = -1;
	int r = file_open_read(FILE_CWD, m->path, &fd);

	if (r == 0 && lseek(fd, (off_t)m->size, SEEK_SET) < 0)
		r = err_sys();
	if (r == 0)
		r = fd_read_all(fd, news);
	/* no log, no news */
	err_ignore(r);
	fd_close(&fd);
}

/* Hear of deaths. E_EOF: the supervisor's own. */
static int
hear(struct up *u)
{
	size_t got, from = u->heard.len;
	int r = fd_read_buf(u->report, &u->heard, 512, u->until, &got);

	if (r < 0 || got == 0)
		return r < 0 ? r : E_EOF;
	for (size_t i = from; i < u->heard.len; i++)
		if (u->heard.p[i] == '\n')
			u->deaths++;
	return u->deaths >= DEATHS_MAX ? E_EOF : 0;
}

/*
 * Wait until fd can be read; with fd -1, a moment. 0, E_TIMEOUT, or E_EOF
 * when there is nothing to wait for any more.
 */
static int
pause_for(struct up *u, int fd)
{
	int64_t step = fd < 0 ? clock_ms() + STEP_MS : u->until;
	struct wait w = WAIT_INIT;
	size_t news, answer;
	bool is_over = false;
	int r = 0;

	while (r == 0 && !is_over) {
		wait_reset(&w);
		news = wait_in(&w, u->report);
		answer = wait_in(&w, fd);
		wait_until(&w, step < u->until ? step : u->until);
		r = wait_run(&w);
		if (r == 0 && wait_ready(&w, news))
			r = hear(u);
		else if (r == 0 && clock_ms() >= u->until)
			r = E_TIMEOUT;
		is_over = wait_ready(&w, answer) || clock_ms() >= step;
	}
	wait_free(&w);
	return r;
}

/* Whether somebody at the other end of fd says something, or hangs up. */
static int
await_word(struct up *u, int fd, bool *has_answered)
{
	char c;
	size_t got = 0;
	int r = pause_for(u, fd);

	*has_answered = r == 0 && fd_read(fd, &c, 1, u->until, &got) == 0;
	return r;
}

static int
await_queue(struct up *u)
{
	bool has_answered = false;
	int r = 0;

	while (r == 0 && !has_answered) {
		int fd = -1;

		/* an envelope that ends before it began is answered */
		if (sock_connect("run/queue", u->until, &fd) == 0 &&
		    shutdown(fd, SHUT_WR) == 0)
			r = await_word(u, fd, &has_answered);
		else
			r = pause_for(u, -1);
		fd_close(&fd);
	}
	return r;
}

/* A line that begins so, with its beginning in sight. */
static bool
has_line(struct span text, struct span head)
{
	struct span line;

	while (span_line(&text, &line))
		if (span_starts(line, head))
			return true;
	return false;
}

static int
await_status(struct up *u, const struct mark *m)
{
	struct buf news = BUF_INIT(LOG_MAX);
	bool is_there = false;
	int r = 0;

	while (r == 0 && !is_there) {
		buf_reset(&news);
		read_news(m, &news);
		is_there = buf_err(&news) == 0 &&
			   has_line(buf_span(&news), SPAN("status: "));
		if (!is_there)
			r = pause_for(u, -1);
	}
	buf_free(&news);
	return r;
}

/* Where to reach a listener from here: any address has a loopback. */
static void
set_target(const struct listener *l, struct sockaddr_storage *to)
{
	struct sockaddr_in four;
	struct sockaddr_in6 six;

	*to = l->address;
	if (to->ss_family == AF_INET6) {
		memcpy(&six, to, sizeof(six));
		if (IN6_IS_ADDR_UNSPECIFIED(&six.sin6_addr))
			six.sin6_addr = in6addr_loopback;
		memcpy(to, &six, sizeof(six));
		return;
	}
	memcpy(&four, to, sizeof(four));
	if (four.sin_addr.s_addr == htonl(INADDR_ANY))
		four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	memcpy(to, &four, sizeof(four));
}

static int
await_listener(struct up *u, const struct listener *l)
{
	struct sockaddr_storage to;
	bool has_answered = false;
	int r = 0;

	set_target(l, &to);
	while (r == 0 && !has_answered) {
		int fd = socket(to.ss_family,
		    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

		if (fd >= 0 && (connect(fd, (const struct sockaddr *)&to,
				    l->address_len) == 0 ||
				   errno == EINPROGRESS))
			r = await_word(u, fd, &has_answered);
		else
			r = pause_for(u, -1);
		fd_close(&fd);
	}
	return r;
}

/* Until other verbs know of the system, too. */
static int
await_state(struct up *u, pid_t pid)
{
	bool is_there = false;
	int r = 0;

	while (r == 0 && !is_there) {
		const struct state_entry *ctl;
		struct state s;

		r = state_read(&s);
		ctl = state_find(&s, "ctl");
		is_there = ctl != NULL && ctl->pid == pid;
		if (r == 0 && !is_there)
			r = pause_for(u, -1);
	}
	return r;
}

/* The last lines of the news of a log, as they are. */
static void
show_tail(const struct mark *m)
{
	struct buf news = BUF_INIT(LOG_MAX);
	struct span all;
	size_t from, lines = 0;

	read_news(m, &news);
	if (buf_err(&news) == 0 && news.len > 0) {
		all = buf_span(&news);
		for (from = all.len - 1; from > 0; from--)
			if (all.p[from - 1] == '\n' && ++lines == TAIL_LINES)
				break;
		err_ignore(fd_write(2, span_tail(all, from), FD_FOREVER));
	}
	buf_free(&news);
}

/* The service named by the last death, or the one that is waited for. */
static const struct mark *
culprit(struct up *u, size_t awaited, struct span *how)
{
	struct span heard =
	    buf_err(&u->heard) == 0 ? buf_span(&u->heard) : SPAN("");
	struct span line;

	*how = SPAN("");
	while (span_line(&heard, &line))
		*how = line;
	for (size_t i = 1; i < u->n; i++) {
		struct span name = span_cstr(u->marks[i].path + 4);

		if (u->deaths > 0 && span_starts(*how, name) &&
		    span_starts(span_tail(*how, name.len), SPAN(" "))) {
			*how = span_tail(*how, name.len + 1);
			return &u->marks[i];
		}
	}
	return &u->marks[awaited];
}

static int
give_up(struct up *u, pid_t pid, size_t awaited, int r)
{
	struct span how;
	const struct mark *m = culprit(u, awaited, &how);
	struct buf words = BUF_INIT(HEARD_MAX);
	struct proc_end end;
	const char *text = "no answer";

	if (how.len > 0)
		buf_put(&words, how);
	else
		buf_puts(&words, r == E_TIMEOUT ? "no answer" : err_text(r));
	if (buf_cstr(&words, &text) < 0)
		text = "no answer";
	(void)kill(pid, SIGTERM);
	err_ignore(proc_wait(pid, &end));
	say_warn(PARTS("fatal: ", m->path + 4, " did not come up: ", text,
	    "; see ", m->path));
	show_tail(m);
	buf_free(&words);
	return EX_SOFT;
}

static void
say_up(const struct up *u)
{
	struct buf words = BUF_INIT(64 * 1024);
	const char *text;

	buf_puts(&words, "up: ");
	for (size_t i = 1; i < u->n; i++) {
		buf_puts(&words, i > 1 ? ", " : "");
		buf_puts(&words, u->marks[i].path + 4);
	}
	if (buf_cstr(&words, &text) == 0)
		say(PARTS(text));
	buf_free(&words);
}

int
up_wait(struct up *u, pid_t pid, const struct listeners *l, int report)
{
	enum { CTL, QUEUE, SEND, FIRST_LISTENER }; /* marks */
	size_t at = QUEUE;
	int r;

	u->report = report;
	u->until = clock_ms() + UP_MS;
	r = await_queue(u);
	if (r == 0) {
		at = SEND;
		r = await_status(u, &u->marks[at]);
	}
	for (size_t i = 0; r == 0 && i < l->n; i++) {
		at = FIRST_LISTENER + i;
		r = await_listener(u, &l->list[i]);
	}
	if (r == 0) {
		at = CTL;
		r = await_state(u, pid);
	}
	if (r < 0)
		return give_up(u, pid, at, r);
	say_up(u);
	buf_free(&u->heard);
	return 0;
}

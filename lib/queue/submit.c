/*
 * submit - how a message gets into the queue: see submit.h
 */
#include "queue/submit.h"

#include <errno.h>
#include <sys/types.h>

#include "base/ascii.h"
#include "base/err.h"
#include "queue/envelope.h"
#include "queue/wire.h"
#include "sys/clock.h"
#include "sys/env.h"
#include "sys/fd.h"
#include "sys/proc.h"
#include "sys/sock.h"

enum {
	SERVICE_MS = 300 * 1000,  /* for the queue service, in all */
	PROGRAM_MS = 3600 * 1000, /* for each step of $QMAILQUEUE */
	REPLY_MAX = 1024,
	ERROR_FD = 6,
	CUSTOM_OLD = 88, /* custom text, in the indimail dialect */
	EXEC_HARD = 126
};

static void
keep_text(struct submitted *out, struct span text)
{
	text = span_head(text, SUBMIT_TEXT_MAX);
	for (size_t i = 0; i < text.len; i++)
		out->text[i] =
		    (char)(ascii_is_print((unsigned char)text.p[i]) ? text.p[i]
								    : '?');
	out->text[text.len] = '\0';
}

/* Frame, prefix and the first piece in one write; then the rest. */
static int
send_message(int fd, struct span prefix, struct spool *msg,
    struct span envelope, int64_t deadline)
{
	struct buf head = BUF_INIT(ENVELOPE_MAX + 512 * 1024);
	struct buf scratch = BUF_INIT(512 * 1024);
	struct span piece;
	uint64_t sent = 0;
	size_t frame;
	int r;

	frame = wire_begin(&head, WIRE_SUBMIT);
	wire_put_u64(&head, prefix.len + msg->size);
	wire_put_bytes(&head, envelope);
	wire_end(&head, frame);
	buf_put(&head, prefix);
	r = spool_read(msg, 0, &scratch, &piece);
	if (r < 0)
		goto out;
	buf_put(&head, piece);
	r = buf_err(&head);
	if (r == 0)
		r = fd_write(fd, buf_span(&head), deadline);
	while (r == 0 && piece.len > 0) {
		sent += piece.len;
		r = spool_read(msg, sent, &scratch, &piece);
		if (r == 0 && piece.len > 0)
			r = fd_write(fd, piece, deadline);
	}
out:
	buf_free(&scratch);
	buf_free(&head);
	return r;
}

/* Wait for TAKEN. */
static int
receive_reply(int fd, int64_t deadline, struct submitted *out)
{
	struct buf in = BUF_INIT(2 * REPLY_MAX);
	struct frame f;
	size_t got;
	int r;

	for (;;) {
		struct span s = buf_span(&in);

		r = wire_next(&s, REPLY_MAX, &f);
		if (r != E_EOF)
			break;
		r = fd_read_buf(fd, &in, REPLY_MAX, deadline, &got);
		if (r == 0 && got == 0)
			r = E_EOF;
		if (r < 0)
			break;
	}
	if (r == 0 && f.type != WIRE_TAKEN)
		r = E_SYNTAX;
	if (r == 0) {
		out->code = (int)wire_get_u32(&f);
		out->id = wire_get_u64(&f);
		out->qp = wire_get_u64(&f);
		keep_text(out, wire_get_bytes(&f));
		r = wire_err(&f);
	}
	buf_free(&in);
	return r;
}

static void
submit_service(struct span prefix, struct spool *msg, struct span envelope,
    struct submitted *out)
{
	int64_t deadline = clock_ms() + SERVICE_MS;
	int fd = -1;
	int r;

	if (sock_connect("run/queue", deadline, &fd) < 0) {
		out->code = SUBMIT_QUEUE;
		return;
	}
	r = send_message(fd, prefix, msg, envelope, deadline);
	/* whoever refuses early says why, and reads no further */
	if (r == 0 || err_is(r, EPIPE) || err_is(r, ECONNRESET))
		r = receive_reply(fd, deadline, out);
	fd_close(&fd);
	if (r == 0)
		return;
	if (r == E_TIMEOUT)
		out->code = SUBMIT_TIMEOUT;
	else
		out->code = r == E_NOMEM ? SUBMIT_NOMEM : SUBMIT_CRASHED;
}

/* The message, then the envelope, each closed when it is over. */
static int
feed_program(int *msgfd, int *envfd, struct span prefix, struct spool *msg,
    struct span envelope)
{
	struct buf scratch = BUF_INIT(512 * 1024);
	struct span piece = prefix;
	uint64_t sent = 0;
	int r;

	r = fd_write(*msgfd, prefix, clock_ms() + PROGRAM_MS);
	while (r == 0) {
		r = spool_read(msg, sent, &scratch, &piece);
		if (r < 0 || piece.len == 0)
			break;
		sent += piece.len;
		r = fd_write(*msgfd, piece, clock_ms() + PROGRAM_MS);
	}
	fd_close(msgfd);
	if (r == 0)
		r = fd_write(*envfd, envelope, clock_ms() + PROGRAM_MS);
	fd_close(envfd);
	buf_free(&scratch);
	return r;
}

/* What it says on descriptor 6, up to end of file. */
static void
read_complaint(int fd, struct submitted *out)
{
	struct buf text = BUF_INIT(4 * SUBMIT_TEXT_MAX);
	char scrap[512];
	size_t got = 1;

	while (got > 0 && fd_read(fd, scrap, sizeof(scrap),
			      clock_ms() + PROGRAM_MS, &got) == 0) {
		if (text.len < SUBMIT_TEXT_MAX)
			buf_put(&text, (struct span){ scrap, got });
	}
	keep_text(out, buf_span(&text));
	buf_free(&text);
}

/* The exit of the program as a code. */
static int
judge(const struct proc_end *end, bool was_fed)
{
	if (end->how == PROC_KILLED)
		return SUBMIT_CRASHED;
	if (end->value == 0)
		return was_fed ? SUBMIT_OK : SUBMIT_READ;
	if (end->value == CUSTOM_OLD)
		return SUBMIT_CUSTOM;
	return end->value == EXEC_HARD ? SUBMIT_NOEXEC : end->value;
}

static void
submit_program(const char *program, struct span prefix, struct spool *msg,
    struct span envelope, struct submitted *out)
{
	const char *const argv[] = { program, NULL };
	int m[2] = { -1, -1 }, e[2] = { -1, -1 }, x[2] = { -1, -1 };
	struct proc_end end;
	pid_t pid;
	bool was_fed;
	int r;

	out->code = SUBMIT_FILES; /* as the classic for want of a pipe */
	r = env_put("ERROR_FD", SPAN("6"));
	if (r == 0)
		r = fd_pipe(m);
	if (r == 0)
		r = fd_pipe(e);
	if (r == 0)
		r = fd_pipe(x);
	if (r == 0) {
		const struct proc_fd fds[] = { { m[0], 0 }, { e[0], 1 },
			{ x[1], ERROR_FD }, { -1, -1 } };
		const struct proc_start start = { .argv = argv, .fds = fds };

		r = proc_spawn(&start, &pid);
	}
	fd_close(&m[0]);
	fd_close(&e[0]);
	fd_close(&x[1]);
	if (r < 0)
		goto out;
	was_fed = feed_program(&m[1], &e[1], prefix, msg, envelope) == 0;
	read_complaint(x[0], out);
	out->qp = (uint64_t)pid;
	r = proc_wait(pid, &end);
	out->code = r < 0 ? SUBMIT_WAIT : judge(&end, was_fed);
out:
	fd_close(&m[1]);
	fd_close(&e[1]);
	fd_close(&x[0]);
}

void
submit(struct span prefix, struct spool *msg, struct span envelope,
    struct submitted *out)
{
	const char *program = env_get("QMAILQUEUE");
	struct buf plain = BUF_INIT(ENVELOPE_MAX);
	struct envelope e;
	size_t used;

	*out = (struct submitted){ .code = SUBMIT_WRITE };
	if (spool_err(msg) < 0)
		return;
	if (program == NULL) {
		submit_service(prefix, msg, envelope, out);
		return;
	}
	/* what is wrong with it the program may say */
	if (envelope_read(envelope, true, &e, &used) == 0) {
		envelope_plain(&plain, &e);
		if (buf_err(&plain) == 0)
			envelope = buf_span(&plain);
	}
	submit_program(program, prefix, msg, envelope, out);
	buf_free(&plain);
}

static const struct {
	int code;
	const char *text;
} texts[] = {
	{ SUBMIT_OK, "Kok" },
	{ SUBMIT_TOOLONG, "Denvelope address too long for qq (#5.1.3)" },
	{ 115, "Denvelope address too long for qq (#5.1.3)" },
	{ SUBMIT_REFUSED,
	    "Dmail server permanently rejected message (#5.3.0)" },
	{ SUBMIT_NOMEM, "Zqq out of memory (#4.3.0)" },
	{ SUBMIT_TIMEOUT, "Zqq timeout (#4.3.0)" },
	{ SUBMIT_WRITE, "Zqq write error or disk full (#4.3.0)" },
	{ SUBMIT_READ, "Zqq read error (#4.3.0)" },
	{ SUBMIT_CONFIG, "Zqq unable to read configuration (#4.3.0)" },
	{ 56, "Zqq trouble making network connection (#4.3.0)" },
	{ SUBMIT_HOME, "Zqq trouble in home directory (#4.3.0)" },
	{ SUBMIT_QUEUE, "Zqq trouble creating files in queue (#4.3.0)" },
	{ SUBMIT_FILES, "Zqq trouble creating files in queue (#4.3.0)" },
	{ 64, "Zqq trouble creating files in queue (#4.3.0)" },
	{ 65, "Zqq trouble creating files in queue (#4.3.0)" },
	{ 66, "Zqq trouble creating files in queue (#4.3.0)" },
	{ SUBMIT_LATER, "Zmail server temporarily rejected message (#4.3.0)" },
	{ 72, "Zconnection to mail server timed out (#4.4.1)" },
	{ 73, "Zconnection to mail server rejected (#4.4.1)" },
	{ 74, "Zcommunication with mail server failed (#4.4.2)" },
	{ SUBMIT_BUG, "Zqq internal bug (#4.3.0)" },
	{ SUBMIT_SYNTAX, "Zqq internal bug (#4.3.0)" },
	{ SUBMIT_NOEXEC, "Zunable to exec qq (#4.3.0)" },
	{ SUBMIT_CRASHED, "Zqq crashed (#4.3.0)" },
	{ SUBMIT_WAIT, "Zqq waitpid surprise (#4.3.0)" },
};

const char *
submit_text(struct submitted *out)
{
	if (out->code == SUBMIT_CUSTOM && out->text[0] != '\0' &&
	    out->text[1] != '\0' && out->text[2] != '\0')
		return out->text;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (texts[i].code == out->code)
			return texts[i].text;
	return out->code >= 11 && out->code <= 40
		   ? "Dqq permanent problem (#5.3.0)"
		   : "Zqq temporary problem (#4.3.0)";
}

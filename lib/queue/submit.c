/*
 * submit - how a message gets into the queue: see submit.h
 */
#include "queue/submit.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/err.h"
#include "base/num.h"
#include "queue/envelope.h"
#include "queue/wire.h"
#include "sys/clock.h"
#include "sys/env.h"
#include "sys/fd.h"
#include "sys/proc.h"
#include "sys/sig.h"
#include "sys/sock.h"

enum {
	SERVICE_MS = 300 * 1000,  /* for the queue service, in all */
	PROGRAM_MS = 3600 * 1000, /* for each step of $QMAILQUEUE */
	REPLY_MAX = 1024,
	CUSTOM_MIN = 3,  /* bytes of a custom text, its letter included */
	CUSTOM_OLD = 88, /* custom text, in a dialect */
	/* where a program may write its custom text */
	ERROR_FD = 6,
	ERROR_FD_OLD = 4,
	ERROR_FD_MAX = 63,
	PATH_BYTES = 4096
};

/* Keep a custom text, which becomes part of one line. Its letter is D or Z:
 * no text makes a refusal a success. */
static void
keep_text(struct submitted *out, struct span text)
{
	text = span_head(text, SUBMIT_TEXT_MAX);
	if (text.len < CUSTOM_MIN)
		return;
	if (span_ends(text, SPAN("\n")))
		text.len--;
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.p[i];

		out->text[i] = c < 32 || c == 127 ? '?' : (char)c;
	}
	out->text[text.len] = '\0';
	if (out->text[0] != 'D')
		out->text[0] = 'Z';
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

/* Keep what the program has said. */
static void
read_complaint(int fd, struct submitted *out)
{
	char text[SUBMIT_TEXT_MAX];
	ssize_t n = pread(fd, text, sizeof(text), 0);

	if (n > 0)
		keep_text(out, (struct span){ text, (size_t)n });
}

/* The exit of the program as a code. */
static int
judge(const struct proc_end *end, bool was_fed)
{
	if (end->how == PROC_KILLED)
		return SUBMIT_CRASHED;
	if (end->value == 0)
		return was_fed ? SUBMIT_OK : SUBMIT_READ;
	return end->value == CUSTOM_OLD ? SUBMIT_CUSTOM : end->value;
}

/* The descriptor the program is told to complain on. */
static int
error_fd(void)
{
	const char *given = env_get("ERROR_FD");
	uint64_t n;

	if (given == NULL ||
	    num_parse(span_cstr(given), ERROR_FD_MAX, &n) < 0 || n < 2)
		return ERROR_FD;
	return (int)n;
}

/*
 * Start it, with a file for its complaint: unlike a pipe that never fills
 * up before the message was read, nor stays open because of a process that
 * the program has left behind.
 */
static int
start_program(
    const char *program, int msgfd, int envfd, int complaint, pid_t *pid)
{
	const int errors = error_fd();
	const struct proc_fd fds[] = { { msgfd, 0 }, { envfd, 1 },
		{ complaint, ERROR_FD_OLD }, { complaint, ERROR_FD },
		{ complaint, errors }, { -1, -1 } };
	struct buf path = BUF_INIT(PATH_BYTES), number = BUF_INIT(8);
	struct proc_start start = { .fds = fds, .noexec = SUBMIT_NOEXEC };
	const char *argv[] = { NULL, NULL };
	int r;

	/* it is below the home, not somewhere in PATH */
	if (strchr(program, '/') == NULL)
		buf_puts(&path, "./");
	buf_puts(&path, program);
	buf_putu(&number, (uintmax_t)errors);
	r = buf_cstr(&path, &argv[0]);
	if (r == 0)
		r = buf_err(&number);
	if (r == 0)
		r = env_put("ERROR_FD", buf_span(&number));
	start.argv = argv;
	if (r == 0)
		r = proc_spawn(&start, pid);
	buf_free(&number);
	buf_free(&path);
	return r;
}

static void
submit_program(const char *program, struct span prefix, struct spool *msg,
    struct span envelope, struct submitted *out)
{
	int m[2] = { -1, -1 }, e[2] = { -1, -1 };
	int complaint = memfd_create("complaint", MFD_CLOEXEC);
	struct proc_end end;
	pid_t pid;
	bool was_fed;
	int r = complaint < 0 ? err_sys() : 0;

	out->code = SUBMIT_FILES; /* as the classic for want of a pipe */
	sig_default(SIGCHLD);     /* ignored, it would take the verdict away */
	if (r == 0)
		r = fd_pipe(m);
	if (r == 0)
		r = fd_pipe(e);
	if (r == 0)
		r = start_program(program, m[0], e[0], complaint, &pid);
	fd_close(&m[0]);
	fd_close(&e[0]);
	if (r < 0)
		goto out;
	was_fed = feed_program(&m[1], &e[1], prefix, msg, envelope) == 0;
	out->qp = (uint64_t)pid;
	r = proc_wait(pid, &end);
	out->code = r < 0 ? SUBMIT_WAIT : judge(&end, was_fed);
	if (out->code == SUBMIT_CUSTOM)
		read_complaint(complaint, out);
out:
	fd_close(&m[1]);
	fd_close(&e[1]);
	fd_close(&complaint);
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
	{ SUBMIT_TODO, "Zqq trouble creating files in queue (#4.3.0)" },
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
	if (out->code == SUBMIT_CUSTOM && out->text[0] != '\0')
		return out->text;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (texts[i].code == out->code)
			return texts[i].text;
	return out->code >= 11 && out->code <= 40
		   ? "Dqq permanent problem (#5.3.0)"
		   : "Zqq temporary problem (#4.3.0)";
}

/*
 * qmail-queue - put one message into the queue
 *
 * Run by:   anybody; with --resident by qmailctl(8) or a service manager
 * Runs as:  the caller; the service as qmailq
 * Input:    the message on descriptor 0, its envelope on descriptor 1;
 *           the service: clients on the socket run/queue
 * Trusts:   the kernel's word on who the client is; nothing a client says
 * Output:   nothing; the service: files in queue/, log on descriptor 2
 * Exits:    0 the message is in the queue and survives a power loss;
 *           11 to 40 permanent, else temporary: qmail-queue(8)
 *
 * One-shot it is a client of the service: it owns no right that its caller
 * has not, so no file of the system needs a set-uid bit.
 */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "queue.h"
#include "queue/envelope.h"
#include "queue/submit.h"
#include "sys/clock.h"
#include "sys/env.h"
#include "sys/fd.h"
#include "sys/home.h"
#include "sys/prog.h"
#include "sys/sig.h"
#include "sys/spool.h"

enum {
	DAY_MS = 24 * 3600 * 1000, /* then we give up waiting for our input */
	PIECE = 65536
};

static void NORETURN
leave(int number)
{
	_exit(number == SIGALRM ? SUBMIT_TIMEOUT : SUBMIT_BUG);
}

/*
 * Contract queue.md 1.4. A message whose sender has hung up is taken all
 * the same; whoever started us learns from the exit code how we crashed.
 */
static void
prepare_signals(void)
{
	static const int ignored[] = { SIGHUP, SIGINT, SIGQUIT, SIGVTALRM,
		SIGPROF, SIGXCPU, SIGXFSZ };
	static const int fatal[] = { SIGALRM, SIGSEGV, SIGBUS, SIGILL, SIGABRT,
		SIGFPE, SIGSYS };
	const struct sigaction end = { .sa_handler = leave };

	for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
		sig_ignore(ignored[i]);
	for (size_t i = 0; i < sizeof(fatal) / sizeof(*fatal); i++)
		(void)sigaction(fatal[i], &end, NULL);
}

/* The code for input that does not come. */
static int
read_code(int r)
{
	switch (r) {
	case E_TIMEOUT:
		return SUBMIT_TIMEOUT;
	case E_NOMEM:
	case E_TOOBIG:
		return SUBMIT_NOMEM;
	default:
		return SUBMIT_READ;
	}
}

/* Read the message from descriptor 0, up to end of file. */
static int
read_message(struct spool *msg, int64_t deadline)
{
	struct buf piece = BUF_INIT(PIECE);
	size_t got = 1;
	int r = 0;

	while (r == 0 && got > 0) {
		buf_reset(&piece);
		r = fd_read_buf(0, &piece, PIECE, deadline, &got);
		if (r == 0)
			spool_put(msg, buf_span(&piece));
	}
	buf_free(&piece);
	if (r < 0)
		return read_code(r);
	if (spool_err(msg) < 0)
		return spool_err(msg) == E_NOMEM ? SUBMIT_NOMEM : SUBMIT_WRITE;
	return SUBMIT_OK;
}

/*
 * Read the envelope from descriptor 1, up to its final NUL: what follows
 * is ignored, and end of file is not waited for.
 */
static int
read_envelope(struct buf *envelope, int64_t deadline)
{
	struct envelope e;
	size_t used, got;
	int r;

	for (;;) {
		r = envelope_read(buf_span(envelope), false, &e, &used);
		if (r != E_EOF)
			break;
		/* twice as much each time: the check starts over */
		r = fd_read_buf(
		    1, envelope, envelope->len + 4096, deadline, &got);
		if (r < 0)
			return read_code(r);
		if (got == 0)
			return SUBMIT_READ;
	}
	if (r == 0) {
		buf_cut(envelope, used);
		return SUBMIT_OK;
	}
	return r == E_TOOBIG ? SUBMIT_TOOLONG : SUBMIT_SYNTAX;
}

static int
hand_in(void)
{
	struct spool msg = SPOOL_INIT;
	struct buf envelope = BUF_INIT(ENVELOPE_MAX);
	int64_t deadline = clock_ms() + DAY_MS;
	struct submitted done;
	int code = read_message(&msg, deadline);

	if (code == SUBMIT_OK)
		code = read_envelope(&envelope, deadline);
	if (code == SUBMIT_OK) {
		/* who runs us as $QMAILQUEUE means us, not us again */
		env_drop("QMAILQUEUE");
		submit(SPAN(""), &msg, buf_span(&envelope), &done);
		code = done.code <= 255 ? done.code : SUBMIT_BUG;
	}
	spool_free(&msg);
	buf_free(&envelope);
	return code;
}

int
main(int argc, char **argv)
{
	/* a closed descriptor must not become /dev/null: nothing came in */
	bool is_fed = fd_is_open(0) && fd_is_open(1);

	prog_start("qmail-queue");
	if (argc > 1 && strcmp(argv[1], "--resident") == 0)
		return service_run();
	if (!is_fed)
		return SUBMIT_READ;
	prepare_signals();
	if (home_enter() < 0)
		return SUBMIT_HOME;
	return hand_in();
}

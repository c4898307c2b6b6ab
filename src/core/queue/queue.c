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
#include <string.h>

#include "base/err.h"
#include "queue.h"
#include "queue/envelope.h"
#include "queue/submit.h"
#include "sys/env.h"
#include "sys/fd.h"
#include "sys/home.h"
#include "sys/prog.h"
#include "sys/spool.h"

/*
 * Read the envelope from descriptor 1, up to its final NUL: what follows
 * is ignored, and end of file is not waited for.
 */
static int
read_envelope(struct buf *envelope)
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
		    1, envelope, envelope->len + 4096, FD_FOREVER, &got);
		if (r < 0)
			return r == E_TOOBIG ? SUBMIT_NOMEM : SUBMIT_READ;
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
	struct submitted done;
	int code;

	if (spool_fill(&msg, 0) < 0)
		return SUBMIT_READ;
	if (spool_err(&msg) < 0)
		return spool_err(&msg) == E_NOMEM ? SUBMIT_NOMEM : SUBMIT_WRITE;
	code = read_envelope(&envelope);
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
	if (home_enter() < 0)
		return SUBMIT_HOME;
	return hand_in();
}

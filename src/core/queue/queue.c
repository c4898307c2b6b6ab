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

#include "queue.h"
#include "queue/envelope.h"
#include "queue/input.h"
#include "queue/submit.h"
#include "sys/clock.h"
#include "sys/env.h"
#include "sys/fd.h"
#include "sys/home.h"
#include "sys/prog.h"
#include "sys/sig.h"
#include "sys/spool.h"

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

static int
hand_in(void)
{
	struct spool msg = SPOOL_INIT;
	struct buf envelope = BUF_INIT(ENVELOPE_MAX);
	int64_t deadline = clock_ms() + INPUT_DAY_MS;
	struct submitted done;
	int code = input_message(0, &msg, deadline);

	if (code == SUBMIT_OK)
		code = input_envelope(1, &envelope, SUBMIT_READ, deadline);
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

/*
 * qmail-local - deliver a message to an address of one account
 *
 * Run by:   qmail-lspawn(8), resident or one process per delivery; users
 *           with -n, to see what their .qmail file does
 * Runs as:  the owner of the account; needs no privilege
 * Input:    one-shot: eight operands, the message on descriptor 0, which
 *           must be seekable; resident: frames on the socket that is
 *           descriptor 0, each with the message as a passed descriptor
 * Trusts:   its caller about who the account is; the .qmail files of the
 *           account, unless others may write to them; nothing the sender
 *           or the message says
 * Output:   mboxes, maildirs, messages to the queue, programs run by
 *           /bin/sh; one line per deed of note on descriptors 1 and 2, or in
 *           the answer
 * Exits:    0 delivered, 100 never, 111 try again later; resident: 0 the
 *           peer has gone, 111 it could not go on
 */
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/fd.h"
#include "sys/prog.h"
#include "sys/sig.h"

#include "local.h"

static int
once(struct local *self, int message, int argc, char **argv)
{
	struct prog_opt o = PROG_OPT(argc, argv);
	struct report report = REPORT_INIT(false);
	bool describe = false;
	struct work j;
	char **operand;
	int c;

	while ((c = prog_opt_next(&o, "nN")) >= 0) {
		if (c == '?')
			prog_usage(LOCAL_USAGE);
		describe = c == 'n';
	}
	if (argc - o.index != WORK_FIELDS)
		prog_usage(LOCAL_USAGE);
	operand = argv + o.index;
	j = (struct work){ .user = span_cstr(operand[0]),
		.home = span_cstr(operand[1]),
		.local = span_cstr(operand[2]),
		.dash = span_cstr(operand[3]),
		.ext = span_cstr(operand[4]),
		.domain = span_cstr(operand[5]),
		.sender = span_cstr(operand[6]),
		.instructions = span_cstr(operand[7]) };
	return deliver(self, &j, message, describe, &report);
}

int
main(int argc, char **argv)
{
	struct local self = {
		.environment = environ, .pid = getpid(), .msg = MESSAGE_INIT
	};
	int message = fd_is_open(0) ? 0 : -1;
	int code;

	prog_start("qmail-local");
	sig_ignore(SIGXFSZ); /* a full mbox is an error, not our end */
	(void)umask(077);
	if (argc == 2 && span_eq(span_cstr(argv[1]), SPAN("--resident")))
		code = resident(&self);
	else
		code = once(&self, message, argc, argv);
	message_free(&self.msg);
	buf_free(&self.rule_text);
	return code;
}

/*
 * lmtp_fuzz - an LMTP server may say anything, at any time
 *
 * All it will ever say waits in the socket before the conversation begins;
 * then it says no more. The first byte tells how long the message is. The
 * last line of the bytes is also read as a line of a .qmail file.
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* a room has no library: its files are taken whole */
#include "../../src/deliver/local/lmtp.c"
#include "../../src/deliver/local/message.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_address(struct span text)
{
	struct lmtp_address a;

	if (lmtp_parse(text, &a) < 0)
		return;
	if (a.path.len == 0 && (a.host.len == 0 || a.port.len == 0))
		abort();
	if (a.server.len + a.recipient.len > text.len)
		abort();
}

static void
converse(int fd, int message)
{
	struct lmtp l = LMTP_INIT(fd);
	struct message msg = MESSAGE_INIT;
	struct errand e = { .name = SPAN("localhost"),
		.sender = SPAN("s@x"),
		.recipient = SPAN("u@h"),
		.dtline = SPAN("Delivered-To: u@h\n"),
		.msg = &msg };
	int code = 0;

	if (message_open(&msg, message) == 0 && lmtp_talk(&l, &e, &code) == 0) {
		/* delivered is: all was sent, and 2xx is the last word */
		if (code == 0 && (!l.is_sent || l.reply.code / 100 != 2))
			abort();
		if (code == EX_HARD && l.reply.code < 500)
			abort();
	}
	lmtp_free(&l);
	message_free(&msg);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { (const char *)data, size };
	int ends[2];
	int message;

	check_address(span_tail(in, span_rfind(in, '\n') + 1));
	if (size < 1 || size > 100000 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) < 0)
		return 0;
	message = memfd_create("message", 0);
	if (message >= 0 && ftruncate(message, data[0]) == 0 &&
	    send(ends[0], data + 1, size - 1, MSG_NOSIGNAL) ==
		(ssize_t)size - 1 &&
	    shutdown(ends[0], SHUT_WR) == 0)
		converse(ends[1], message);
	(void)close(message);
	(void)close(ends[0]);
	(void)close(ends[1]);
	return 0;
}

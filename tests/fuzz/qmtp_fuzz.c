/*
 * qmtp_fuzz - a whole conversation over QMTP, with any bytes
 *
 * All the peer will ever say is in a file. There is no queue, which refuses
 * every message; and the first byte decides about limits and hosts.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* a room has no library: its files are taken whole */
#include "../../src/edge/qmtpd/crlf.c"
#include "../../src/edge/qmtpd/qmtp.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
converse(int infd, int outfd, uint8_t mode)
{
	const struct admit admit = { .databytes = mode & 1 ? 3 : 0 };
	const struct peer peer = {
		.host = SPAN("h"), .ip = SPAN("192.0.2.1"), .local = SPAN("l")
	};
	struct qmtp *q = malloc(sizeof(*q));
	int code;

	if (q == NULL)
		abort();
	q->admit = &admit;
	q->peer = &peer;
	q->relayclient = mode & 2 ? ".relay" : NULL;
	netin_begin(&q->net, infd, outfd);
	code = qmtp_run(q);
	if (code != 0 && code != 100 && code != 111)
		abort();
	netin_end(&q->net);
	free(q);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int infd = memfd_create("peer", MFD_CLOEXEC);
	int outfd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (infd < 0 || outfd < 0)
		abort();
	if (size > 0 &&
	    pwrite(infd, data + 1, size - 1, 0) == (ssize_t)size - 1)
		converse(infd, outfd, data[0]);
	(void)close(infd);
	(void)close(outfd);
	return 0;
}

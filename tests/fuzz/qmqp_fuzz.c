/*
 * qmqp_fuzz - a whole conversation over QMQP, with any bytes
 *
 * All the peer will ever say is in a file. There is no queue, which refuses
 * every message.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* a room has no library: its files are taken whole */
#include "../../src/edge/qmqpd/qmqp.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
converse(int infd, int outfd)
{
	const struct peer peer = {
		.host = SPAN("h"), .ip = SPAN("192.0.2.1"), .local = SPAN("l")
	};
	struct qmqp *q = malloc(sizeof(*q));
	int code;

	if (q == NULL)
		abort();
	q->peer = &peer;
	netin_begin(&q->net, infd, outfd);
	code = qmqp_run(q);
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
	if (pwrite(infd, data, size, 0) == (ssize_t)size)
		converse(infd, outfd);
	(void)close(infd);
	(void)close(outfd);
	return 0;
}

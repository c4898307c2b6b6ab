/*
 * handin - a message from a peer goes into the queue: see handin.h
 */
#include "serve/handin.h"

#include "base/err.h"
#include "sys/clock.h"

/* what an environment has, and what a peer may call itself */
enum { RECEIVED_BYTES = 1024 * 1024 };

bool
handin_is_address(struct span addr, size_t more)
{
	return addr.len < HANDIN_ADDRESS_BYTES &&
	       more < HANDIN_ADDRESS_BYTES - addr.len &&
	       span_find(addr, '\0') == addr.len;
}

void
handin(const struct peer *p, struct span protocol, struct span helo,
    struct spool *msg, const struct buf *envelope, struct submitted *out)
{
	struct buf prefix = BUF_INIT(RECEIVED_BYTES);

	*out = (struct submitted){ .code = SUBMIT_NOMEM };
	peer_received(p, protocol, helo, &prefix);
	if (buf_err(&prefix) == 0 && buf_err(envelope) == 0)
		submit(buf_span(&prefix), msg, buf_span(envelope), out);
	buf_free(&prefix);
}

void
handin_answer(struct submitted *done, struct buf *answer)
{
	buf_puts(answer, submit_text(done));
	if (done->code != SUBMIT_OK)
		return;
	buf_putc(answer, ' ');
	buf_putu(answer, (uintmax_t)clock_real());
	buf_puts(answer, " qp ");
	buf_putu(answer, done->qp);
}

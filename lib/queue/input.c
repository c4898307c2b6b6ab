/*
 * input - what a queue program is given: see input.h
 */
#include "queue/input.h"

#include "base/err.h"
#include "queue/envelope.h"
#include "queue/submit.h"
#include "sys/fd.h"

enum { PIECE = 65536 };

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

int
input_message(int fd, struct spool *msg, int64_t deadline)
{
	struct buf piece = BUF_INIT(PIECE);
	size_t got = 1;
	int r = 0;

	while (r == 0 && got > 0) {
		buf_reset(&piece);
		r = fd_read_buf(fd, &piece, PIECE, deadline, &got);
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

int
input_envelope(int fd, struct buf *envelope, int cut, int64_t deadline)
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
		    fd, envelope, envelope->len + 4096, deadline, &got);
		if (r < 0)
			return read_code(r);
		if (got == 0)
			return cut;
	}
	if (r == 0) {
		buf_cut(envelope, used);
		return SUBMIT_OK;
	}
	return r == E_TOOBIG ? SUBMIT_TOOLONG : SUBMIT_SYNTAX;
}

/*
 * qmail-getpw - say who owns a local address
 *
 * Run by:   qmail-lsched(8), one process for all questions; or by hand
 * Runs as:  qmailp; needs no privilege. The system's account library, with
 *           whatever it loads and whomever it asks, runs here and not in a
 *           program of root
 * Input:    a local part as its argument; or questions on descriptor 0
 * Trusts:   the system's accounts; of a local part it believes nothing
 * Output:   one record, six fields, on descriptor 1
 * Exits:    0 done, 100 misused, 111 an answer could not be written,
 *           115, 116, 118, 119: see owner.h
 */
#include "base/err.h"
#include "owner.h"
#include "queue/wire.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/prog.h"

enum {
	FRAME_MAX = 16 * 1024,
	IN_MAX = 2 * FRAME_MAX,
	ANSWER_MAX = OWNER_MAX + 64,
	ANSWER_MS = 60 * 1000
};

/* One question as an argument, one answer. */
static int
answer_argument(const char *local)
{
	struct buf record = BUF_INIT(OWNER_MAX);
	enum owner_code code = owner_find(span_cstr(local), &record);
	int r = 0;

	if (code == OWNER_FOUND)
		r = fd_write(1, buf_span(&record), clock_ms() + ANSWER_MS);
	buf_free(&record);
	return r < 0 ? EX_SOFT : (int)code;
}

static int
answer_frame(struct frame *f, struct buf *record, struct buf *answer)
{
	struct span local = wire_get_bytes(f);
	enum owner_code code;
	size_t begun;

	if (f->type != WIRE_ASK || wire_err(f) < 0)
		return E_SYNTAX;
	code = owner_find(local, record);
	buf_reset(answer);
	begun = wire_begin(answer, WIRE_ACCOUNT);
	wire_put_u32(answer, (uint32_t)code);
	wire_put_bytes(answer, buf_span(record));
	wire_end(answer, begun);
	if (buf_err(answer) < 0)
		return buf_err(answer);
	return fd_write(1, buf_span(answer), clock_ms() + ANSWER_MS);
}

/* Answer all whole questions in *in. */
static int
answer_at_hand(struct buf *in, struct buf *record, struct buf *answer)
{
	struct span rest = buf_span(in);
	size_t had = rest.len;
	struct frame f;
	int r;

	do {
		r = wire_next(&rest, FRAME_MAX, &f);
		if (r == 0)
			r = answer_frame(&f, record, answer);
	} while (r == 0);
	buf_drop(in, had - rest.len);
	return r == E_EOF ? 0 : r;
}

/* Questions one after the other, until nobody asks any more. */
static int
answer_questions(void)
{
	struct buf in = BUF_INIT(IN_MAX);
	struct buf record = BUF_INIT(OWNER_MAX), answer = BUF_INIT(ANSWER_MAX);
	size_t got;
	int r;

	do {
		r = fd_read_buf(0, &in, FRAME_MAX, FD_FOREVER, &got);
		if (r == 0 && got > 0)
			r = answer_at_hand(&in, &record, &answer);
	} while (r == 0 && got > 0);
	buf_free(&in);
	buf_free(&record);
	buf_free(&answer);
	return r < 0 ? EX_SOFT : 0;
}

int
main(int argc, char **argv)
{
	prog_start("qmail-getpw");
	if (argc < 2)
		prog_usage("qmail-getpw local | --resident");
	if (span_eq(span_cstr(argv[1]), SPAN("--resident")))
		return answer_questions();
	return answer_argument(argv[1]);
}

/*
 * resident - job after job for one uid: see local.h, doc/protocols.md
 */
#include "base/err.h"
#include "queue/wire.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/prog.h"
#include "sys/sock.h"

#include "local.h"

enum { ANSWER_MS = 60 * 1000, WORK_MAX = 192 * 1024, DONE_MAX = 8192 };

static int
read_job(struct span frame, struct work *j)
{
	struct span *const fields[WORK_FIELDS] = { &j->user, &j->home,
		&j->local, &j->dash, &j->ext, &j->domain, &j->sender,
		&j->instructions };
	struct frame f;
	int r = wire_next(&frame, WORK_MAX, &f);

	/* a message is a whole frame, or none */
	if (r == E_EOF || (r == 0 && f.type != WIRE_WORK))
		r = E_SYNTAX;
	for (size_t i = 0; r == 0 && i < WORK_FIELDS; i++) {
		*fields[i] = wire_get_bytes(&f);
		if (span_find(*fields[i], '\0') < fields[i]->len)
			r = E_NUL;
	}
	if (r == 0)
		r = wire_err(&f);
	return r;
}

static int
answer(int code, const struct report *report, struct buf *out)
{
	size_t frame;
	int r;

	buf_reset(out);
	frame = wire_begin(out, WIRE_DONE);
	wire_put_u32(out, (uint32_t)code);
	wire_put_bytes(out, buf_span(&report->kept));
	wire_end(out, frame);
	r = buf_err(out);
	if (r == 0)
		r = sock_send(0, buf_span(out), -1, clock_ms() + ANSWER_MS);
	return r;
}

/* One job. E_EOF when the peer has gone. */
static int
serve(
    struct local *self, struct buf *in, struct buf *out, struct report *report)
{
	struct work j;
	int message = -1;
	size_t got;
	int r;

	buf_reset(in);
	buf_reset(&report->kept);
	r = sock_recv(0, in, WORK_MAX, FD_FOREVER, &got, &message);
	if (r == 0 && got == 0)
		r = E_EOF;
	if (r == 0)
		r = read_job(buf_span(in), &j);
	if (r == 0)
		r = answer(
		    deliver(self, &j, message, false, report), report, out);
	fd_close(&message);
	return r;
}

int
resident(struct local *self)
{
	struct buf in = BUF_INIT(WORK_MAX), out = BUF_INIT(DONE_MAX);
	struct report report = REPORT_INIT(true);
	int r;

	do
		r = serve(self, &in, &out, &report);
	while (r == 0);
	buf_free(&in);
	buf_free(&out);
	buf_free(&report.kept);
	return r == E_EOF ? 0 : EX_SOFT;
}

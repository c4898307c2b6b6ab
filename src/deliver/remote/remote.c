/*
 * qmail-remote - send messages to other hosts over SMTP
 *
 * Run by:   qmail-rspawn(8): resident, for many messages, or once per
 *           message; anybody may run it once
 * Runs as:  qmailr; needs no privilege but to write the open
 *           queue/lock/tcpto it is given
 * Input:    host, sender, recipients as arguments and the message on
 *           descriptor 0; resident: WORK frames with a descriptor on the
 *           socket 0, the open tcpto on 3. Replies of servers, answers of
 *           the DNS
 * Trusts:   its parent and the control files; nothing a server or the DNS
 *           says beyond its meaning for this one delivery, and nothing in
 *           the message or its addresses
 * Output:   a report on descriptor 1; resident: DONE frames on 0
 * Exits:    0 always, once; resident: 0 when told to go, 111 when its
 *           parent talks nonsense
 */
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "courier.h"
#include "limits.h"
#include "queue/job.h"
#include "queue/wire.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/home.h"
#include "sys/prog.h"
#include "sys/sock.h"
#include "sys/wait.h"

enum { CHANNEL = 0, REPORT = 1, TCPTO = 3, SEND_MS = 60000 };

static int
print(struct span text)
{
	/* nobody to tell when nobody listens: the exit code is always 0 */
	err_ignore(fd_write(REPORT, text, FD_FOREVER));
	return 0;
}

/* A verdict without a conversation. */
#define PRINT(text) print((struct span){ text "\n", sizeof(text "\n") })

static int
print_report(const struct report *report)
{
	struct buf out = BUF_INIT(SIZE_MAX - 1);

	report_classic(report, &out);
	if (buf_err(&out) < 0)
		PRINT("ZOut of memory. (#4.3.0)");
	else
		print(buf_span(&out));
	buf_free(&out);
	return 0;
}

/* One delivery, as qmail has always done it. */
static int
send_once(struct courier *c, struct span host, struct errand *e)
{
	struct report report = REPORT_INIT;

	if (report_begin(&report, e->n) < 0)
		return PRINT("ZOut of memory. (#4.3.0)");
	if (message_open(e->message, 0) < 0)
		report_text(
		    &report, 'Z', SPAN("Unable to read message. (#4.3.0)\n"));
	else
		courier_send(c, host, NULL, e, &report);
	print_report(&report);
	report_free(&report);
	return 0;
}

static int
once(int argc, char **argv)
{
	struct message message = MESSAGE_INIT;
	struct courier courier;
	struct span *rcpt;
	int i;

	if (argc < 4)
		return PRINT(
		    "DI (qmail-remote) was invoked improperly. (#5.3.5)");
	if (home_enter() < 0)
		return PRINT("ZUnable to switch to home directory. (#4.3.0)");
	rcpt = mem_new((size_t)argc, sizeof(*rcpt));
	if (rcpt == NULL)
		return PRINT("ZOut of memory. (#4.3.0)");
	for (i = 3; i < argc; i++)
		rcpt[i - 3] = span_cstr(argv[i]);
	courier_init(&courier, -1);
	(void)send_once(&courier, span_cstr(argv[1]),
	    &(struct errand){ .sender = span_cstr(argv[2]),
		.n = (size_t)(argc - 3),
		.rcpt = rcpt,
		.message = &message });
	courier_free(&courier);
	message_free(&message);
	mem_free(rcpt);
	return 0;
}

/* The resident form. */
struct worker {
	struct courier courier;
	struct message message;
	struct report report;
	struct buf in, out, text;
};

/* Tell how the delivery to each recipient ended. */
static int
send_done(struct worker *w, size_t n)
{
	size_t cap = LIMIT_DONE / n;
	size_t begun, i;
	int r;

	buf_reset(&w->out);
	begun = wire_begin(&w->out, WIRE_DONE);
	wire_put_u32(&w->out, w->courier.conn.fd >= 0);
	wire_put_u32(&w->out, (uint32_t)n);
	for (i = 0; i < n; i++) {
		char letter;

		buf_reset(&w->text);
		letter = report_fold(&w->report, i, &w->text);
		wire_put_u32(&w->out, (unsigned char)letter);
		wire_put_bytes(&w->out,
		    buf_err(&w->text) < 0 ? SPAN("")
					  : span_head(buf_span(&w->text), cap));
	}
	wire_end(&w->out, begun);
	r = buf_err(&w->out);
	if (r == 0)
		r = sock_send(
		    CHANNEL, buf_span(&w->out), -1, clock_ms() + SEND_MS);
	return r;
}

/* Read the fields of a WORK frame. E_SYNTAX. */
static int
read_work(struct span in, struct span *host, struct span *route,
    struct errand *e, struct span rcpt[JOB_RCPTS_MAX])
{
	struct frame f;
	uint32_t n, i;
	int r = wire_next(&in, JOB_FRAME_MAX, &f);

	if (r < 0 || f.type != WIRE_WORK)
		return E_SYNTAX;
	*host = wire_get_bytes(&f);
	e->sender = wire_get_bytes(&f);
	*route = wire_get_bytes(&f);
	n = wire_get_u32(&f);
	if (n == 0 || n > JOB_RCPTS_MAX)
		return E_SYNTAX;
	for (i = 0; i < n; i++)
		rcpt[i] = wire_get_bytes(&f);
	e->n = n;
	e->rcpt = rcpt;
	return wire_err(&f);
}

/* One delivery. fd is the message. */
static int
work(struct worker *w, int fd)
{
	struct span rcpt[JOB_RCPTS_MAX];
	struct errand e = { .message = &w->message };
	struct span host, route;
	int r = read_work(buf_span(&w->in), &host, &route, &e, rcpt);

	if (r < 0 || fd < 0)
		return E_SYNTAX;
	r = report_begin(&w->report, e.n);
	if (r < 0)
		return r;
	if (message_open(&w->message, fd) < 0)
		report_text(&w->report, 'Z',
		    SPAN("Unable to read message. (#4.3.0)\n"));
	else
		courier_send(&w->courier, host, &route, &e, &w->report);
	message_close(&w->message);
	return send_done(w, e.n);
}

/* Wait for work, and for the server to hang up. False: go away. */
static bool
wait_for_work(struct worker *w, struct wait *wait)
{
	size_t channel, server;

	for (;;) {
		wait_reset(wait);
		channel = wait_in(wait, CHANNEL);
		server = wait_in(wait, w->courier.conn.fd);
		wait_until(wait, courier_deadline(&w->courier));
		if (wait_run(wait) < 0)
			return false;
		/* nobody asked it anything: it says good-bye */
		if (wait_ready(wait, server) ||
		    clock_ms() >= courier_deadline(&w->courier))
			courier_hang_up(&w->courier);
		if (wait_ready(wait, channel))
			return true;
	}
}

static int
serve(struct worker *w, struct wait *wait)
{
	while (wait_for_work(w, wait)) {
		size_t got;
		int fd = -1;
		int r;

		buf_reset(&w->in);
		r = sock_recv(CHANNEL, &w->in, JOB_FRAME_MAX + WIRE_HEAD,
		    FD_FOREVER, &got, &fd);
		if (r == 0 && got == 0)
			return 0;
		if (r == 0)
			r = work(w, fd);
		fd_close(&fd);
		if (r < 0)
			return EX_SOFT;
	}
	return EX_SOFT;
}

static int
resident(void)
{
	struct wait wait = WAIT_INIT;
	struct worker w = { .message = MESSAGE_INIT,
		.report = REPORT_INIT,
		.in = BUF_INIT(JOB_FRAME_MAX + WIRE_HEAD),
		.out = BUF_INIT(RESULT_FRAME_MAX),
		.text = BUF_INIT(RESULT_FRAME_MAX) };
	int code;

	if (home_enter() < 0)
		return EX_SOFT;
	courier_init(&w.courier, TCPTO);
	code = serve(&w, &wait);
	courier_free(&w.courier);
	message_free(&w.message);
	report_free(&w.report);
	buf_free(&w.in);
	buf_free(&w.out);
	buf_free(&w.text);
	wait_free(&wait);
	return code;
}

int
main(int argc, char **argv)
{
	prog_start("qmail-remote");
	if (argc == 2 && strcmp(argv[1], "--resident") == 0)
		return resident();
	return once(argc, argv);
}

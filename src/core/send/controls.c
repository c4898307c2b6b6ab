/*
 * controls - what qmail-send reads at start: see controls.h
 */
#include "controls.h"

#include "base/err.h"
#include "conf/control.h"
#include "conf/quantity.h"

enum {
	LINE_LIMIT = 65536,
	LOCAL_DEFAULT = 10,
	REMOTE_DEFAULT = 20,
	DEST_DEFAULT = 20,
	CONCURRENCY_MAX = 65535,
	LIFETIME_DEFAULT = 604800
};

/* A number with a default. */
static int
read_number(const char *name, uint64_t max, uint64_t literal, uint64_t *out)
{
	int r = control_int(name, max, out);

	if (r != E_ABSENT)
		return r;
	*out = literal;
	return 0;
}

/* A line with a default. */
static int
read_line(const char *name, const char *literal, struct buf *line)
{
	int r = control_line(name, line);

	if (r != E_ABSENT)
		return r;
	buf_puts(line, literal);
	return buf_err(line);
}

static int
read_concurrency(struct controls *c)
{
	uint64_t local = 0, remote = 0, dest = 0;
	int r;

	r = read_number(
	    "concurrencylocal", CONCURRENCY_MAX, LOCAL_DEFAULT, &local);
	if (r == 0)
		r = read_number("concurrencyremote", CONCURRENCY_MAX,
		    REMOTE_DEFAULT, &remote);
	if (r == 0)
		r = read_number(
		    "concurrencydest", CONCURRENCY_MAX, DEST_DEFAULT, &dest);
	c->concurrency_dest = (uint32_t)dest;
	c->concurrency[CHANNEL_LOCAL] = (uint32_t)local;
	c->concurrency[CHANNEL_REMOTE] = (uint32_t)remote;
	return r;
}

/* The files qmail has not: what they say must make sense. */
static int
reject(struct buf *wrong, const char *name, struct span line)
{
	buf_puts(wrong, "control/");
	buf_puts(wrong, name);
	buf_puts(wrong, ": not understood: ");
	buf_put(wrong, line);
	return E_SYNTAX;
}

static int
read_format(struct controls *c, struct buf *wrong)
{
	struct buf line = BUF_INIT(LINE_LIMIT);
	int r = read_line("bounceformat", "qsbmf", &line);

	if (r == 0)
		c->is_dsn = span_eq_nocase(buf_span(&line), SPAN("dsn"));
	if (r == 0 && !c->is_dsn &&
	    !span_eq_nocase(buf_span(&line), SPAN("qsbmf")))
		r = reject(wrong, "bounceformat", buf_span(&line));
	buf_free(&line);
	return r;
}

/* A time; none if there is no such file. */
static int
read_duration(const char *name, uint64_t *seconds, struct buf *wrong)
{
	struct buf line = BUF_INIT(LINE_LIMIT);
	int r = read_line(name, "0", &line);

	if (r == 0 && quantity_time(buf_span(&line), INT32_MAX, seconds) < 0)
		r = reject(wrong, name, buf_span(&line));
	buf_free(&line);
	return r;
}

struct schedule_reader {
	struct schedule *schedule;
	struct buf *wrong;
};

static int
read_schedule_line(void *ctx, struct span line)
{
	struct schedule_reader *s = ctx;

	return schedule_line(s->schedule, line) == 0
		   ? 0
		   : reject(s->wrong, "retryschedule", line);
}

static int
read_schedule(struct controls *c, struct buf *wrong)
{
	struct schedule_reader s = { &c->schedule, wrong };
	int r = control_each("retryschedule", read_schedule_line, &s);

	return r == E_ABSENT ? 0 : r;
}

int
controls_read(struct controls *c, struct buf *wrong)
{
	int r;

	*c = (struct controls){ .bouncefrom = BUF_INIT(LINE_LIMIT),
		.bouncehost = BUF_INIT(LINE_LIMIT),
		.doubleto = BUF_INIT(LINE_LIMIT),
		.doublehost = BUF_INIT(LINE_LIMIT) };
	r = routes_new(&c->routes);
	if (r == 0)
		r = read_concurrency(c);
	if (r == 0)
		r = read_number(
		    "queuelifetime", INT32_MAX, LIFETIME_DEFAULT, &c->lifetime);
	if (r == 0)
		r = read_line("bouncefrom", "MAILER-DAEMON", &c->bouncefrom);
	if (r == 0)
		r = control_line_me("bouncehost", "bouncehost", &c->bouncehost);
	if (r == 0)
		r = read_line("doublebounceto", "postmaster", &c->doubleto);
	if (r == 0)
		r = control_line_me(
		    "doublebouncehost", "doublebouncehost", &c->doublehost);
	if (r == 0)
		r = read_number(
		    "bouncemaxbytes", INT64_MAX, UINT64_MAX, &c->bounce_bytes);
	if (r == 0)
		r = read_format(c, wrong);
	if (r == 0)
		r = read_duration("delaywarn", &c->delay_warn, wrong);
	if (r == 0)
		r = read_schedule(c, wrong);
	return r;
}

void
controls_free(struct controls *c)
{
	routes_destroy(&c->routes);
	buf_free(&c->bouncefrom);
	buf_free(&c->bouncehost);
	buf_free(&c->doubleto);
	buf_free(&c->doublehost);
}

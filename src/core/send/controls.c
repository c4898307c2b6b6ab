/*
 * controls - what qmail-send reads at start: see controls.h
 */
#include "controls.h"

#include "base/err.h"
#include "conf/control.h"

enum {
	LINE_LIMIT = 65536,
	LOCAL_DEFAULT = 10,
	REMOTE_DEFAULT = 20,
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
	uint64_t local = 0, remote = 0;
	int r;

	r = read_number(
	    "concurrencylocal", CONCURRENCY_MAX, LOCAL_DEFAULT, &local);
	if (r == 0)
		r = read_number("concurrencyremote", CONCURRENCY_MAX,
		    REMOTE_DEFAULT, &remote);
	c->concurrency[CHANNEL_LOCAL] = (uint32_t)local;
	c->concurrency[CHANNEL_REMOTE] = (uint32_t)remote;
	return r;
}

static int
read_format(struct controls *c)
{
	struct buf line = BUF_INIT(LINE_LIMIT);
	int r = read_line("bounceformat", "qsbmf", &line);

	if (r == 0)
		c->is_dsn = span_eq_nocase(buf_span(&line), SPAN("dsn"));
	buf_free(&line);
	return r;
}

int
controls_read(struct controls *c)
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
		r = read_format(c);
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

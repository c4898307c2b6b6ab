/*
 * splogger - pass the lines of a program on to syslog
 *
 * Run by:   the start script, behind qmail-start(8)
 * Runs as:  qmaill; needs no privilege
 * Input:    lines on descriptor 0
 * Trusts:   its arguments; nothing in the lines, whose bytes are made
 *           printable and which are divided when they are long
 * Output:   messages to syslog(3)
 * Exits:    0 at end of file, 111 descriptor 0 cannot be read
 */
#include <syslog.h>

#include "base/ascii.h"
#include "base/err.h"
#include "base/num.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/io.h"
#include "sys/prog.h"

enum {
	LINE_BYTES = 799, /* of one syslog message, without the stamp */
	MILLION = 1000000,
	FACILITY_MAIL = 2,
	FACILITY_MAX = 127,
	FACILITY_SHIFT = 3
};

struct splogger {
	char line[LINE_BYTES + 1]; /* what is not logged yet */
	size_t n;
	bool goes_on; /* a piece of this line has been logged */
	int priority; /* of the line at hand */
	uint64_t when;
};

static int
priority_of(const struct splogger *s)
{
	const struct span line = { s->line, s->n };

	if (span_starts(line, SPAN("alert:")))
		return LOG_ALERT;
	return span_starts(line, SPAN("warning:")) ? LOG_WARNING : LOG_INFO;
}

/* Log what has gathered: the line, or a piece of it. */
static void
flush(struct splogger *s)
{
	if (!s->goes_on) {
		s->priority = priority_of(s);
		s->when = clock_real_us();
	}
	s->line[s->n] = '\0';
	syslog(s->priority, "%llu.%06u%c%s",
	    (unsigned long long)(s->when / MILLION),
	    (unsigned int)(s->when % MILLION), s->goes_on ? '+' : ' ', s->line);
	s->goes_on = true;
	s->n = 0;
}

static void
take(struct splogger *s, char c)
{
	if (c == '\n') {
		if (s->n > 0)
			flush(s);
		s->goes_on = false;
		return;
	}
	if (s->n == LINE_BYTES)
		flush(s);
	s->line[s->n++] = (char)(ascii_is_print((unsigned char)c) ? c : '?');
}

static int
run(void)
{
	struct in in = IN_INIT(0, FD_FOREVER);
	struct splogger s = { .n = 0 };
	struct span bytes;
	int r;

	for (;;) {
		r = in_peek(&in, &bytes);
		if (r < 0)
			prog_die(EX_SOFT, "unable to read", r);
		if (bytes.len == 0)
			return 0;
		for (size_t i = 0; i < bytes.len; i++)
			take(&s, bytes.p[i]);
		in_skip(&in, bytes.len);
	}
}

/* The number of a facility; what is no number is 0, as it has always been. */
static int
facility_of(const char *arg)
{
	uint64_t n;

	if (num_prefix(span_cstr(arg), FACILITY_MAX, &n) < 0)
		n = 0;
	return (int)n << FACILITY_SHIFT;
}

int
main(int argc, char **argv)
{
	const char *tag = argc > 1 ? argv[1] : "splogger";
	int facility = FACILITY_MAIL << FACILITY_SHIFT;

	prog_start("splogger");
	if (argc > 2)
		facility = facility_of(argv[2]);
	openlog(tag, 0, facility);
	return run();
}

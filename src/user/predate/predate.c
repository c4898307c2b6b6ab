/*
 * predate - run a program with a Date field in front of its input
 *
 * Run by:   anybody; datemail(1)
 * Runs as:  whoever runs it; needs no privilege
 * Input:    a message on descriptor 0; the clock and TZ
 * Trusts:   its operands
 * Output:   the field and the message, to the program
 * Exits:    as the program; 100 misused, 111 it cannot be run
 */
#include <time.h>

#include "base/buf.h"
#include "base/err.h"
#include "sys/child.h"
#include "sys/clock.h"
#include "sys/prog.h"

enum { FIELD_MAX = 128, MINUTE = 60, HOUR = 60 * MINUTE };

static void
put_two(struct buf *b, long n)
{
	buf_putc(b, (char)('0' + n / 10 % 10));
	buf_putc(b, (char)('0' + n % 10));
}

/* "Date: 9 Nov 2026 01:02:03 -0330": local time, as people set TZ. */
static void
put_date(struct buf *b, const struct tm *t)
{
	static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May",
		"Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	const int clock[] = { t->tm_hour, t->tm_min, t->tm_sec };
	long off = t->tm_gmtoff < 0 ? -t->tm_gmtoff : t->tm_gmtoff;

	buf_puts(b, "Date: ");
	buf_putu(b, (uintmax_t)t->tm_mday);
	buf_putc(b, ' ');
	buf_puts(b, months[t->tm_mon]);
	buf_putc(b, ' ');
	buf_putu(b, (uintmax_t)t->tm_year + 1900);
	for (int i = 0; i < 3; i++) {
		buf_putc(b, i == 0 ? ' ' : ':');
		put_two(b, clock[i]);
	}
	buf_puts(b, t->tm_gmtoff < 0 ? " -" : " +");
	off = (off + MINUTE / 2) / MINUTE * MINUTE;
	put_two(b, off / HOUR);
	put_two(b, off % HOUR / MINUTE);
	buf_putc(b, '\n');
}

int
main(int argc, char **argv)
{
	struct buf head = BUF_INIT(FIELD_MAX);
	time_t now = (time_t)clock_real();
	struct tm t;
	int r;

	prog_start("predate");
	if (argc < 2)
		prog_usage("predate child");
	if (localtime_r(&now, &t) == NULL)
		prog_die(EX_SOFT, "unable to tell the date", err_sys());
	put_date(&head, &t);
	r = buf_err(&head);
	if (r < 0)
		prog_die(EX_SOFT, "unable to compose", r);
	return child_feed(argv + 1, buf_span(&head), EX_SOFT);
}

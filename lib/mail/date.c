/*
 * date - the ways mail writes a moment: see date.h
 */
#include "mail/date.h"

enum { DAY = 86400, YEARS_400 = 146097 };

struct moment {
	int64_t year;
	unsigned int month;   /* 0: January */
	unsigned int day;     /* 1 to 31 */
	unsigned int weekday; /* 0: Sunday */
	unsigned int hour, minute, second;
};

/*
 * The civil date of a day since 1970, Gregorian. Years are counted from
 * March, so that the leap day is the last of its year.
 */
static struct moment
split(int64_t t)
{
	int64_t days = t / DAY, rest = t % DAY;
	int64_t era, year;
	unsigned int in_era, in_year, month;
	struct moment m;

	if (rest < 0) {
		rest += DAY;
		days--;
	}
	m.hour = (unsigned int)(rest / 3600);
	m.minute = (unsigned int)(rest / 60 % 60);
	m.second = (unsigned int)(rest % 60);
	m.weekday = (unsigned int)(((days + 4) % 7 + 7) % 7);

	days += 719468; /* 1 March 0000 */
	era = (days >= 0 ? days : days - (YEARS_400 - 1)) / YEARS_400;
	in_era = (unsigned int)(days - era * YEARS_400);
	year =
	    (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	in_year = in_era - (unsigned int)(365 * year + year / 4 - year / 100);
	month = (5 * in_year + 2) / 153;
	m.day = in_year - (153 * month + 2) / 5 + 1;
	m.month = (month + 2) % 12;
	m.year = year + era * 400 + (m.month < 2 ? 1 : 0);
	return m;
}

static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
	"Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
static const char *const weekdays[] = { "Sun", "Mon", "Tue", "Wed", "Thu",
	"Fri", "Sat" };

static void
put2(struct buf *b, unsigned int n)
{
	buf_putc(b, (char)('0' + n / 10 % 10));
	buf_putc(b, (char)('0' + n % 10));
}

static void
put_time(struct buf *b, const struct moment *m)
{
	put2(b, m->hour);
	buf_putc(b, ':');
	put2(b, m->minute);
	buf_putc(b, ':');
	put2(b, m->second);
}

void
date_822(struct buf *b, int64_t t)
{
	struct moment m = split(t);

	buf_putu(b, m.day);
	buf_putc(b, ' ');
	buf_puts(b, months[m.month]);
	buf_putc(b, ' ');
	buf_putu(b, (uintmax_t)m.year);
	buf_putc(b, ' ');
	put_time(b, &m);
	buf_puts(b, " -0000");
}

void
date_mbox(struct buf *b, int64_t t)
{
	struct moment m = split(t);

	buf_puts(b, weekdays[m.weekday]);
	buf_putc(b, ' ');
	buf_puts(b, months[m.month]);
	buf_putc(b, ' ');
	put2(b, m.day);
	buf_putc(b, ' ');
	put_time(b, &m);
	buf_putc(b, ' ');
	buf_putu(b, (uintmax_t)m.year);
}

void
date_digits(struct buf *b, int64_t t)
{
	struct moment m = split(t);

	buf_putu(b, (uintmax_t)m.year);
	put2(b, m.month + 1);
	put2(b, m.day);
	put2(b, m.hour);
	put2(b, m.minute);
	put2(b, m.second);
}

/*
 * when - moments and spans of time: see when.h
 */
#include "when.h"

#include <stdbool.h>
#include <time.h>

#include "base/ascii.h"
#include "base/err.h"
#include "base/num.h"

enum {
	MINUTE = 60,
	HOUR = 60 * MINUTE,
	DAY = 24 * HOUR,
	WEEK = 7 * DAY,
	COUNT_MAX = 1000 * 1000 * 1000,
	ISO_MAX = 64
};

int
when_span(struct span s, int64_t *seconds)
{
	static const struct {
		char letter;
		int64_t seconds;
	} units[] = { { 's', 1 }, { 'm', MINUTE }, { 'h', HOUR }, { 'd', DAY },
		{ 'w', WEEK } };
	int64_t unit = 1;
	uint64_t n;
	int r;

	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (s.len > 0 && s.p[s.len - 1] == units[i].letter) {
			unit = units[i].seconds;
			s.len--;
			break;
		}
	}
	r = num_parse(s, COUNT_MAX, &n);
	if (r == 0)
		*seconds = (int64_t)n * unit;
	return r;
}

/* Take n digits off the front. */
static bool
take_number(struct span *s, size_t n, int *out)
{
	*out = 0;
	for (size_t i = 0; i < n; i++) {
		if (i >= s->len || !ascii_is_digit((unsigned char)s->p[i]))
			return false;
		*out = *out * 10 + (s->p[i] - '0');
	}
	*s = span_tail(*s, n);
	return true;
}

static bool
take(struct span *s, char c)
{
	if (s->len == 0 || s->p[0] != c)
		return false;
	*s = span_tail(*s, 1);
	return true;
}

/* "18:00" or "18:00:30". */
static bool
take_clock(struct span *s, struct tm *tm)
{
	if (!take_number(s, 2, &tm->tm_hour) || !take(s, ':') ||
	    !take_number(s, 2, &tm->tm_min))
		return false;
	return !take(s, ':') || take_number(s, 2, &tm->tm_sec);
}

/* "Z", "+01:00", "-0130", or nothing. */
static bool
take_zone(struct span *s, int64_t *east)
{
	bool is_west = take(s, '-');
	int hours, minutes;

	*east = 0;
	if (!is_west && !take(s, '+')) {
		(void)take(s, 'Z');
		return true;
	}
	if (!take_number(s, 2, &hours))
		return false;
	(void)take(s, ':');
	if (!take_number(s, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*east = (hours * HOUR + minutes * MINUTE) * (is_west ? -1 : 1);
	return true;
}

/* The moment, unless there is none: timegm() makes one of 30 February. */
static int
count(struct tm tm, int64_t *t)
{
	struct tm asked = tm;
	time_t made = timegm(&tm);

	*t = made;
	return tm.tm_mon == asked.tm_mon && tm.tm_mday == asked.tm_mday &&
		       tm.tm_hour == asked.tm_hour &&
		       tm.tm_min == asked.tm_min && tm.tm_sec == asked.tm_sec
		   ? 0
		   : E_SYNTAX;
}

int
when_moment(struct span s, int64_t *t)
{
	struct tm tm = { .tm_isdst = 0 };
	int64_t east = 0;
	uint64_t n;
	int r;

	if (take(&s, '@')) {
		r = num_parse(s, INT64_MAX, &n);
		if (r == 0)
			*t = (int64_t)n;
		return r < 0 ? E_SYNTAX : 0;
	}
	if (!take_number(&s, 4, &tm.tm_year) || !take(&s, '-') ||
	    !take_number(&s, 2, &tm.tm_mon) || !take(&s, '-') ||
	    !take_number(&s, 2, &tm.tm_mday))
		return E_SYNTAX;
	if ((take(&s, 'T') || take(&s, ' ')) &&
	    !(take_clock(&s, &tm) && take_zone(&s, &east)))
		return E_SYNTAX;
	if (s.len > 0)
		return E_SYNTAX;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	r = count(tm, t);
	*t -= east;
	return r;
}

void
when_put_iso(struct buf *b, int64_t t)
{
	char text[ISO_MAX];
	struct tm tm;
	time_t moment = t;
	size_t n = 0;

	if (gmtime_r(&moment, &tm) != NULL)
		n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	buf_put(b, (struct span){ text, n });
}

static void
put_pair(struct buf *b, int64_t n, char unit, int64_t rest, char small)
{
	buf_putu(b, (uintmax_t)n);
	buf_putc(b, unit);
	if (rest > 0) {
		buf_putu(b, (uintmax_t)rest);
		buf_putc(b, small);
	}
}

void
when_put_span(struct buf *b, int64_t s)
{
	if (s < 0)
		s = 0;
	if (s < MINUTE)
		put_pair(b, s, 's', 0, 's');
	else if (s < HOUR)
		put_pair(b, s / MINUTE, 'm', 0, 's');
	else if (s < DAY)
		put_pair(b, s / HOUR, 'h', s % HOUR / MINUTE, 'm');
	else if (s < 100 * (int64_t)DAY)
		put_pair(b, s / DAY, 'd', s % DAY / HOUR, 'h');
	else
		put_pair(b, s / DAY, 'd', 0, 'h');
}

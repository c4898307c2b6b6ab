/*
 * schedule - when to try again, and when to give up: see schedule.h
 */
#include "schedule.h"

#include "base/err.h"
#include "conf/quantity.h"

static const int64_t skips[CHANNELS] = {
	[CHANNEL_LOCAL] = 10,
	[CHANNEL_REMOTE] = 20,
};

/* The integer square root, bit by bit. */
static int64_t
root(int64_t n)
{
	int64_t r = 0;

	for (int64_t bit = (int64_t)1 << 31; bit > 0; bit >>= 1)
		if ((r + bit) <= n / (r + bit))
			r += bit;
	return r;
}

/* The next blank-separated word of *rest; false: there is none. */
static bool
next_word(struct span *rest, struct span *word)
{
	size_t n = 0;

	while (rest->len > 0 && (rest->p[0] == ' ' || rest->p[0] == '\t'))
		*rest = span_tail(*rest, 1);
	while (n < rest->len && rest->p[n] != ' ' && rest->p[n] != '\t')
		n++;
	*word = span_head(*rest, n);
	*rest = span_tail(*rest, n);
	return n > 0;
}

int
schedule_line(struct schedule *s, struct span line)
{
	struct span word;
	enum channel c = CHANNEL_LOCAL;
	uint64_t seconds;

	if (!next_word(&line, &word))
		return E_SYNTAX;
	if (span_eq(word, SPAN("remote")))
		c = CHANNEL_REMOTE;
	else if (!span_eq(word, SPAN("local")))
		return E_SYNTAX;
	for (s->n[c] = 0; next_word(&line, &word); s->n[c]++) {
		if (s->n[c] == SCHEDULE_STEPS)
			return E_TOOBIG;
		if (quantity_time(word, INT32_MAX, &seconds) < 0 ||
		    seconds == 0)
			return E_SYNTAX;
		s->step[c][s->n[c]] = (uint32_t)seconds;
	}
	return s->n[c] > 0 ? 0 : E_SYNTAX;
}

/* The first of the times given that is still to come. */
static int64_t
next_step(const struct schedule *s, enum channel c, int64_t age)
{
	int64_t at = 0, last = 0;

	for (size_t i = 0; i < s->n[c]; i++) {
		last = s->step[c][i];
		at += last;
		if (at > age)
			return at;
	}
	return at + ((age - at) / last + 1) * last;
}

int64_t
schedule_next(
    const struct schedule *s, enum channel c, int64_t birth, int64_t now)
{
	int64_t age = now > birth ? now - birth : 0;
	int64_t n = root(age) + skips[c];

	if (s->n[c] > 0)
		return birth + next_step(s, c, age);
	return birth + n * n;
}

bool
schedule_is_last(int64_t birth, int64_t now, uint64_t lifetime)
{
	return now > birth && (uint64_t)(now - birth) > lifetime;
}

/*
 * dots - the message as it follows 354: see dots.h
 */
#include "mail/dots.h"

#include <stdint.h>

struct sink {
	char *p;
	size_t n;
};

static void
blame(struct dots *d, enum dots_fault fault)
{
	if (d->fault == DOTS_CLEAN)
		d->fault = fault;
}

static void
put(const struct dots *d, struct sink *out, const char *p, size_t n)
{
	if (d->fault != DOTS_CLEAN || n == 0)
		return;
	memcpy(out->p + out->n, p, n);
	out->n += n;
}

/* The state after a byte that is neither CR, LF nor a dot that counts. */
static void
step_other(struct dots *d, const char *c, struct sink *out)
{
	if (d->state == DOTS_CR || d->state == DOTS_DOT_CR)
		blame(d, DOTS_BARE_CR);
	if (*c == '\0')
		blame(d, DOTS_NUL);
	put(d, out, c, 1);
	d->state = DOTS_MID;
}

/* One byte: what the runs below leave over. */
static void
step(struct dots *d, const char *c, struct sink *out)
{
	bool was_cr = d->state == DOTS_CR || d->state == DOTS_DOT_CR;

	if (*c == '\r') {
		if (was_cr)
			blame(d, DOTS_BARE_CR);
		d->state = d->state == DOTS_DOT ? DOTS_DOT_CR : DOTS_CR;
	} else if (*c == '\n' && d->state == DOTS_DOT_CR) {
		d->state = DOTS_END;
	} else if (*c == '\n' && d->state == DOTS_CR) {
		put(d, out, c, 1);
		d->state = DOTS_BOL;
	} else if (*c == '\n') {
		blame(d, DOTS_BARE_LF);
		d->state = DOTS_MID;
	} else if (*c == '.' && d->state == DOTS_BOL) {
		d->state = DOTS_DOT;
	} else {
		step_other(d, c, out);
	}
}

/* A pointer to the first c in s, or to its end. */
static const char *
seek(struct span s, char c)
{
	const char *p = memchr(s.p, c, s.len);

	return p != NULL ? p : s.p + s.len;
}

/*
 * At the start of a line or inside one: all up to a CR or LF at once, and
 * the CR LF with it if it is there. Returns how much was eaten; nothing
 * when the next byte is for step().
 */
static size_t
run(struct dots *d, struct span in, bool has_nul, struct sink *out)
{
	const char *lf, *cr;
	size_t n;

	if (d->state == DOTS_BOL && in.p[0] == '.')
		return 0;
	lf = seek(in, '\n');
	cr = seek((struct span){ in.p, (size_t)(lf - in.p) }, '\r');
	n = (size_t)(cr - in.p);
	if (has_nul && n > 0 && memchr(in.p, '\0', n) != NULL)
		blame(d, DOTS_NUL);
	put(d, out, in.p, n);
	if (n > 0)
		d->state = DOTS_MID;
	if (cr < lf && lf - cr == 1 && n + 2 <= in.len) {
		put(d, out, "\n", 1);
		d->state = DOTS_BOL;
		n += 2;
	}
	return n;
}

size_t
dots_eat(struct dots *d, struct span *in, char *out)
{
	struct sink sink = { .p = out };
	/* nearly always no: then lines need not be asked one by one */
	bool has_nul = in->len > 0 && memchr(in->p, '\0', in->len) != NULL;

	while (in->len > 0 && d->state != DOTS_END) {
		size_t n = 0;

		if (d->state == DOTS_BOL || d->state == DOTS_MID)
			n = run(d, *in, has_nul, &sink);
		if (n == 0) {
			step(d, in->p, &sink);
			n = 1;
		}
		*in = span_tail(*in, n);
	}
	return sink.n;
}

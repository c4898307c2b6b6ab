/*
 * dots_test - the message behind 354, however the wire divides it
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mail/dots.h"

/* SPAN() for tables. */
#define LIT(s) \
	{ \
		s, sizeof(s) - 1 \
	}

enum { STORED_MAX = 70000 };

struct row {
	const char *name;
	struct span wire;
	bool has_ended;
	enum dots_fault fault;
	struct span stored; /* of a message that is whole and clean */
	struct span rest;
};

/* tests/conformance/smtp/data-streams.json, and some more. */
static const struct row rows[] = {
	{ "simple", LIT("a\r\nb\r\n.\r\n"), true, DOTS_CLEAN, LIT("a\nb\n"),
	    LIT("") },
	{ "empty message", LIT(".\r\n"), true, DOTS_CLEAN, LIT(""), LIT("") },
	{ "stuffed dot", LIT("..\r\n.\r\n"), true, DOTS_CLEAN, LIT(".\n"),
	    LIT("") },
	{ "dot text", LIT(".hello\r\n.\r\n"), true, DOTS_CLEAN, LIT("hello\n"),
	    LIT("") },
	{ "two dots mid", LIT("x..y\r\n.\r\n"), true, DOTS_CLEAN, LIT("x..y\n"),
	    LIT("") },
	{ "leftover pipelined", LIT("a\r\n.\r\nQUIT\r\n"), true, DOTS_CLEAN,
	    LIT("a\n"), LIT("QUIT\r\n") },
	{ "lf dot lf", LIT("a\n.\nMAIL\r\n.\r\n"), true, DOTS_BARE_LF,
	    { NULL, 0 }, LIT("") },
	{ "lf dot crlf", LIT("a\n.\r\nMAIL\r\n.\r\n"), true, DOTS_BARE_LF,
	    { NULL, 0 }, LIT("") },
	{ "crlf dot lf", LIT("a\r\n.\nMAIL\r\n.\r\n"), true, DOTS_BARE_LF,
	    { NULL, 0 }, LIT("") },
	{ "cr dot cr", LIT("a\r.\rMAIL\r\n.\r\n"), true, DOTS_BARE_CR,
	    { NULL, 0 }, LIT("") },
	{ "cr cr lf dot crlf", LIT("a\r\r\n.\r\n"), true, DOTS_BARE_CR,
	    { NULL, 0 }, LIT("") },
	{ "dot cr cr lf", LIT("a\r\n.\r\r\nb\r\n.\r\n"), true, DOTS_BARE_CR,
	    { NULL, 0 }, LIT("") },
	{ "dot space crlf", LIT("a\r\n. \r\n.\r\n"), true, DOTS_CLEAN,
	    LIT("a\n \n"), LIT("") },
	{ "nul dot", LIT("a\r\n\000.\r\nb\r\n.\r\n"), true, DOTS_NUL,
	    { NULL, 0 }, LIT("") },
	{ "unfinished", LIT("a\r\nb\r\n."), false, DOTS_CLEAN, { NULL, 0 },
	    LIT("") },
	{ "unfinished cr", LIT("a\r\n.\r"), false, DOTS_CLEAN, { NULL, 0 },
	    LIT("") },
	{ "eight bit", LIT("\377\376\r\n.\r\n"), true, DOTS_CLEAN,
	    LIT("\377\376\n"), LIT("") },
	{ "long run of dots", LIT("....\r\n...\r\n.\r\n"), true, DOTS_CLEAN,
	    LIT("...\n..\n"), LIT("") },
	{ "bare cr at end of line", LIT("a\rb\r\n.\r\n"), true, DOTS_BARE_CR,
	    { NULL, 0 }, LIT("") },
	{ "bare lf only", LIT("a\nb\r\n.\r\n"), true, DOTS_BARE_LF, { NULL, 0 },
	    LIT("") },
	{ "nothing at all", LIT(""), false, DOTS_CLEAN, { NULL, 0 }, LIT("") },
	{ "cr at the end of a block", LIT("a\r"), false, DOTS_CLEAN,
	    { NULL, 0 }, LIT("") },
	{ "empty lines", LIT("\r\n\r\n.\r\n"), true, DOTS_CLEAN, LIT("\n\n"),
	    LIT("") },
	{ "dot, cr, text", LIT(".\rx\r\n.\r\n"), true, DOTS_BARE_CR,
	    { NULL, 0 }, LIT("") },
	{ "dot, lf", LIT(".\n.\r\n\r\n.\r\n"), true, DOTS_BARE_LF, { NULL, 0 },
	    LIT("") },
	{ "cr before the dot", LIT("\r.\r\n\r\n.\r\n"), true, DOTS_BARE_CR,
	    { NULL, 0 }, LIT("") },
	{ "the first fault counts", LIT("a\0b\nc\rd\r\n.\r\n"), true, DOTS_NUL,
	    { NULL, 0 }, LIT("") },
	{ "nul behind the end is no fault", LIT("a\r\n.\r\n\0"), true,
	    DOTS_CLEAN, LIT("a\n"), LIT("\0") },
	{ "nul behind a leading dot", LIT(".\0\r\n.\r\n"), true, DOTS_NUL,
	    { NULL, 0 }, LIT("") },
	{ "nul as the last byte of a line", LIT("ab\0\r\n.\r\n"), true,
	    DOTS_NUL, { NULL, 0 }, LIT("") },
	{ "oracle S18 is now refused",
	    LIT("a\rb\r\r\nc\r\r\r\nd\r\n.\rx\r\n.\r\r\n.\r\n"), true,
	    DOTS_BARE_CR, { NULL, 0 }, LIT("") },
};

enum { ROWS = sizeof(rows) / sizeof(*rows) };

/* All of a stream, fed in pieces which end at the given places. */
struct result {
	char stored[STORED_MAX];
	size_t n;
	struct dots dots;
	size_t eaten;
};

static void
feed(struct result *r, struct span piece)
{
	struct span rest = piece;

	if (dots_is_over(&r->dots))
		return;
	r->n += dots_eat(&r->dots, &rest, r->stored + r->n);
	r->eaten += piece.len - rest.len;
	assert_true(rest.len == 0 || dots_is_over(&r->dots));
}

static void
begin(struct result *r)
{
	r->n = 0;
	r->eaten = 0;
	r->dots = DOTS_INIT;
}

static void
check(const struct row *row, const struct result *r)
{
	struct span rest = span_tail(row->wire, r->eaten);

	if (dots_is_over(&r->dots) != row->has_ended ||
	    r->dots.fault != row->fault || !span_eq(rest, row->rest))
		fail_msg("%s", row->name);
	if (row->stored.p != NULL &&
	    !span_eq((struct span){ r->stored, r->n }, row->stored))
		fail_msg("%s: stored", row->name);
}

static void
test_rows(void **state)
{
	static struct result r;

	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		begin(&r);
		feed(&r, rows[i].wire);
		check(&rows[i], &r);
	}
}

static void
test_rows_split_everywhere(void **state)
{
	static struct result r;

	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		struct span w = rows[i].wire;

		for (size_t a = 0; a <= w.len; a++) {
			for (size_t b = a; b <= w.len; b++) {
				begin(&r);
				feed(&r, span_head(w, a));
				feed(&r, span_head(span_tail(w, a), b - a));
				feed(&r, span_tail(w, b));
				check(&rows[i], &r);
			}
		}
		begin(&r);
		for (size_t a = 0; a < w.len; a++)
			feed(&r, span_head(span_tail(w, a), 1));
		check(&rows[i], &r);
	}
}

/* The table of the standard (standards/smtp.md 14), byte by byte. */
static void
model(struct result *r, struct span wire)
{
	for (size_t i = 0; i < wire.len && !dots_is_over(&r->dots); i++) {
		struct dots *d = &r->dots;
		char c = wire.p[i];
		bool was_cr = d->state == DOTS_CR || d->state == DOTS_DOT_CR;
		enum dots_fault f = DOTS_CLEAN;
		char put = c;
		bool has_put = true;

		r->eaten++;
		if (was_cr && c != '\n')
			f = DOTS_BARE_CR;
		else if (!was_cr && c == '\n')
			f = DOTS_BARE_LF;
		else if (c == '\0')
			f = DOTS_NUL;
		if (c == '\r') {
			has_put = false;
			d->state = d->state == DOTS_DOT ? DOTS_DOT_CR : DOTS_CR;
		} else if (c == '\n') {
			has_put = d->state == DOTS_CR;
			d->state = d->state == DOTS_CR       ? DOTS_BOL
				   : d->state == DOTS_DOT_CR ? DOTS_END
							     : DOTS_MID;
		} else if (c == '.' && d->state == DOTS_BOL) {
			has_put = false;
			d->state = DOTS_DOT;
		} else {
			d->state = DOTS_MID;
		}
		if (d->fault == DOTS_CLEAN)
			d->fault = f;
		if (has_put && d->fault == DOTS_CLEAN)
			r->stored[r->n++] = put;
	}
}

static uint32_t
next_random(uint32_t *seed)
{
	*seed = *seed * 1664525U + 1013904223U;
	return *seed >> 8;
}

/* Random streams of the bytes that matter, in random pieces. */
static void
test_agrees_with_the_table(void **state)
{
	static const char bytes[] = "aaab..\r\n\r\n\r\n\r\n";
	static struct result fast, slow;
	uint32_t seed = 1;
	char wire[64];

	(void)state;
	for (int round = 0; round < 200000; round++) {
		size_t len = next_random(&seed) % sizeof(wire);
		size_t at = 0;

		for (size_t i = 0; i < len; i++) {
			uint32_t k = next_random(&seed) % (sizeof(bytes) + 9);

			/* pairs more often than not, and a NUL at times */
			wire[i] = bytes[k % (sizeof(bytes) - 1)];
			if (i > 0 && wire[i - 1] == '\r' && k % 4 != 0)
				wire[i] = '\n';
			if (next_random(&seed) % 256 == 0)
				wire[i] = '\0';
		}
		begin(&fast);
		begin(&slow);
		model(&slow, (struct span){ wire, len });
		while (at < len && !dots_is_over(&fast.dots)) {
			size_t n = 1 + next_random(&seed) % 20;

			n = n < len - at ? n : len - at;
			feed(&fast, (struct span){ wire + at, n });
			at += n;
		}
		assert_int_equal(fast.dots.state, slow.dots.state);
		assert_int_equal(fast.dots.fault, slow.dots.fault);
		assert_int_equal(fast.eaten, slow.eaten);
		if (slow.dots.fault != DOTS_CLEAN)
			continue;
		assert_int_equal(fast.n, slow.n);
		assert_memory_equal(fast.stored, slow.stored, slow.n);
	}
}

/* A line longer than any buffer is nothing special. */
static void
test_long_line(void **state)
{
	static struct result r;
	char block[1000];

	(void)state;
	memset(block, 'x', sizeof(block));
	begin(&r);
	for (int i = 0; i < 60; i++)
		feed(&r, (struct span){ block, sizeof(block) });
	feed(&r, SPAN("\r\n.\r\n"));
	assert_true(dots_is_over(&r.dots));
	assert_int_equal(r.dots.fault, DOTS_CLEAN);
	assert_int_equal(r.n, 60001);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_rows_split_everywhere),
		cmocka_unit_test(test_agrees_with_the_table),
		cmocka_unit_test(test_long_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * span - a borrowed run of bytes: a pointer and a length, never a terminator
 *
 * A span owns nothing. It is valid for as long as whatever it points into
 * is valid and unmodified; functions that keep a span longer than the call
 * say so. Comparisons are of bytes, or of ASCII without case: no locale.
 */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct span {
	const char *p;
	size_t len;
};

/* A span over a string literal; any other argument does not compile. */
#define SPAN(lit) ((struct span){ "" lit "", sizeof(lit) - 1 })

/* For printf-like uses nobody should need: there are none in product code. */

/* A span over a C string, without its terminator. */
static inline struct span
span_cstr(const char *s)
{
	return (struct span){ s, strlen(s) };
}

/* The first n bytes; all of them when there are fewer. */
static inline struct span
span_head(struct span s, size_t n)
{
	return (struct span){ s.p, n < s.len ? n : s.len };
}

/* What follows the first n bytes; empty when there are fewer. */
static inline struct span
span_tail(struct span s, size_t n)
{
	if (n > s.len)
		n = s.len;
	/* an empty span may have no pointer, and NULL + 0 is undefined */
	return (struct span){ n > 0 ? s.p + n : s.p, s.len - n };
}

/* Same bytes. */
bool span_eq(struct span a, struct span b);

/* Same bytes but for the case of ASCII letters. */
bool span_eq_nocase(struct span a, struct span b);

/* Whether s begins with head; _nocase ignores the case of ASCII letters. */
bool span_starts(struct span s, struct span head);
bool span_starts_nocase(struct span s, struct span head);

/* Whether s ends with tail. */
bool span_ends(struct span s, struct span tail);

/* Index of the first (last) c in s; s.len when there is none. */
size_t span_find(struct span s, char c);
size_t span_rfind(struct span s, char c);

/* Whether part is somewhere in s. */
bool span_contains(struct span s, struct span part);

/* s without the blanks, tabs and line feeds at its end (control files). */
struct span span_trim_end(struct span s);

/*
 * The next line of *s without its LF, which is removed from *s; the last
 * line needs no LF. False when *s is empty.
 */
bool span_line(struct span *s, struct span *line);

/*
 * The bytes before the first NUL of *s, which are removed from *s with the
 * NUL. False, and nothing removed, when there is no NUL.
 */
bool span_field(struct span *s, struct span *field);

#endif

/*
 * when - moments and spans of time, as an operator writes and reads them
 */
#ifndef CTL_WHEN_H
#define CTL_WHEN_H

#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

/* "90", "90s", "30m", "12h", "5d", "2w": seconds. E_SYNTAX, E_TOOBIG. */
int when_span(struct span s, int64_t *seconds) MUST_CHECK;

/*
 * "@SECONDS", or ISO 8601: "2026-11-24T18:00", with seconds or without,
 * with "Z", an offset such as "+01:00", or neither, which is UTC; a date
 * alone is its beginning. Seconds since 1970. E_SYNTAX.
 */
int when_moment(struct span s, int64_t *t) MUST_CHECK;

/* Append "2026-11-24T18:00:00Z". */
void when_put_iso(struct buf *b, int64_t t);

/* Append "45s", "12m", "3h20m", "6d23h", "120d": what matters of it. */
void when_put_span(struct buf *b, int64_t seconds);

#endif

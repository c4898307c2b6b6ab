/*
 * control - the files in control/, read as qmail has always read them
 *
 * Contract edges.md 0.1, queue.md 4.1. All paths are below the current
 * directory, which is the home directory; name is a file in control/ or,
 * if there is a slash in it, a path: users/ has files of this kind, too.
 * Everything returns 0, E_ABSENT when the file does not exist, or why it
 * cannot be read; E_ABSENT leaves the result as it was.
 */
#ifndef CONF_CONTROL_H
#define CONF_CONTROL_H

#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/span.h"

enum { CONTROL_MAX = 16 * 1024 * 1024 }; /* bytes of one control file */

/* The first line without blanks at its end, replacing *line. */
int control_line(const char *name, struct buf *line) MUST_CHECK;

/*
 * The first line of name; where it does not exist, that of control/me;
 * where that does not exist either, literal, or E_ABSENT if it is NULL.
 */
int control_line_me(
    const char *name, const char *literal, struct buf *line) MUST_CHECK;

/* The decimal prefix of the first line; no digit: as if absent. Values
 * above max become max. */
int control_int(const char *name, uint64_t max, uint64_t *value) MUST_CHECK;

/* Call fn for each line that counts: blanks at the end stripped, empty
 * lines and '#' lines dropped. fn's failure ends the reading. */
typedef int control_line_fn(void *ctx, struct span line);
int control_each(const char *name, control_line_fn *fn, void *ctx) MUST_CHECK;

/* A new map: of whole lines; of what is before and behind the first colon,
 * lines without a colon ignored. On failure *out is left alone. */
int control_set(const char *name, struct map **out) MUST_CHECK;
int control_table(const char *name, struct map **out) MUST_CHECK;

/* The number of the line from which control_set(), or control_table(), has
 * this key: *line, from 1. E_ABSENT as well when there is none. */
int control_set_line(
    const char *name, struct span key, size_t *line) MUST_CHECK;
int control_table_line(
    const char *name, struct span key, size_t *line) MUST_CHECK;

#endif

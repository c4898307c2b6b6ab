/*
 * watch - whether files in control/ have changed since they were read
 *
 * So that an edit is in force at the next connection, at the price of a
 * stat(2) for the folder and one for each file that is there.
 */
#ifndef CONF_WATCH_H
#define CONF_WATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "sys/file.h"

enum { WATCH_MAX = 8 };

struct watch {
	const char *const *paths; /* below the current directory */
	size_t n;                 /* at most WATCH_MAX */
	struct file_stamp folder, files[WATCH_MAX];
};

/* Before the files are read: a change in between is then seen later. */
int watch_begin(struct watch *w, const char *const *paths, size_t n) MUST_CHECK;

/* Whether one has appeared, vanished or changed; or nobody can tell. */
bool watch_has_changed(const struct watch *w);

#endif

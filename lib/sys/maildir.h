/*
 * maildir - the messages of a maildir, oldest first
 *
 * The maildir is the current directory. Names that begin with a dot, and
 * what is no file, are no messages.
 */
#ifndef SYS_MAILDIR_H
#define SYS_MAILDIR_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

enum { MAILDIR_STALE_S = 36 * 3600 }; /* what is older in tmp is of nobody */

struct maildir_file {
	char *path;       /* "new/NAME" or "cur/NAME" */
	int64_t mtime;    /* seconds */
	int64_t mtime_ns; /* and their fraction */
};

struct maildir {
	struct maildir_file *file;
	size_t n, cap;
};

#define MAILDIR_INIT ((struct maildir){ .n = 0 })

/* Release; m is empty, and usable. */
void maildir_free(struct maildir *m);

/* Add what is in folder ("new" or "cur") and changed before that second.
 * Files that vanish meanwhile are left out. */
int maildir_scan(
    struct maildir *m, const char *folder, int64_t before) MUST_CHECK;

/* Oldest first; of one moment, by name. */
void maildir_sort(struct maildir *m);

/* Remove from tmp what nobody has read or written for 36 hours. What
 * cannot be removed stays. */
void maildir_clean(int64_t now);

#endif

/*
 * file - files by name: open, read whole, publish
 *
 * Paths are C strings; at is a directory descriptor or FILE_CWD. All opens
 * are close-on-exec. ENOENT is reported as E_ABSENT.
 */
#ifndef SYS_FILE_H
#define SYS_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

enum { FILE_CWD = -100 }; /* AT_FDCWD */

/* What tells one state of a file from another: cheap to compare. */
struct file_stamp {
	uint64_t dev, ino, size;
	int64_t mtime_ns;
};

/* Open for reading, following links, never blocking on a FIFO. */
int file_open_read(int at, const char *path, int *fd) MUST_CHECK;

/* Open with open(2) flags and mode; O_CLOEXEC is added. */
int file_open(
    int at, const char *path, int flags, mode_t mode, int *fd) MUST_CHECK;

/* Open a directory. */
int file_open_dir(int at, const char *path, int *fd) MUST_CHECK;

/* Append the whole content to b. E_TOOBIG over its bound. */
int file_read(int at, const char *path, struct buf *b) MUST_CHECK;

/*
 * A file without a name, to be written and linked later, in directory
 * `at`: O_TMPFILE. Where the file system has none, E_ABSENT.
 */
int file_unnamed(int at, const char *dir, mode_t mode, int *fd) MUST_CHECK;

/* Give an unnamed file its name; EEXIST is E_BUSY. */
int file_link_unnamed(int fd, int at, const char *path) MUST_CHECK;

/*
 * Replace path by content, whole or not at all: written under path.tmp,
 * fsynced, renamed, and the folder fsynced.
 */
int file_publish(
    int at, const char *path, struct span content, mode_t mode) MUST_CHECK;

/* fsync a descriptor; fsync the directory at path. */
int file_sync(int fd) MUST_CHECK;
int file_sync_dir(int at, const char *path) MUST_CHECK;

/* fsync the directory that path, which need not exist, is in. */
int file_sync_name(int at, const char *path) MUST_CHECK;

int file_unlink(int at, const char *path) MUST_CHECK; /* E_ABSENT if gone */
int file_rename(int at, const char *from, const char *to) MUST_CHECK;

/* Make one directory with exactly this mode; E_BUSY when it is there. */
int file_mkdir(int at, const char *path, mode_t mode) MUST_CHECK;

/* The stamp of path. An absent file has the stamp of all zeros, and 0 is
 * returned: so that appearing and vanishing are changes like others. */
int file_stamp(int at, const char *path, struct file_stamp *out) MUST_CHECK;
bool file_stamp_eq(const struct file_stamp *a, const struct file_stamp *b);

/*
 * Call fn(ctx, name) for each entry of a directory but "." and "..". fn
 * returns 0 to go on; anything else ends the walk and is returned.
 */
typedef int file_entry_fn(void *ctx, const char *name);
int file_each(int at, const char *dir, file_entry_fn *fn, void *ctx) MUST_CHECK;

#endif

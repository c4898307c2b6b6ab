/*
 * cdb - constant databases: one file, keys to values, made whole
 *
 * The format of users/cdb and control/morercpthosts.cdb (contract local.md
 * 3). A file is never changed, only replaced, so an open one stays valid;
 * who wants to see a new one compares file_stamp() and opens again. Any
 * byte may be in a key or a value. Keys may repeat: the first one counts.
 *
 * The reading and writing is tinycdb's; this is what we say to it.
 */
#ifndef CONF_CDB_H
#define CONF_CDB_H

#include "base/attr.h"
#include "base/span.h"

struct cdbfile;

/*
 * Open the file at path (below the current directory) and map it. E_ABSENT
 * when there is none; E_DAMAGED when it is too short to be a cdb; system
 * errors. No descriptor stays open.
 */
int cdbfile_open(const char *path, struct cdbfile **out) MUST_CHECK;

/* Unmap; values found die. Sets *c to NULL and accepts NULL. */
void cdbfile_close(struct cdbfile **c);

/*
 * The value of the first record with this key, borrowed from c. E_ABSENT
 * when there is none, E_DAMAGED when the file makes no sense.
 */
int cdbfile_find(
    struct cdbfile *c, struct span key, struct span *value) MUST_CHECK;

struct cdbmake;

/*
 * Begin a new file under a temporary name, which one process can do at a
 * time: E_BUSY when another is at it. Mode 0644 whatever the umask.
 */
int cdbfile_make(const char *temporary, struct cdbmake **out) MUST_CHECK;

/* Append one record. */
int cdbfile_add(
    struct cdbmake *m, struct span key, struct span value) MUST_CHECK;

/* Write the index and make the temporary file durable. */
int cdbfile_finish(struct cdbmake *m) MUST_CHECK;

/* Give the finished file its name, in place of what had it, durably. */
int cdbfile_publish(struct cdbmake *m, const char *path) MUST_CHECK;

/* Release; what was not published is removed. Sets *m to NULL and accepts
 * NULL. */
void cdbfile_discard(struct cdbmake **m);

#endif

/*
 * gsync - one sync for many writers: group commit
 *
 * Processes that write small files and must not go on before those are on
 * disk pay dearly when each syncs its own: every fsync(2) is a write of its
 * own and a flush of the disk's cache. Here whoever comes while a sync is
 * under way waits for the next one, which serves all who wait.
 *
 * syncfs(2) writes whatever else is dirty on the file system as well. When
 * that takes long, everybody is told to sync his own files for a while.
 */
#ifndef SYS_GSYNC_H
#define SYS_GSYNC_H

#include "base/attr.h"

struct gsync;

/* For this process and those it forks. Released with the last of them. */
int gsync_new(struct gsync **out) MUST_CHECK;

/*
 * Everything this process has written to the file system of fd is on disk,
 * names included. E_BUSY: not now, sync your own files. Any other failure:
 * something on that file system could not be written.
 */
int gsync_join(struct gsync *g, int fd) MUST_CHECK;

#endif

/*
 * source - the classic queue that is imported: looked at, never changed
 *
 * Its folders belong to several accounts, and a program that parses what
 * strangers wrote must not be root. So a helper, which may be root, opens
 * files of the queue for reading when asked; it is asked in numbers, and
 * reads none of the files itself.
 */
#ifndef SOURCE_H
#define SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"

enum place {
	PLACE_MESS,
	PLACE_INFO,
	PLACE_LOCAL,
	PLACE_REMOTE,
	PLACE_TODO,
	PLACE_BOUNCE,
	PLACES
};

struct source {
	int helper;
	int lock;       /* sendmutex, locked: no qmail-send runs there */
	uint64_t split; /* conf-split */
	bool is_big;    /* todo is split as well: big-todo */
};

/* Start the helper, which gets the open folder of the queue. */
int source_start(struct source *s, int folder) MUST_CHECK;

/*
 * Make sure that it is a classic queue and that nobody delivers from it.
 * *why is what is missing (E_ABSENT) or cannot be looked at.
 * E_BUSY: its qmail-send runs.
 */
int source_check(struct source *s, struct buf *why) MUST_CHECK;

void source_close(struct source *s);

/*
 * Open the file of message n, and when it was last changed (mtime may be
 * NULL). E_ABSENT; E_SYNTAX when it is no regular file.
 */
int source_open(struct source *s, enum place p, uint64_t n, int *fd,
    int64_t *mtime) MUST_CHECK;

/* What is wrong with it, in words. */
const char *source_text(int r);

/* Append the name of that file: "info/5/123". */
void source_put_file(
    struct buf *b, const struct source *s, enum place p, uint64_t n);

/*
 * A name in a place: in one of its folders, or in the place itself, which
 * has folder SOURCE_TOP.
 */
enum { SOURCE_TOP = -1 };
struct source_name {
	enum place place;
	int64_t folder;
	const char *name;
};

/* How many folders the files of a place are in; 0: in the place itself. */
int64_t source_folders(const struct source *s, enum place p);

/*
 * Call fn for each name in a folder, or in the place itself but for its
 * folders. fn returns 0 to go on; anything else ends it and is returned.
 */
typedef int source_name_fn(void *ctx, const struct source_name *name);
int source_each(struct source *s, enum place p, int64_t folder,
    source_name_fn *fn, void *ctx) MUST_CHECK;

/*
 * The message a name stands for. False when it is no number as qmail writes
 * it, or is in the wrong folder.
 */
bool source_number(
    const struct source *s, const struct source_name *name, uint64_t *n);

/* Append the name of a folder, "info/5"; of a name in it. */
void source_put_folder(struct buf *b, enum place p, int64_t folder);
void source_put_name(struct buf *b, const struct source_name *name);

#endif

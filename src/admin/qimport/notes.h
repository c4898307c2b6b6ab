/*
 * notes - the pending bounce of a message, as qmail-send's note of it
 *
 * Notes belong to qmail-send, so a helper writes them that is who
 * qmail-send is.
 */
#ifndef NOTES_H
#define NOTES_H

#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"

struct notes {
	int helper;
};

/*
 * Start the helper, which becomes uid and gid if we are root. drop is a
 * descriptor that is none of its business.
 */
int notes_start(struct notes *n, uid_t uid, gid_t gid, int drop) MUST_CHECK;
void notes_close(struct notes *n);

/*
 * Make the note of a message say what the file bounce says, before its
 * envelope is there; durable when it returns. bounce -1: no note, whatever
 * was there. E_TOOBIG: there is more to say than a note can hold.
 */
int notes_set(
    struct notes *n, uint64_t id, uint32_t nrcpt, int bounce) MUST_CHECK;

#endif

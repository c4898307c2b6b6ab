/*
 * tcpto - addresses that did not answer lately: see tcpto.h
 */
#include "tcpto.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/file.h"

enum {
	COUNT_MAX = 10,
	COUNT_SKIP = 2,
	QUIET = 120, /* seconds in which a second timeout is the same */
	UNIT = 64,   /* seconds: age limit = (60 + pid mod 32) of them */
	AGE_PER_COUNT = 1024
};

/* ip's record, or NULL. */
static struct tcptable_record *
find(struct tcptable *t, const struct ip *ip)
{
	if (ip->family != AF_INET)
		return NULL;
	for (size_t i = 0; i < TCPTABLE_RECORDS; i++)
		if (memcmp(t->record[i].ip, ip->bytes, 4) == 0)
			return &t->record[i];
	return NULL;
}

/* The record a new address gets: an unused one, else the stalest. */
static struct tcptable_record *
victim(struct tcptable *t)
{
	struct tcptable_record *best = NULL;
	int64_t least = INT64_MAX;

	for (size_t i = 0; i < TCPTABLE_RECORDS; i++) {
		struct tcptable_record *r = &t->record[i];
		int64_t value =
		    (int64_t)r->when + (int64_t)r->count * AGE_PER_COUNT;

		if (r->count == 0)
			return r;
		if (value < least) {
			least = value;
			best = r;
		}
	}
	return best;
}

bool
tcpto_skips(struct tcptable *t, const struct ip *ip, int64_t now, uint32_t pid,
    bool *known)
{
	const struct tcptable_record *r = find(t, ip);

	*known = r != NULL;
	if (r == NULL || r->count < COUNT_SKIP)
		return false;
	return now - (int64_t)r->when < (60 + (int64_t)(pid % 32)) * UNIT;
}

bool
tcpto_note(struct tcptable *t, const struct ip *ip, int64_t now)
{
	struct tcptable_record *r = find(t, ip);

	if (ip->family != AF_INET)
		return false;
	if (r == NULL) {
		r = victim(t);
		memcpy(r->ip, ip->bytes, sizeof(r->ip));
		r->count = 0;
	}
	if (r->count > 0 && now < (int64_t)r->when + QUIET)
		return false;
	if (r->count < COUNT_MAX)
		r->count++;
	r->when = (uint32_t)now;
	return true;
}

bool
tcpto_clear(struct tcptable *t, const struct ip *ip)
{
	struct tcptable_record *r = find(t, ip);

	if (r == NULL || r->count == 0)
		return false;
	r->count = 0;
	return true;
}

void
tcpto_open(struct tcpto *t, int given)
{
	struct stat st;

	t->fd = -1;
	if (given >= 0 && fstat(given, &st) == 0 && S_ISREG(st.st_mode) &&
	    fd_cloexec(given, true) == 0) {
		t->fd = given;
		return;
	}
	/* without the file, or without the right, there is no such table */
	if (file_open(FILE_CWD, TCPTABLE_FOLDER "/" TCPTABLE_FILE, O_RDWR, 0,
		&t->fd) < 0)
		t->fd = -1;
}

void
tcpto_close(struct tcpto *t)
{
	fd_close(&t->fd);
}

/* Lock the file and read it. False: do without. */
static bool
load(const struct tcpto *t, struct tcptable *table)
{
	return tcptable_lock(t->fd) == 0 && tcptable_read(t->fd, table) == 0;
}

static void
unlock(const struct tcpto *t)
{
	(void)flock(t->fd, LOCK_UN);
}

bool
tcpto_file_skips(const struct tcpto *t, const struct ip *ip, bool *known)
{
	struct tcptable table;
	bool skip = false;

	*known = false;
	if (t->fd < 0 || ip->family != AF_INET)
		return false;
	if (load(t, &table))
		skip = tcpto_skips(
		    &table, ip, clock_real(), (uint32_t)getpid(), known);
	unlock(t);
	return skip;
}

void
tcpto_file_note(const struct tcpto *t, const struct ip *ip)
{
	struct tcptable table;

	if (t->fd < 0 || ip->family != AF_INET)
		return;
	/* a change that is lost costs one timeout more */
	if (load(t, &table) && tcpto_note(&table, ip, clock_real()))
		err_ignore(tcptable_write(t->fd, &table));
	unlock(t);
}

void
tcpto_file_clear(const struct tcpto *t, const struct ip *ip)
{
	struct tcptable table;

	if (t->fd < 0 || ip->family != AF_INET)
		return;
	/* a change that is lost costs one timeout more */
	if (load(t, &table) && tcpto_clear(&table, ip))
		err_ignore(tcptable_write(t->fd, &table));
	unlock(t);
}

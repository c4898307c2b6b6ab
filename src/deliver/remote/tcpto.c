/*
 * tcpto - addresses that did not answer lately: see tcpto.h
 */
#include "tcpto.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/span.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/file.h"
#include "sys/lock.h"

enum {
	AT_COUNT = 4,
	AT_TIME = 8,
	COUNT_MAX = 10,
	COUNT_SKIP = 2,
	QUIET = 120, /* seconds in which a second timeout is the same */
	UNIT = 64,   /* seconds: age limit = (60 + pid mod 32) of them */
	AGE_PER_COUNT = 1024,
	LOCK_MS = 5000
};

static int64_t
time_of(const unsigned char *rec)
{
	const unsigned char *p = rec + AT_TIME;

	return (int64_t)p[0] | (int64_t)p[1] << 8 | (int64_t)p[2] << 16 |
	       (int64_t)p[3] << 24;
}

static void
set_time(unsigned char *rec, int64_t when)
{
	int i;

	for (i = 0; i < 4; i++)
		rec[AT_TIME + i] = (unsigned char)(when >> (8 * i) & 255);
}

/* The offset of ip's record, or TCPTO_SIZE. */
static size_t
find(const unsigned char table[TCPTO_SIZE], const struct ip *ip)
{
	size_t at;

	if (ip->family != AF_INET)
		return TCPTO_SIZE;
	for (at = 0; at < TCPTO_SIZE; at += TCPTO_RECORD)
		if (memcmp(table + at, ip->bytes, 4) == 0)
			return at;
	return TCPTO_SIZE;
}

/* The record a new address gets: an unused one, else the stalest. */
static size_t
victim(const unsigned char table[TCPTO_SIZE])
{
	size_t at, best = 0;
	int64_t least = INT64_MAX;

	for (at = 0; at < TCPTO_SIZE; at += TCPTO_RECORD) {
		const unsigned char *rec = table + at;
		int64_t value;

		if (rec[AT_COUNT] == 0)
			return at;
		value = time_of(rec) + (int64_t)rec[AT_COUNT] * AGE_PER_COUNT;
		if (value < least) {
			least = value;
			best = at;
		}
	}
	return best;
}

bool
tcpto_skips(const unsigned char table[TCPTO_SIZE], const struct ip *ip,
    int64_t now, uint32_t pid, bool *known)
{
	size_t at = find(table, ip);

	*known = at < TCPTO_SIZE;
	if (!*known || table[at + AT_COUNT] < COUNT_SKIP)
		return false;
	return now - time_of(table + at) < (60 + (int64_t)(pid % 32)) * UNIT;
}

bool
tcpto_note(unsigned char table[TCPTO_SIZE], const struct ip *ip, int64_t now)
{
	size_t at = find(table, ip);
	unsigned char *rec;

	if (ip->family != AF_INET)
		return false;
	if (at == TCPTO_SIZE) {
		rec = table + victim(table);
		memset(rec, 0, TCPTO_RECORD);
		memcpy(rec, ip->bytes, 4);
		rec[AT_COUNT] = 1;
		set_time(rec, now);
		return true;
	}
	rec = table + at;
	if (rec[AT_COUNT] > 0 && now < time_of(rec) + QUIET)
		return false;
	if (rec[AT_COUNT] < COUNT_MAX)
		rec[AT_COUNT]++;
	set_time(rec, now);
	return true;
}

bool
tcpto_clear(unsigned char table[TCPTO_SIZE], const struct ip *ip)
{
	size_t at = find(table, ip);

	if (at == TCPTO_SIZE || table[at + AT_COUNT] == 0)
		return false;
	table[at + AT_COUNT] = 0;
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
	if (file_open(FILE_CWD, "queue/lock/tcpto", O_RDWR, 0, &t->fd) < 0)
		t->fd = -1;
}

void
tcpto_close(struct tcpto *t)
{
	fd_close(&t->fd);
}

/* Lock the file and read it. False: do without. */
static bool
load(const struct tcpto *t, unsigned char table[TCPTO_SIZE])
{
	ssize_t n;

	if (t->fd < 0 || lock_wait(t->fd, clock_ms() + LOCK_MS) < 0)
		return false;
	do
		n = pread(t->fd, table, TCPTO_SIZE, 0);
	while (n < 0 && errno == EINTR);
	return n == TCPTO_SIZE;
}

static void
unlock(const struct tcpto *t)
{
	(void)flock(t->fd, LOCK_UN);
}

/* Write if something changed; a lost note costs one timeout more. */
static void
store(
    const struct tcpto *t, const unsigned char table[TCPTO_SIZE], bool changed)
{
	struct span all = { (const char *)table, TCPTO_SIZE };

	if (changed)
		err_ignore(fd_pwrite(t->fd, all, 0));
	unlock(t);
}

bool
tcpto_file_skips(const struct tcpto *t, const struct ip *ip, bool *known)
{
	unsigned char table[TCPTO_SIZE];
	bool skip = false;

	*known = false;
	if (t->fd < 0 || ip->family != AF_INET)
		return false;
	if (load(t, table))
		skip = tcpto_skips(
		    table, ip, clock_real(), (uint32_t)getpid(), known);
	unlock(t);
	return skip;
}

void
tcpto_file_note(const struct tcpto *t, const struct ip *ip)
{
	unsigned char table[TCPTO_SIZE];

	if (t->fd < 0 || ip->family != AF_INET)
		return;
	if (load(t, table))
		store(t, table, tcpto_note(table, ip, clock_real()));
	else
		unlock(t);
}

void
tcpto_file_clear(const struct tcpto *t, const struct ip *ip)
{
	unsigned char table[TCPTO_SIZE];

	if (t->fd < 0 || ip->family != AF_INET)
		return;
	if (load(t, table))
		store(t, table, tcpto_clear(table, ip));
	else
		unlock(t);
}

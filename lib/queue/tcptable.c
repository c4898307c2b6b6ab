/*
 * tcptable - the hosts that timed out lately: see tcptable.h
 */
#include "queue/tcptable.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/span.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/lock.h"

enum {
	RECORD = 16,
	SIZE = TCPTABLE_RECORDS * RECORD,
	AT_COUNT = 4,
	AT_TIME = 8,
	LOCK_MS = 5000 /* who has the lock needs it for one write */
};

int
tcptable_lock(int fd)
{
	return lock_wait(fd, clock_ms() + LOCK_MS);
}

static void
decode(const unsigned char *p, struct tcptable_record *out)
{
	memcpy(out->ip, p, sizeof(out->ip));
	out->count = p[AT_COUNT];
	p += AT_TIME;
	out->when = (uint32_t)p[0] | (uint32_t)p[1] << 8 |
		    (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

int
tcptable_read(int fd, struct tcptable *t)
{
	unsigned char bytes[SIZE];
	ssize_t n;

	do
		n = pread(fd, bytes, sizeof(bytes), 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys();
	if (n < SIZE)
		return E_EOF;
	for (size_t i = 0; i < TCPTABLE_RECORDS; i++)
		decode(bytes + i * RECORD, &t->record[i]);
	return 0;
}

static void
encode(const struct tcptable_record *record, unsigned char *p)
{
	memcpy(p, record->ip, sizeof(record->ip));
	p[AT_COUNT] = record->count;
	for (int i = 0; i < 4; i++)
		p[AT_TIME + i] = (unsigned char)(record->when >> (8 * i));
}

int
tcptable_write(int fd, const struct tcptable *t)
{
	unsigned char bytes[SIZE] = { 0 };

	for (size_t i = 0; i < TCPTABLE_RECORDS; i++)
		encode(&t->record[i], bytes + i * RECORD);
	return fd_pwrite(fd, (struct span){ (const char *)bytes, SIZE }, 0);
}

/*
 * classic_fuzz - files of a classic queue, of any bytes
 *
 * The first byte chooses which file it is. A file that is accepted must be
 * the records it was read as, all of them.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/err.h"

/* a room has no library: its file is taken whole */
#include "../../src/admin/qimport/classic.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Records in s with this letter. */
static uint64_t
count(struct span s, char letter)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] == letter && (i == 0 || s.p[i - 1] == '\0'))
			n++;
	return n;
}

/* The recipients of an accepted file; letters are what else it may have. */
static void
check(struct span file, const char *letters)
{
	struct span rest = file, addr;
	uint64_t at = 0, n = 0, others = 0;

	if (file.len > 0 && file.p[file.len - 1] != '\0')
		abort();
	while (classic_rcpt(&rest, &at, &addr)) {
		n++;
		if (addr.p <= file.p || addr.p + addr.len >= rest.p ||
		    addr.p[-1] != 'T' || addr.p[addr.len] != '\0')
			abort();
	}
	for (; *letters != '\0'; letters++)
		others += count(file, *letters);
	if (rest.len != 0 || n != count(file, 'T') || at != n + others)
		abort();
}

static void
check_head(struct span file, const struct classic_head *h)
{
	if (count(file, 'F') != 1 || h->sender.len > ADDRESS_MAX ||
	    h->sender.p[-1] != 'F' || h->sender.p[h->sender.len] != '\0')
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span file = { (const char *)data, size };
	struct classic_head h;
	int r;

	if (size == 0)
		return 0;
	file = span_tail(file, 1);
	switch (data[0] % 3) {
	case 0:
		r = classic_todo(file, &h);
		if (r == 0) {
			check_head(file, &h);
			check(file, "upF");
		}
		break;
	case 1:
		r = classic_info(file, &h);
		if (r == 0) {
			check_head(file, &h);
			check(file, "F");
		}
		break;
	default:
		r = classic_channel(file);
		if (r == 0)
			check(file, "D");
	}
	if (r < 0 && classic_text(r)[0] == '\0')
		abort();
	return 0;
}

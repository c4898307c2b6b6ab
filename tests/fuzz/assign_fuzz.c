/*
 * assign_fuzz - users/assign, records, and databases of any bytes
 *
 * The first byte chooses what the others are.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "conf/assign.h"
#include "sys/fd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A compiled value must read as an account; the last record has no key. */
static int
check_record(void *ctx, struct span key, struct span value)
{
	size_t *ended = ctx;
	struct account a;

	if (*ended != 0)
		abort();
	*ended = key.len == 0;
	if (key.len > 0 && (key.p[0] != '!' || account_parse(value, &a) != 0))
		abort();
	return 0;
}

static void
compile(struct span text)
{
	size_t line, ended = 0;
	int r = assign_compile(text, check_record, &ended, &line);

	if ((r == 0) != (ended == 1) || line == 0)
		abort();
}

/* Ask a file of these bytes for local parts: errors, never a crash. */
static void
look_up(struct span bytes)
{
	static const char *const locals[] = { "", "joe", "joe-List-x", "!" };
	struct buf path = BUF_INIT(64), ext = BUF_INIT(65536);
	struct cdbfile *c = NULL;
	const char *name;
	int fd = memfd_create("cdb", MFD_CLOEXEC);

	if (fd < 0 || fd_write(fd, bytes, FD_FOREVER) < 0)
		abort();
	buf_puts(&path, "/proc/self/fd/");
	buf_putu(&path, (uintmax_t)fd);
	if (buf_cstr(&path, &name) < 0)
		abort();
	if (cdbfile_open(name, &c) == 0) {
		for (size_t i = 0; i < sizeof(locals) / sizeof(*locals); i++) {
			struct account a;

			err_ignore(
			    assign_find(c, span_cstr(locals[i]), &ext, &a));
		}
		cdbfile_close(&c);
	}
	fd_close(&fd);
	buf_free(&path);
	buf_free(&ext);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span s = { (const char *)data, size };
	struct account a;

	if (size == 0)
		return 0;
	s = span_tail(s, 1);
	switch (data[0] % 3) {
	case 0:
		compile(s);
		break;
	case 1:
		err_ignore(account_parse(s, &a));
		break;
	default:
		look_up(s);
	}
	return 0;
}

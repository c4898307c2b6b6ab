/*
 * driver - run a fuzz target over files, where there is no libFuzzer
 *
 * Arguments are files and folders of files; each file is one input. So
 * the corpus in tests/fuzz/corpus/ serves as a regression test with any
 * compiler. A target that finds a fault aborts; the last line printed on
 * descriptor 2 then names the input.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/err.h"
#include "sys/fd.h"
#include "sys/file.h"
#include "sys/prog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 64 * 1024 * 1024, PATH_LIMIT = 4096 };

static int
run_file(const char *path)
{
	struct buf b = BUF_INIT(INPUT_MAX);
	struct buf line = BUF_INIT(PATH_LIMIT);
	uint8_t *copy = NULL;
	int r = file_read(FILE_CWD, path, &b);

	if (r < 0)
		goto out;
	buf_puts(&line, path);
	buf_putc(&line, '\n');
	r = buf_err(&line);
	if (r == 0)
		r = fd_write(2, buf_span(&line), FD_FOREVER);
	if (r < 0)
		goto out;
	/* of exactly this size, so that a sanitizer sees reads beyond it */
	copy = malloc(b.len > 0 ? b.len : 1);
	if (copy == NULL) {
		r = E_NOMEM;
		goto out;
	}
	if (b.len > 0)
		memcpy(copy, b.p, b.len);
	(void)LLVMFuzzerTestOneInput(copy, b.len);
out:
	free(copy);
	buf_free(&line);
	buf_free(&b);
	return r;
}

static int
run_entry(void *ctx, const char *name)
{
	struct buf path = BUF_INIT(PATH_LIMIT);
	const char *p;
	int r;

	buf_puts(&path, ctx);
	buf_putc(&path, '/');
	buf_puts(&path, name);
	r = buf_cstr(&path, &p);
	if (r == 0)
		r = run_file(p);
	buf_free(&path);
	return r;
}

/* A folder, or what turns out not to be one. */
static int
run_path(char *path)
{
	int r = file_each(FILE_CWD, path, run_entry, path);

	return r == 0 ? 0 : run_file(path);
}

int
main(int argc, char **argv)
{
	prog_start("fuzz");
	if (argc < 2)
		prog_usage("fuzz file-or-folder ...");
	for (int i = 1; i < argc; i++) {
		int r = run_path(argv[i]);

		if (r < 0)
			prog_die_file(EX_SOFT, "unable to read", argv[i], r);
	}
	return 0;
}

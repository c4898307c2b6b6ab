/*
 * maildirmake - create a maildir
 *
 * Run by:   people, and whoever sets up accounts
 * Runs as:  the caller; needs no privilege
 * Input:    one operand, the name
 * Trusts:   its operand
 * Output:   the directory and its tmp, new and cur
 * Exits:    0 made, 100 usage, 111 it could not be made
 */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "sys/file.h"
#include "sys/prog.h"

enum { PATH_BYTES = 8192 };

/* Make NAME, or NAME/PART; only the caller can use it. */
static void
make(const char *name, const char *part)
{
	struct buf b = BUF_INIT(PATH_BYTES);
	const char *path = name;
	int r;

	buf_puts(&b, name);
	if (part != NULL) {
		buf_putc(&b, '/');
		buf_puts(&b, part);
	}
	r = buf_cstr(&b, &path);
	if (r == 0)
		r = file_mkdir(FILE_CWD, path, 0700);
	if (r == E_BUSY)
		r = err_of(EEXIST);
	if (r < 0)
		prog_die_file(EX_SOFT, "unable to mkdir", path, r);
	buf_free(&b);
}

int
main(int argc, char **argv)
{
	static const char usage[] = "maildirmake name";
	struct prog_opt o = PROG_OPT(argc, argv);
	const char *name;

	prog_start("maildirmake");
	(void)umask(077);
	if (prog_opt_next(&o, "") >= 0 || o.index >= argc)
		prog_usage(usage);
	name = argv[o.index];
	make(name, NULL);
	make(name, "tmp");
	make(name, "new");
	make(name, "cur");
	return 0;
}

/*
 * qmail-tcpok - forget which hosts timed out lately
 *
 * Run by:   the operator; qmailctl(8)
 * Runs as:  root or qmailr, who may write the table
 * Input:    none
 * Trusts:   nothing
 * Output:   queue/lock/tcpto, all zeros
 * Exits:    0 done, 111 it could not be done
 */
#include <fcntl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "queue/tcptable.h"
#include "sys/fd.h"
#include "sys/file.h"
#include "sys/home.h"
#include "sys/prog.h"

enum { PATH_LIMIT = 8192 };

/* The folder, or the file in it, as this program's messages name it. */
static void NORETURN
die(const char *what, const char *rest, int r)
{
	struct buf path = BUF_INIT(PATH_LIMIT);
	const char *name;

	buf_puts(&path, home_path());
	buf_puts(&path, rest);
	if (buf_cstr(&path, &name) < 0)
		name = rest;
	prog_die_file(EX_SOFT, what, name, r);
}

int
main(void)
{
	static const struct tcptable none;
	static const char folder[] = "/" TCPTABLE_FOLDER;
	static const char file[] = "/" TCPTABLE_FOLDER "/" TCPTABLE_FILE;
	int fd = -1;
	int r;

	prog_start("qmail-tcpok");
	r = home_enter();
	if (r == 0 && chdir(TCPTABLE_FOLDER) < 0)
		r = err_sys();
	if (r < 0)
		die("unable to chdir to", folder, r);
	r = file_open(FILE_CWD, TCPTABLE_FILE, O_WRONLY, 0, &fd);
	if (r < 0)
		die("unable to write", file, r);
	r = tcptable_lock(fd);
	if (r < 0)
		die("unable to lock", file, r);
	r = tcptable_write(fd, &none);
	if (r < 0)
		die("unable to clear", file, r);
	fd_close(&fd);
	return 0;
}

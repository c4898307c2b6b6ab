/*
 * qmail-newu - prepare users/assign for qmail-lspawn
 *
 * Run by:   the operator
 * Runs as:  root, who owns users/
 * Input:    users/assign in the home directory
 * Trusts:   users/assign, which only root writes
 * Output:   users/cdb, replaced whole or not at all
 * Exits:    0 done, 111 users/cdb is as it was
 */
#include "base/buf.h"
#include "base/err.h"
#include "conf/assign.h"
#include "conf/cdb.h"
#include "sys/fd.h"
#include "sys/file.h"
#include "sys/home.h"
#include "sys/prog.h"

enum { ASSIGN_MAX = 1024 * 1024 * 1024 };

/* For assign_compile(), where a failure can be one of the file or of ours. */
struct sink {
	struct cdbmake *make;
	int err;
};

static int
take_record(void *ctx, struct span key, struct span value)
{
	struct sink *s = ctx;

	s->err = cdbfile_add(s->make, key, value);
	return s->err;
}

static void
read_assign(struct buf *text)
{
	int fd = -1;
	int r = file_open_read(FILE_CWD, "users/assign", &fd);

	if (r < 0)
		prog_die(EX_SOFT, "unable to open users/assign", r);
	r = fd_read_all(fd, text);
	fd_close(&fd);
	if (r == E_NOMEM)
		prog_die(EX_SOFT, "out of memory", 0);
	if (r < 0)
		prog_die(EX_SOFT, "unable to read users/assign", r);
}

/* Say on which line, for people who edit the file by hand. */
static void NORETURN
die_format(size_t line)
{
	struct buf words = BUF_INIT(128);
	const char *text;

	buf_puts(&words, "bad format in users/assign: line ");
	buf_putu(&words, line);
	if (buf_cstr(&words, &text) < 0)
		prog_die(EX_SOFT, "bad format in users/assign", 0);
	prog_die(EX_SOFT, text, 0);
}

/* Compile; on failure leave nothing behind and say what it was. */
static void
compile(struct span text)
{
	struct sink sink = { .make = NULL };
	size_t line = 0;
	int r, finished = 0;

	r = cdbfile_make("users/cdb.tmp", &sink.make);
	if (r < 0)
		prog_die(EX_SOFT, "unable to open users/cdb.tmp", r);
	r = assign_compile(text, take_record, &sink, &line);
	if (r == 0)
		finished = cdbfile_finish(sink.make);
	if (r == 0 && finished == 0) {
		r = cdbfile_publish(sink.make, "users/cdb");
		cdbfile_discard(&sink.make);
		if (r < 0)
			prog_die(EX_SOFT,
			    "unable to move users/cdb.tmp to users/cdb", r);
		return;
	}
	cdbfile_discard(&sink.make);
	if (sink.err < 0 || finished < 0)
		prog_die(EX_SOFT, "unable to write users/cdb.tmp",
		    sink.err < 0 ? sink.err : finished);
	if (r == E_SYNTAX)
		die_format(line);
	prog_die(EX_SOFT, "out of memory", 0);
}

int
main(void)
{
	struct buf text = BUF_INIT(ASSIGN_MAX);
	int r;

	prog_start("qmail-newu");
	r = home_enter();
	if (r < 0)
		prog_die(EX_SOFT, "unable to chdir", r);
	read_assign(&text);
	compile(buf_span(&text));
	buf_free(&text);
	return 0;
}

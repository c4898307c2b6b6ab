/*
 * qmail-newmrh - prepare control/morercpthosts for qmail-smtpd
 *
 * Run by:   the operator
 * Runs as:  root, who owns control/
 * Input:    control/morercpthosts in the home directory
 * Trusts:   control/morercpthosts, which only root writes
 * Output:   control/morercpthosts.cdb, replaced whole or not at all
 * Exits:    0 done, 111 the .cdb file is as it was
 */
#include "base/ascii.h"
#include "base/buf.h"
#include "base/err.h"
#include "conf/cdb.h"
#include "sys/file.h"
#include "sys/home.h"
#include "sys/prog.h"

#define NAME "control/morercpthosts"

enum { HOSTS_MAX = 1024 * 1024 * 1024 };

/* Add one name: lower case, no blanks at its end. */
static int
add_line(struct cdbmake *m, struct span line, struct buf *key)
{
	line = span_trim_end(line);
	if (line.len == 0 || line.p[0] == '#')
		return 0;
	buf_reset(key);
	for (size_t i = 0; i < line.len; i++)
		buf_putc(key, ascii_lower((unsigned char)line.p[i]));
	return buf_err(key) < 0 ? buf_err(key)
				: cdbfile_add(m, buf_span(key), SPAN(""));
}

static int
add_all(struct cdbmake *m, struct span text)
{
	struct buf key = BUF_INIT(HOSTS_MAX);
	struct span line;
	int r = 0;

	while (r == 0 && span_line(&text, &line))
		r = add_line(m, line, &key);
	buf_free(&key);
	return r < 0 ? r : cdbfile_finish(m);
}

static void
compile(struct span text)
{
	struct cdbmake *m = NULL;
	int r = cdbfile_make(NAME ".tmp", &m);

	if (r == 0)
		r = add_all(m, text);
	if (r < 0) {
		cdbfile_discard(&m);
		prog_die(EX_SOFT, "unable to write to " NAME ".tmp", r);
	}
	r = cdbfile_publish(m, NAME ".cdb");
	cdbfile_discard(&m);
	if (r < 0)
		prog_die(
		    EX_SOFT, "unable to move " NAME ".tmp to " NAME ".cdb", r);
}

int
main(void)
{
	struct buf text = BUF_INIT(HOSTS_MAX);
	int r;

	prog_start("qmail-newmrh");
	r = home_enter();
	if (r < 0)
		prog_die_file(EX_SOFT, "unable to chdir to", home_path(), r);
	r = file_read(FILE_CWD, NAME, &text);
	if (r < 0)
		prog_die(EX_SOFT, "unable to read " NAME, r);
	compile(buf_span(&text));
	buf_free(&text);
	return 0;
}

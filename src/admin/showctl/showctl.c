/*
 * qmail-showctl - say what the control files make of this system
 *
 * Run by:   the operator
 * Runs as:  anybody who may read control/
 * Input:    the control files, the names of all files in control/
 * Trusts:   nothing in them: what is shown is made printable
 * Output:   a report on descriptor 1, also what prevents it
 * Exits:    0 done, 111 it could not be done
 */
#include <stdlib.h>
#include <sys/stat.h>

#include "base/err.h"
#include "conf/control.h"
#include "queue/job.h"
#include "queue/store.h"
#include "rows.h"
#include "sys/fd.h"
#include "sys/file.h"
#include "sys/home.h"
#include "sys/priv.h"
#include "sys/prog.h"

static const char *const users[] = { "alias", "qmaild", "qmaill", "root",
	"qmailp", "qmailq", "qmailr", "qmails" };
static const char *const groups[] = { "nofiles", "qmail" };

enum {
	OUT_LIMIT = 1024 * 1024,
	USERS = sizeof(users) / sizeof(*users),
	GROUPS = sizeof(groups) / sizeof(*groups)
};

static void
put_number(struct out *out, uintmax_t n)
{
	struct buf b = BUF_INIT(64);

	buf_putu(&b, n);
	if (buf_err(&b) == 0)
		out_put(out, buf_span(&b));
	buf_free(&b);
}

/* One of a list; r: whether it is known. */
static void
put_id(struct out *out, bool is_first, int r, uintmax_t id)
{
	out_puts(out, is_first ? ": " : ", ");
	if (r == 0)
		put_number(out, id);
	else
		out_puts(out, "none");
}

/* In a home that is not root's its owner plays all parts. */
static void
put_ids(struct out *out)
{
	struct stat st = { .st_uid = 0 };
	bool has_owner = stat(home_path(), &st) == 0 && st.st_uid != 0;
	uid_t uid = st.st_uid;
	gid_t gid = st.st_gid;
	int r = 0;

	out_puts(out, "user ids");
	for (size_t i = 0; i < USERS; i++) {
		if (!has_owner)
			r = priv_user(users[i], &uid, &gid);
		put_id(out, i == 0, r, uid);
	}
	out_puts(out, ".\ngroup ids");
	for (size_t i = 0; i < GROUPS; i++) {
		if (!has_owner)
			r = priv_group(groups[i], &gid);
		put_id(out, i == 0, r, gid);
	}
	out_puts(out, ".\n");
}

static void
put_head(struct out *out)
{
	out_puts(out, "qmail home directory: ");
	rows_put_safe(out, span_cstr(home_path()));
	out_puts(out, ".\n"
		      "user-ext delimiter: -.\n"
		      "paternalism (in decimal): 2.\n"
		      "silent concurrency limit: ");
	put_number(out, JOBS_MAX);
	out_puts(out, ".\n"
		      "subdirectory split: ");
	put_number(out, STORE_SPLIT);
	out_puts(out, ".\n");
	put_ids(out);
}

static void
put_oops(struct out *out, const char *what, const char *which, int r)
{
	out_puts(out, "Oops! ");
	out_puts(out, what);
	rows_put_safe(out, span_cstr(which));
	out_puts(out, ": ");
	out_puts(out, err_text(r));
	out_puts(out, ".\n");
}

static int
put_other_file(void *ctx, const char *name)
{
	struct out *out = ctx;

	if (rows_know(name))
		return 0;
	out_puts(out, "\n");
	rows_put_safe(out, span_cstr(name));
	out_puts(out, ": I have no idea what this file does.\n");
	return 0;
}

/* What all depends on; the report then goes on, whatever is unreadable. */
static int
open_all(struct out *out, struct rows *rows)
{
	int fd = -1;
	int r = home_enter();

	if (r < 0) {
		put_oops(out, "Unable to chdir to ", home_path(), r);
		return r;
	}
	r = file_open_dir(FILE_CWD, "control", &fd);
	fd_close(&fd);
	if (r < 0) {
		put_oops(out, "Unable to open directory ", "control", r);
		return r;
	}
	r = control_line("me", &rows->me);
	rows->has_me = r == 0;
	if (r < 0 && r != E_ABSENT) {
		put_oops(out, "Trouble reading ", "control/me", r);
		return r;
	}
	return 0;
}

int
main(void)
{
	struct out out = OUT_INIT(1, FD_FOREVER, OUT_LIMIT);
	struct rows rows = { .out = &out,
		.me = BUF_INIT(CONTROL_MAX),
		.value = BUF_INIT(CONTROL_MAX) };
	int r;

	prog_start("qmail-showctl");
	put_head(&out);
	r = open_all(&out, &rows);
	if (r == 0) {
		rows_show(&rows);
		r = file_each(FILE_CWD, "control", put_other_file, &out);
	}
	if (out_flush(&out) < 0)
		r = out.err;
	buf_free(&rows.value);
	buf_free(&rows.me);
	out_free(&out);
	return r < 0 ? EX_SOFT : 0;
}

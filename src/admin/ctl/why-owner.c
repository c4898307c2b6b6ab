/*
 * why-owner - whose is a local part? See why-private.h
 *
 * users/cdb is root's; qmail-getpw is run as qmail-lsched does it.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/ascii.h"
#include "base/err.h"
#include "base/mem.h"
#include "capture.h"
#include "conf/cdb.h"
#include "conf/control.h"
#include "say.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/file.h"
#include "sys/priv.h"
#include "sys/prog.h"
#include "why-private.h"

enum { ASSIGN_MAX = 1024 * 1024 * 1024 };

static void
put_account(struct why *w, json_t *doc, const struct account *a)
{
	json_t *account;

	if (!w->is_json)
		return;
	account = doc_object();
	doc_text(account, "user", a->user);
	doc_number(account, "uid", a->uid);
	doc_number(account, "gid", a->gid);
	doc_text(account, "home", a->home);
	doc_text(account, "dash", a->dash);
	doc_text(account, "ext", a->ext);
	doc_put(doc, "account", account);
}

/* "... the account joe (uid 1000, gid 100), home /home/joe, extension x" */
static void
tell_account(struct why *w, const char *step, const char *file, size_t line,
    struct span how, const struct account *a)
{
	char uid[NUMBER_MAX], gid[NUMBER_MAX];

	put_account(w,
	    why_step(w, step, file, line,
		WHY(how, SPAN("the account "), a->user, SPAN(" (uid "),
		    span_cstr(say_number(a->uid, uid)), SPAN(", gid "),
		    span_cstr(say_number(a->gid, gid)), SPAN("), home "),
		    a->home, a->dash.len > 0 ? SPAN(", extension ") : SPAN(""),
		    a->dash.len > 0 ? a->ext : SPAN(""))),
	    a);
}

/* --- users/cdb, and the line of users/assign behind it --- */

struct search {
	struct span key;
	struct account found; /* its ext is in value */
	struct buf value;
};

static int
compare(void *ctx, struct span key, struct span value)
{
	struct search *s = ctx;

	if (!span_eq(key, s->key))
		return 0;
	buf_put(&s->value, value);
	if (buf_err(&s->value) < 0)
		return buf_err(&s->value);
	/* the first one counts: stop there */
	return account_parse(buf_span(&s->value), &s->found) < 0 ? E_SYNTAX
								 : E_EOF;
}

/* Whether the assignment is the one that was found in users/cdb. */
static bool
is_same(const struct account *a, const struct account *b)
{
	return a->uid == b->uid && a->gid == b->gid &&
	       span_eq(a->user, b->user) && span_eq(a->home, b->home) &&
	       span_eq(a->dash, b->dash) && span_starts(b->ext, a->ext);
}

/* The line of users/assign that a comes from; 0: it is not there. */
static size_t
assign_line(struct span local, const struct account *a)
{
	struct buf text = BUF_INIT(ASSIGN_MAX), key = BUF_INIT(WHY_TEXT_MAX);
	struct search s = { .value = BUF_INIT(WHY_TEXT_MAX) };
	size_t line = 0;
	int r = file_read(FILE_CWD, "users/assign", &text);

	buf_putc(&key, '!');
	for (size_t i = 0; i < a->matched; i++)
		buf_putc(&key, ascii_lower((unsigned char)local.p[i]));
	if (a->is_exact)
		buf_putc(&key, '\0');
	if (r == 0)
		r = buf_err(&key);
	if (r == 0) {
		s.key = buf_span(&key);
		r = assign_compile(buf_span(&text), compare, &s, &line);
	}
	if (r != E_EOF || !is_same(&s.found, a))
		line = 0;
	buf_free(&text);
	buf_free(&key);
	buf_free(&s.value);
	return line;
}

static void
tell_assigned(struct why *w, struct span local, const struct account *a)
{
	size_t line = assign_line(local, a);
	struct span how = a->is_exact ? SPAN("exactly this is assigned to ")
				      : SPAN("a wildcard: it belongs to ");

	tell_account(w, "users/cdb", line > 0 ? "users/assign" : "users/cdb",
	    line, how, a);
	if (line == 0)
		(void)why_step(w, "warning", "users/assign", 0,
		    WHY(SPAN("does not say what users/cdb says, which counts: "
			     "run qmail-newu")));
}

static void
try_open(void *ctx, int out)
{
	int fd = -1;
	int r = file_open_read(FILE_CWD, "users/cdb", &fd);

	(void)ctx;
	fd_close(&fd);
	if (fd_write(out, (struct span){ (const char *)&r, sizeof(r) },
		clock_ms() + WHY_MS) < 0)
		_exit(EX_SOFT);
}

/* Whether qmail-lsched, which is not root, can open users/cdb. */
static int
check_open(const struct why *w)
{
	struct buf out = BUF_INIT(WHY_TEXT_MAX);
	struct proc_id as;
	struct capture c = { .fn = try_open, .as = &as, .out = &out };
	int r;

	if (!w->is_system || !priv_is_root())
		return 0;
	as.uid = priv_need_user("qmailp");
	as.gid = priv_need_group("qmail");
	r = capture(&c);
	if (r == 0 && out.len == sizeof(r))
		memcpy(&r, buf_span(&out).p, sizeof(r));
	buf_free(&out);
	return r;
}

/* users/cdb is there, but cannot be read, or makes no sense. */
static void
end_unread(struct why *w, int r)
{
	if (err_is(r, EACCES) && w->is_system && !priv_is_root())
		why_end(w, "unknown",
		    WHY(SPAN("unknown: users/cdb may be read by root")));
	else
		why_end(w, "deferred",
		    WHY(SPAN("deferred: Trouble reading users/cdb in "
			     "qmail-lspawn: "),
			span_cstr(err_text(r))));
}

/* Whether users/cdb decided; if it cannot be used, that is the end: *r. */
static bool
find_assigned(struct why *w, struct span local, struct buf *ext,
    struct cdbfile **cdb, struct account *a, int *r)
{
	*r = cdbfile_open("users/cdb", cdb);
	if (*r == E_ABSENT) {
		(void)why_step(w, "users/cdb", "users/cdb", 0,
		    WHY(SPAN("there is none: accounts decide")));
		return false;
	}
	if (*r == 0)
		*r = check_open(w);
	if (*r == 0)
		*r = assign_find(*cdb, local, ext, a);
	if (*r == E_ABSENT) {
		(void)why_step(w, "users/cdb", "users/cdb", 0,
		    WHY(SPAN("nothing is assigned: accounts decide")));
		return false;
	}
	if (*r == 0)
		tell_assigned(w, local, a);
	else
		end_unread(w, *r);
	return true;
}

/* --- qmail-getpw --- */

/* qmail-getpw's exit codes, in the words of the log. */
static struct span
meaning(int code)
{
	switch (code) {
	case 115:
		return SPAN("NFS failure in qmail-local.");
	case 116:
		return SPAN("Unable to find alias user!");
	case 118:
		return SPAN("Temporary failure in qmail-lspawn.");
	case 119:
		return SPAN("Out of memory in qmail-lspawn.");
	default:
		return SPAN("Unable to run qmail-getpw.");
	}
}

/* Its record of local in *text. The code it exits with, or -1. */
static int
ask_getpw(const struct why *w, const char *local, struct buf *text)
{
	const char *const argv[] = { "bin/qmail-getpw", local, NULL };
	struct proc_id as = { .uid = 0 };
	struct capture c = { .argv = argv, .out = text };

	if (w->is_system && priv_is_root()) {
		as.uid = priv_need_user("qmailp");
		as.gid = priv_need_group("nofiles");
		c.as = &as;
	}
	return capture(&c) == 0 && c.end.how == PROC_EXITED ? c.end.value : -1;
}

static bool
find_account(
    struct why *w, struct span local, struct buf *text, struct account *a)
{
	char *name = mem_cstr(local);
	int code = name == NULL ? -1 : ask_getpw(w, name, text);

	mem_free(name);
	if (code == 0 && buf_err(text) == 0 &&
	    account_parse(buf_span(text), a) == 0) {
		tell_account(w, "getpw", "bin/qmail-getpw", 0,
		    SPAN("it belongs to "), a);
		return true;
	}
	(void)why_step(w, "getpw", "bin/qmail-getpw", 0,
	    WHY(SPAN("cannot say whose it is")));
	why_end(w, "deferred", WHY(SPAN("deferred: "), meaning(code)));
	return false;
}

/* --- may it be? --- */

static bool
is_deliverable(struct why *w, const struct account *a)
{
	char uid[NUMBER_MAX];

	if (a->uid == 0 || (w->is_system && a->gid == 0)) {
		why_end(w, "deferred",
		    WHY(SPAN("deferred: Not allowed to perform deliveries as "
			     "root.")));
		return false;
	}
	if (w->is_system || a->uid == w->owner)
		return true;
	why_end(w, "deferred",
	    WHY(SPAN("deferred: qmail-lspawn is not root and cannot deliver "
		     "as uid "),
		span_cstr(say_number(a->uid, uid)), SPAN(".")));
	return false;
}

/* Strings of users/cdb die with it: a copy, each behind the one before. */
static bool
keep(struct account *a, struct buf *text)
{
	struct buf copy = BUF_INIT(WHY_TEXT_MAX);
	bool is_kept;

	account_put(&copy, a);
	is_kept = buf_err(&copy) == 0;
	buf_free(text);
	*text = copy;
	return is_kept && account_parse(buf_span(text), a) == 0;
}

bool
why_owner(struct why *w, struct span local, struct buf *text, struct account *a)
{
	struct buf ext = BUF_INIT(WHY_TEXT_MAX);
	struct cdbfile *cdb = NULL;
	bool is_found;
	int r;

	if (find_assigned(w, local, &ext, &cdb, a, &r))
		is_found = r == 0 && keep(a, text);
	else
		is_found = find_account(w, local, text, a);
	cdbfile_close(&cdb);
	buf_free(&ext);
	return is_found && is_deliverable(w, a);
}

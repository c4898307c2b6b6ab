/*
 * qmail-pw2u - make users/assign of an account database
 *
 * Run by:   the operator, whose shell writes users/assign
 * Runs as:  root, or who can see the homes of all users
 * Input:    lines of passwd(5) on descriptor 0; the files users/include,
 *           exclude, mailnames, subusers and append
 * Trusts:   all of them, which only root writes
 * Output:   assignments on descriptor 1. A last line that is a dot is
 *           there only if all is well: without it qmail-newu refuses them
 * Exits:    0 done, 100 misused, 111 the assignments are not complete
 */
#include "accounts.h"
#include "base/err.h"
#include "conf/control.h"
#include "sys/fd.h"
#include "sys/file.h"
#include "sys/home.h"
#include "sys/prog.h"

enum {
	PASSWD_MAX = 1024 * 1024 * 1024,
	OUT_LIMIT = 1024 * 1024,
	NAME_LIMIT = 64 * 1024
};

static void
read_options(struct pw2u *s, int argc, char **argv)
{
	struct prog_opt o = PROG_OPT(argc, argv);
	int letter;

	while ((letter = prog_opt_next(&o, "/ohHuUCc:")) != -1)
		switch (letter) {
		case '/':
			s->dash = SPAN("-/");
			break;
		case 'o':
			s->home = HOME_SKIP;
			break;
		case 'h':
			s->home = HOME_MUST;
			break;
		case 'H':
			s->home = HOME_ANY;
			break;
		case 'u':
			s->takes_upper = true;
			break;
		case 'U':
			s->takes_upper = false;
			break;
		case 'C':
			s->has_extensions = false;
			break;
		case 'c':
			s->break_char = o.arg[0];
			break;
		default:
			prog_usage("qmail-pw2u [ -/ohHuUC ] [ -c char ]");
		}
}

/* r: what reading one of the files gave. That it is not there is fine. */
static void
need(int r)
{
	if (r == E_NOMEM)
		prog_die(EX_SOFT, "out of memory", 0);
	if (r < 0 && r != E_ABSENT)
		prog_die(EX_SOFT, "unable to read controls", r);
}

static void
read_files(struct pw2u *s)
{
	int r = home_enter();

	if (r < 0)
		prog_die(EX_SOFT, "unable to chdir", r);
	need(control_set("users/include", &s->include));
	need(control_set("users/exclude", &s->exclude));
	need(control_table("users/mailnames", &s->mailnames));
	need(file_read(FILE_CWD, "users/subusers", &s->subusers));
	need(file_read(FILE_CWD, "users/append", &s->append));
	r = fd_read_all(0, &s->passwd);
	if (r == E_NOMEM)
		prog_die(EX_SOFT, "out of memory", 0);
	if (r < 0)
		prog_die(EX_SOFT, "unable to read input", r);
}

/* "WHAT NAME REST", and the end. */
static void NORETURN
die_name(const char *what, struct span name, const char *rest)
{
	struct buf words = BUF_INIT(NAME_LIMIT);
	const char *text;

	buf_puts(&words, what);
	buf_put(&words, name);
	buf_puts(&words, rest);
	if (buf_cstr(&words, &text) < 0)
		text = what;
	prog_die(EX_SOFT, text, 0);
}

static void
assign_account(struct pw2u *s, const struct passwd_line *p)
{
	int r = accounts_check_home(s, p);

	if (r == E_ABSENT)
		return;
	if (r < 0 && r != E_NOMEM)
		die_name("unable to stat ", p->home, "");
	if (r == 0)
		r = accounts_assign(s, p);
	if (r < 0)
		prog_die(EX_SOFT, "out of memory", 0);
}

static void
assign_accounts(struct pw2u *s)
{
	struct span rest = buf_span(&s->passwd), line;
	struct passwd_line p;

	while (span_line(&rest, &line))
		if (accounts_parse(line, &p) == 0 && accounts_wants(s, &p))
			assign_account(s, &p);
	if (!s->has_alias)
		prog_die(EX_SOFT, "unable to find alias user", 0);
}

static void
assign_subusers(struct pw2u *s)
{
	struct span rest = buf_span(&s->subusers), line, user;

	while (span_line(&rest, &line))
		if (accounts_subuser(s, line, &user) == E_ABSENT)
			die_name("unable to find ", user, " user for subuser");
}

/* What the operator wants besides, and the dot that ends it all. */
static void
put_end(struct pw2u *s)
{
	struct span append = buf_span(&s->append);
	int r;

	out_put(&s->out, append);
	if (append.len > 0 && !span_ends(append, SPAN("\n")))
		out_puts(&s->out, "\n");
	out_puts(&s->out, ".\n");
	r = out_flush(&s->out);
	if (r < 0)
		prog_die(EX_SOFT, "unable to write output", r);
}

int
main(int argc, char **argv)
{
	struct pw2u s = { .home = HOME_SKIP,
		.has_extensions = true,
		.break_char = '-',
		.dash = SPAN("-"),
		.accepted = map_new(),
		.passwd = BUF_INIT(PASSWD_MAX),
		.subusers = BUF_INIT(CONTROL_MAX),
		.append = BUF_INIT(PASSWD_MAX),
		.out = OUT_INIT(1, FD_FOREVER, OUT_LIMIT) };

	prog_start("qmail-pw2u");
	read_options(&s, argc, argv);
	if (s.accepted == NULL)
		prog_die(EX_SOFT, "out of memory", 0);
	read_files(&s);
	assign_accounts(&s);
	assign_subusers(&s);
	put_end(&s);
	accounts_free(&s);
	return 0;
}

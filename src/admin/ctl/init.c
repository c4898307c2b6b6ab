/*
 * init - make a home directory: see init.h
 */
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ascii.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/num.h"
#include "conf/control.h"
#include "place.h"
#include "queue/store.h"
#include "say.h"
#include "sys/env.h"
#include "sys/fd.h"
#include "sys/file.h"
#include "sys/home.h"
#include "sys/priv.h"
#include "sys/prog.h"

enum {
	HOST_MAX = 255, /* RFC 5321 4.5.3.1.2 */
	PATH_LIMIT = 4096,
	FILE_MODE = 0644,
	HOME_MODE = 0755,
	FOUND = 1,     /* what a walk ended with: no error, not the end */
	SHARED = 01020 /* sticky, for the group: without accounts, no use */
};

/* Contract local.md 5.2. */
struct folder {
	const char *name;
	const char *owner; /* NULL: root */
	mode_t mode;
};

static const struct folder folders[] = {
	{ "alias", "alias", 02755 },
	{ "bin", NULL, 0755 },
	{ "boot", NULL, 0755 },
	{ "control", NULL, 0755 },
	{ "doc", NULL, 0755 },
	{ "log", NULL, 0755 },
	{ "man", NULL, 0755 },
	/* root and qmails make sockets here, and cannot touch another's */
	{ "run", NULL, 01775 },
	{ "supervise", NULL, 0755 },
	{ "users", NULL, 0755 },
};

enum { FOLDERS = sizeof(folders) / sizeof(*folders) };

static void
check_host(const char *me)
{
	size_t n = strlen(me);
	bool is_good = n > 0 && n <= HOST_MAX && me[0] != '.' && me[0] != '-' &&
		       me[n - 1] != '.';

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)me[i];

		is_good = is_good && (ascii_is_alnum(c) || c == '.' ||
					 c == '-' || c == '_');
		is_good = is_good && !(c == '.' && me[i + 1] == '.');
	}
	if (!is_good)
		say_die(EX_HARD, PARTS("no name of a host: ", me), 0);
}

static bool
is_ours(const char *name)
{
	if (strcmp(name, "queue") == 0)
		return true;
	for (size_t i = 0; i < FOLDERS; i++)
		if (strcmp(name, folders[i].name) == 0)
			return true;
	return false;
}

/* Refuse the first thing a home does not have. */
static int
refuse_foreign(void *ctx, const char *name)
{
	const char *dir = ctx;

	if (!is_ours(name))
		say_die(EX_HARD,
		    PARTS(dir, " is neither empty nor a home: it has ", name),
		    0);
	return 0;
}

static int
is_something(void *ctx, const char *name)
{
	(void)ctx;
	(void)name;
	return FOUND;
}

static bool
is_empty(const char *dir)
{
	return file_each(FILE_CWD, dir, is_something, NULL) == 0;
}

/*
 * Root, and not all accounts of qmail exist: whose the home shall be. The
 * user behind sudo, or nobody.
 */
static void
choose_user(struct place *p)
{
	const char *sudo = env_get("SUDO_UID");
	uint64_t uid;

	p->must_drop = true;
	if (sudo != NULL &&
	    num_parse(span_cstr(sudo), UINT32_MAX - 1, &uid) == 0 && uid != 0 &&
	    place_group_of((uid_t)uid, &p->gid) == 0) {
		p->uid = (uid_t)uid;
		return;
	}
	if (priv_user("nobody", &p->uid, &p->gid) < 0)
		prog_die(
		    EX_HARD, "neither qmail's accounts nor nobody exist", 0);
}

/*
 * Make the home itself and enter it. Root gives it away here, and only if
 * it is new or empty; all else is then done as its owner.
 */
static void
make_home(const char *dir)
{
	struct place p = { .must_drop = false };
	int fd = -1;
	int r = file_mkdir(FILE_CWD, dir, HOME_MODE);
	struct stat st;

	if (r < 0 && r != E_BUSY)
		say_die(prog_code(r), PARTS("unable to create ", dir), r);
	if (!priv_is_root()) {
		place_enter(dir, &p);
		return;
	}
	r = file_open(FILE_CWD, dir, O_RDONLY | O_DIRECTORY, 0, &fd);
	if (r == 0 && fstat(fd, &st) < 0)
		r = err_sys();
	if (r == 0 && st.st_uid == 0 && place_missing_account() != NULL &&
	    is_empty(dir)) {
		choose_user(&p);
		fd_close(&fd);
		/* never through a link somebody planted */
		r = file_open(
		    FILE_CWD, dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &fd);
		if (r == 0 &&
		    (fchown(fd, p.uid, p.gid) < 0 || fchmod(fd, HOME_MODE) < 0))
			r = err_sys();
	}
	fd_close(&fd);
	if (r < 0)
		say_die(prog_code(r), PARTS("unable to prepare ", dir), r);
	place_enter(dir, &p);
	place_drop(&p);
}

/* A home has control/me; anything else must be empty, or begun by us. */
static void
check_content(const char *dir, const char *me)
{
	struct buf old = BUF_INIT(CONTROL_MAX);
	const char *text;
	int r = control_line("me", &old);

	if (r == E_ABSENT)
		r = file_each(
		    FILE_CWD, ".", refuse_foreign, (void *)(uintptr_t)dir);
	else if (r == 0)
		r = buf_cstr(&old, &text);
	if (r < 0)
		say_die(prog_code(r), PARTS("unable to read ", dir), r);
	if (old.len > 0 && strcmp(text, me) != 0)
		say_die(EX_HARD,
		    PARTS(dir, " is a home already: control/me says ", text),
		    0);
	buf_free(&old);
}

static int
own_folder(const struct folder *f)
{
	uid_t uid = 0;
	gid_t gid;
	int r = f->owner != NULL ? priv_user(f->owner, &uid, &gid) : 0;

	if (r == 0)
		r = priv_group("qmail", &gid);
	if (r == 0 && chown(f->name, uid, gid) < 0)
		r = err_sys();
	/* chown may take set-gid away */
	if (r == 0 && chmod(f->name, f->mode) < 0)
		r = err_sys();
	return r;
}

static void
make_folders(void)
{
	for (size_t i = 0; i < FOLDERS; i++) {
		const struct folder *f = &folders[i];
		mode_t mode =
		    priv_is_root() ? f->mode : f->mode & ~(mode_t)SHARED;
		int r = file_mkdir(FILE_CWD, f->name, mode);

		if (r == E_BUSY)
			continue;
		if (r == 0 && priv_is_root())
			r = own_folder(f);
		if (r < 0)
			say_die(
			    EX_SOFT, PARTS("unable to create ", f->name), r);
	}
}

/* Write a control file, unless there is one. */
static void
put_control(const char *name, struct span text)
{
	struct buf path = BUF_INIT(PATH_LIMIT), line = BUF_INIT(PATH_LIMIT);
	struct file_stamp stamp;
	const char *p;
	int r;

	buf_puts(&path, "control/");
	buf_puts(&path, name);
	buf_put(&line, text);
	buf_putc(&line, '\n');
	r = buf_cstr(&path, &p);
	if (r == 0)
		r = file_stamp(FILE_CWD, p, &stamp);
	if (r == 0 && stamp.ino == 0)
		r = file_publish(FILE_CWD, p, buf_span(&line), FILE_MODE);
	if (r < 0)
		say_die(EX_SOFT, PARTS("unable to write control/", name), r);
	buf_free(&path);
	buf_free(&line);
}

/* What is behind the first dot, when there are two or more. */
static struct span
parent_domain(struct span host)
{
	size_t first = span_find(host, '.');

	return first < span_rfind(host, '.') ? span_tail(host, first + 1)
					     : host;
}

/* The last two labels. */
static struct span
short_domain(struct span host)
{
	size_t last = span_rfind(host, '.');
	size_t before;

	if (last == host.len)
		return host;
	before = span_rfind(span_head(host, last), '.');
	return before < last ? span_tail(host, before + 1) : host;
}

/* As config-fast does (contract local.md 4.4). me is last: with it the home
 * is complete. */
static void
make_controls(struct span me)
{
	put_control("defaultdomain", parent_domain(me));
	put_control("plusdomain", short_domain(me));
	put_control("locals", me);
	put_control("rcpthosts", me);
	put_control("defaultdelivery", SPAN("./Maildir/"));
	put_control("me", me);
}

static int
link_program(void *ctx, const char *name)
{
	const struct buf *dir = ctx;
	struct buf from = BUF_INIT(PATH_LIMIT), to = BUF_INIT(PATH_LIMIT);
	const char *source, *target;
	struct stat st;
	int r;

	buf_put(&from, buf_span(dir));
	buf_putc(&from, '/');
	buf_puts(&from, name);
	buf_puts(&to, "bin/");
	buf_puts(&to, name);
	r = buf_cstr(&from, &source);
	if (r == 0)
		r = buf_cstr(&to, &target);
	if (r == 0 && stat(source, &st) == 0 && S_ISREG(st.st_mode) &&
	    (st.st_mode & S_IXUSR) != 0 && symlink(source, target) < 0 &&
	    errno != EEXIST)
		r = err_sys();
	if (r < 0)
		say_die(EX_SOFT, PARTS("unable to create bin/", name), r);
	buf_free(&from);
	buf_free(&to);
	return 0;
}

static bool
is_same(const struct file_stamp *a, const struct file_stamp *b)
{
	return a->ino != 0 && a->dev == b->dev && a->ino == b->ino;
}

/*
 * The folder of the programs: that of this one. Where that is a folder of
 * the system's, with much else in it, the installed home has one of its own.
 */
static int
find_programs(struct buf *dir)
{
	static const char installed[] = QH "/bin/qmailctl";
	struct file_stamp self, other;
	char path[PATH_LIMIT];
	struct span exe = { path, 0 };
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path));
	int r = n < 0 ? err_sys() : 0;

	if (r == 0)
		r = file_stamp(FILE_CWD, "/proc/self/exe", &self);
	if (r == 0)
		r = file_stamp(FILE_CWD, installed, &other);
	if (r < 0)
		return r;
	exe.len = (size_t)n;
	if (is_same(&other, &self))
		exe = span_cstr(installed);
	buf_put(dir, span_head(exe, span_rfind(exe, '/')));
	return 0;
}

/* Link bin/ to the programs, unless that is where they are. */
static void
link_programs(void)
{
	struct buf dir = BUF_INIT(PATH_LIMIT);
	struct file_stamp here, there;
	const char *path;
	int r = find_programs(&dir);

	if (r == 0)
		r = buf_cstr(&dir, &path);
	if (r == 0)
		r = file_stamp(FILE_CWD, path, &there);
	if (r == 0)
		r = file_stamp(FILE_CWD, "bin", &here);
	if (r == 0 && !is_same(&here, &there))
		r = file_each(FILE_CWD, path, link_program, &dir);
	if (r < 0)
		prog_die(EX_SOFT, "unable to link the programs to bin/", r);
	buf_free(&dir);
}

int
init_home(const char *dir, const char *me)
{
	char user[PLACE_USER_MAX];
	int r;

	check_host(me);
	(void)umask(022);
	if (dir == NULL)
		dir = home_path();
	make_home(dir);
	check_content(dir, me);
	make_folders();
	link_programs();
	r = store_make();
	if (r < 0)
		prog_die(EX_SOFT, "unable to make the queue", r);
	make_controls(span_cstr(me));
	place_user_name(geteuid(), user);
	if (priv_is_root())
		say(PARTS(home_path(), " is a home for ", me,
		    "; it runs as root and qmail's accounts"));
	else
		say(PARTS(home_path(), " is a home for ", me,
		    "; all of it runs as ", user));
	return 0;
}

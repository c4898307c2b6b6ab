/*
 * owner - who owns a local part: see owner.h
 */
#include "owner.h"

#include <errno.h>
#include <pwd.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ascii.h"
#include "base/err.h"
#include "base/mem.h"
#include "conf/assign.h"
#include "sys/home.h"

enum {
	USER_MAX = 31, /* longest account name looked for */
	PATH_LIMIT = 4096,
	ENTRY_FIRST = 4096,
	ENTRY_MAX = 1024 * 1024 /* bytes of one passwd entry */
};

static const char break_char = '-';

/* One passwd entry: strings live in text. */
struct entry {
	struct passwd pw;
	char *text;
	size_t size;
};

/* Room for an entry, more at each call: 0, E_TOOBIG or E_NOMEM. */
static int
more_room(struct entry *e)
{
	size_t size = e->size == 0 ? ENTRY_FIRST : e->size * 4;
	char *text;

	if (size > ENTRY_MAX)
		return E_TOOBIG;
	text = mem_resize(e->text, size, 1);
	if (text == NULL)
		return E_NOMEM;
	e->text = text;
	e->size = size;
	return 0;
}

/* What a failed question means: some answer that way for "no such name". */
static int
lookup_error(int errnum)
{
	switch (errnum) {
	case 0:
	case ENOENT:
	case ESRCH:
	case EBADF:
	case EPERM:
		return E_ABSENT;
	default:
		return err_of(errnum);
	}
}

/* Ask for a name, or for a uid when name is NULL. E_ABSENT; any other
 * failure says that the accounts cannot be looked at. */
static int
look_up(struct entry *e, const char *name, uid_t uid)
{
	int r = e->size == 0 ? more_room(e) : 0;

	while (r == 0) {
		struct passwd *found = NULL;
		int errnum =
		    name != NULL
			? getpwnam_r(name, &e->pw, e->text, e->size, &found)
			: getpwuid_r(uid, &e->pw, e->text, e->size, &found);

		if (found != NULL)
			return 0;
		if (errnum != ERANGE)
			return lookup_error(errnum);
		r = more_room(e);
	}
	return r;
}

static enum owner_code
code_of(int r)
{
	return r == E_NOMEM ? OWNER_NOMEM : OWNER_LATER;
}

static enum owner_code
put_record(
    struct buf *b, const struct passwd *pw, const char *dash, struct span ext)
{
	struct account a = { .user = span_cstr(pw->pw_name),
		.uid = pw->pw_uid,
		.gid = pw->pw_gid,
		.home = span_cstr(pw->pw_dir),
		.dash = span_cstr(dash),
		.ext = ext };

	buf_reset(b);
	account_put(b, &a);
	return buf_err(b) == 0 ? OWNER_FOUND : OWNER_NOMEM;
}

/*
 * Whether the account may get mail: not root, and its home is there and its
 * own. A home on a server that is away is a reason to wait.
 */
static enum owner_code
check_home(const struct passwd *pw, bool *is_good)
{
	struct stat st;

	*is_good = false;
	if (pw->pw_uid == 0)
		return OWNER_FOUND;
	if (stat(pw->pw_dir, &st) == 0)
		*is_good = st.st_uid == pw->pw_uid;
	else if (err_class(err_sys()) == ERR_TEMP)
		return OWNER_NFS;
	return OWNER_FOUND;
}

/* The account with this name in lower case, if it may get mail. */
static enum owner_code
try_name(struct entry *e, struct span name, bool *is_good)
{
	char lower[USER_MAX + 1];
	int r;

	*is_good = false;
	if (name.len == 0 || name.len > USER_MAX ||
	    span_find(name, '\0') < name.len)
		return OWNER_FOUND;
	for (size_t i = 0; i < name.len; i++)
		lower[i] = ascii_lower((unsigned char)name.p[i]);
	lower[name.len] = '\0';

	r = look_up(e, lower, 0);
	if (r == E_ABSENT)
		return OWNER_FOUND;
	return r < 0 ? code_of(r) : check_home(&e->pw, is_good);
}

/* Nobody's: alias gets it. */
static enum owner_code
give_to_alias(struct entry *e, struct span local, struct buf *record)
{
	int r = look_up(e, "alias", 0);

	if (r == E_ABSENT)
		return OWNER_NOALIAS;
	if (r < 0)
		return code_of(r);
	return put_record(record, &e->pw, "-", local);
}

/* The longest name first: all of local, then what is before each break. */
static enum owner_code
find_in_system(struct entry *e, struct span local, struct buf *record)
{
	struct span name = local;

	for (;;) {
		bool is_good;
		enum owner_code code = try_name(e, name, &is_good);
		size_t at;

		if (code != OWNER_FOUND)
			return code;
		if (is_good && name.len == local.len)
			return put_record(record, &e->pw, "", SPAN(""));
		if (is_good)
			return put_record(record, &e->pw, "-",
			    span_tail(local, name.len + 1));
		at = span_rfind(name, break_char);
		if (at == name.len)
			return give_to_alias(e, local, record);
		name = span_head(name, at);
	}
}

/*
 * Whether this is one user's own system, where only that user can be
 * delivered to: root did not make the home directory.
 */
static bool
is_private(void)
{
	struct stat st;

	return geteuid() != 0 && stat(home_path(), &st) == 0 && st.st_uid != 0;
}

/* All mail is that of the one user who runs this system, and goes into the
 * system's alias/: never into the real home. */
static enum owner_code
find_in_private(struct entry *e, struct span local, struct buf *record)
{
	struct buf home = BUF_INIT(PATH_LIMIT), digits = BUF_INIT(PATH_LIMIT);
	struct account a = { .uid = geteuid(),
		.gid = getegid(),
		.dash = SPAN("-"),
		.ext = local };
	enum owner_code code = OWNER_NOMEM;

	buf_putu(&digits, a.uid);
	buf_puts(&home, home_path());
	buf_puts(&home, "/alias");
	if (buf_err(&digits) == 0 && buf_err(&home) == 0) {
		/* a container may have no name for us: the number will do */
		a.user = look_up(e, NULL, a.uid) == 0 ? span_cstr(e->pw.pw_name)
						      : buf_span(&digits);
		a.home = buf_span(&home);
		buf_reset(record);
		account_put(record, &a);
		code = buf_err(record) == 0 ? OWNER_FOUND : OWNER_NOMEM;
	}
	buf_free(&home);
	buf_free(&digits);
	return code;
}

enum owner_code
owner_find(struct span local, struct buf *record)
{
	struct entry e = { .text = NULL };
	enum owner_code code = is_private() ? find_in_private(&e, local, record)
					    : find_in_system(&e, local, record);

	mem_free(e.text);
	if (code != OWNER_FOUND)
		buf_reset(record);
	return code;
}

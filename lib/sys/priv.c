/*
 * priv - who this process is, and becoming less: see priv.h
 */
#include "sys/priv.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "sys/fd.h"
#include "sys/prog.h"

bool
priv_is_root(void)
{
	return geteuid() == 0;
}

/*
 * Why there was no entry. Absence has many values of errno, and they differ
 * between systems; these mean that nobody looked.
 */
static int
lookup_error(void)
{
	switch (errno) {
	case EAGAIN:
	case EINTR:
	case EIO:
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case ETXTBSY:
		return err_sys();
	default:
		return E_ABSENT;
	}
}

int
priv_user(const char *name, uid_t *uid, gid_t *gid)
{
	const struct passwd *pw;

	errno = 0;
	pw = getpwnam(name);
	if (pw == NULL)
		return lookup_error();
	*uid = pw->pw_uid;
	*gid = pw->pw_gid;
	return 0;
}

int
priv_group(const char *name, gid_t *gid)
{
	const struct group *gr;

	errno = 0;
	gr = getgrnam(name);
	if (gr == NULL)
		return lookup_error();
	*gid = gr->gr_gid;
	return 0;
}

/* Whether real, effective and saved ids are these. */
static bool
is_all(uid_t uid, gid_t gid, gid_t effective)
{
	uid_t ru, eu, su;
	gid_t rg, eg, sg;

	return getresuid(&ru, &eu, &su) == 0 && ru == uid && eu == uid &&
	       su == uid && getresgid(&rg, &eg, &sg) == 0 && rg == gid &&
	       eg == effective && sg == gid;
}

int
priv_drop_with(uid_t uid, gid_t gid, gid_t effective)
{
	if (setgroups(1, &gid) < 0 || setresgid(gid, effective, gid) < 0 ||
	    setresuid(uid, uid, uid) < 0)
		return err_sys();
	/* trust nobody: look at the result, and try to go back */
	if (!is_all(uid, gid, effective) ||
	    (uid != 0 && (setuid(0) == 0 || seteuid(0) == 0)))
		abort();
	return 0;
}

int
priv_drop(uid_t uid, gid_t gid)
{
	if (priv_is_root())
		return priv_drop_with(uid, gid, gid);
	if (setresgid(gid, gid, gid) < 0)
		return err_sys();
	return is_all(uid, gid, gid) ? 0 : err_of(EPERM);
}

/* The line people know: no program name. */
static void NORETURN
missing(const char *what, const char *name)
{
	struct buf line = BUF_INIT(1024);

	buf_puts(&line, "fatal: unable to find ");
	buf_puts(&line, what);
	buf_putc(&line, ' ');
	buf_puts(&line, name);
	buf_putc(&line, '\n');
	if (buf_err(&line) == 0)
		err_ignore(fd_write(2, buf_span(&line), FD_FOREVER));
	exit(EX_SOFT);
}

uid_t
priv_need_user(const char *name)
{
	uid_t uid = (uid_t)-1; /* nobody, until found */
	gid_t primary;

	if (priv_user(name, &uid, &primary) < 0)
		missing("user", name);
	return uid;
}

gid_t
priv_need_group(const char *name)
{
	gid_t gid = (gid_t)-1;

	if (priv_group(name, &gid) < 0)
		missing("group", name);
	return gid;
}

void
priv_become(const char *user, const char *group)
{
	uid_t uid;
	gid_t gid;
	int r;

	if (!priv_is_root())
		return;
	uid = priv_need_user(user);
	gid = priv_need_group(group);
	r = priv_drop(uid, gid);
	if (r < 0)
		prog_die_file(EX_SOFT, "unable to become", user, r);
}

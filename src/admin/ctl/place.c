/*
 * place - the home directory, and as whom to act in it: see place.h
 */
#include "place.h"

#include <pwd.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/span.h"
#include "say.h"
#include "sys/env.h"
#include "sys/home.h"
#include "sys/priv.h"
#include "sys/proc.h"
#include "sys/prog.h"

enum { PATH_LIMIT = 4096 };

static const char *const users[] = { "alias", "qmaild", "qmaill", "qmailp",
	"qmailq", "qmailr", "qmails", NULL };
static const char *const groups[] = { "qmail", "nofiles", NULL };

void
place_name(void)
{
	char path[PATH_LIMIT];
	int r = getcwd(path, sizeof(path)) == NULL ? err_sys() : 0;

	if (r == 0)
		r = env_put("QMAILHOME", span_cstr(path));
	if (r < 0)
		prog_die(EX_SOFT, "unable to name the home directory", r);
}

void
place_enter(const char *dir, struct place *p)
{
	struct stat st;
	int r;

	*p = (struct place){ .uid = geteuid(), .gid = getegid() };
	if (dir == NULL)
		dir = home_path();
	if (chdir(dir) < 0)
		say_die(EX_SOFT, PARTS("unable to enter ", dir), err_sys());
	place_name();
	if (stat(".", &st) < 0)
		say_die(EX_SOFT, PARTS("unable to look at ", dir), err_sys());
	if (!priv_is_root() || st.st_uid == 0)
		return;
	p->must_drop = true;
	p->uid = st.st_uid;
	r = place_group_of(st.st_uid, &p->gid);
	if (r < 0)
		p->gid = st.st_gid;
}

void
place_drop(const struct place *p)
{
	char name[PLACE_USER_MAX];
	int r;

	if (!p->must_drop)
		return;
	r = priv_drop(p->uid, p->gid);
	if (r < 0) {
		place_user_name(p->uid, name);
		say_die(EX_SOFT, PARTS("unable to become ", name), r);
	}
}

void
place_lower(void)
{
	priv_become("qmails", "qmail");
}

int
place_as_owner(const struct place *p, place_fn *fn, void *ctx)
{
	struct proc_end end;
	pid_t pid = fork();
	int r = pid < 0 ? err_sys() : 0;

	if (pid == 0) {
		place_drop(p);
		_exit(fn(ctx));
	}
	if (r == 0)
		r = proc_wait(pid, &end);
	if (r < 0)
		prog_die(EX_SOFT, "unable to fork", r);
	return end.how == PROC_EXITED ? end.value : EX_SOFT;
}

const char *
place_missing_account(void)
{
	uid_t uid;
	gid_t gid;

	for (size_t i = 0; users[i] != NULL; i++)
		if (priv_user(users[i], &uid, &gid) < 0)
			return users[i];
	for (size_t i = 0; groups[i] != NULL; i++)
		if (priv_group(groups[i], &gid) < 0)
			return groups[i];
	return NULL;
}

int
place_group_of(uid_t uid, gid_t *gid)
{
	const struct passwd *pw = getpwuid(uid);

	if (pw == NULL)
		return E_ABSENT;
	*gid = pw->pw_gid;
	return 0;
}

void
place_user_name(uid_t uid, char name[PLACE_USER_MAX])
{
	const struct passwd *pw = getpwuid(uid);
	size_t n = pw != NULL ? strlen(pw->pw_name) : 0;

	if (n == 0 || n >= PLACE_USER_MAX) {
		(void)say_number(uid, name);
		return;
	}
	memcpy(name, pw->pw_name, n + 1);
}

/*
 * dotfile - homes and .qmail files: see dotfile.h
 */
#include "conf/dotfile.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/err.h"
#include "sys/fd.h"
#include "sys/file.h"

enum {
	PATTERN = 02, /* nobody but owner and group may write: conf-patrn */
	OWNER_RUN = 0100
};

enum dotfile_home
dotfile_home(int *r)
{
	struct stat st;

	*r = stat(".", &st) < 0 ? err_sys() : 0;
	if (*r < 0)
		return HOME_TROUBLE;
	if ((st.st_mode & PATTERN) != 0)
		return HOME_WRITABLE;
	return (st.st_mode & S_ISVTX) != 0 ? HOME_STICKY : HOME_GOOD;
}

/* Failures that do not mean "there is no such file". */
static bool
is_trouble(int r)
{
	return err_class(r) == ERR_TEMP || err_is(r, EPERM) ||
	       err_is(r, EACCES);
}

static enum dotfile_state
judge(struct dotfile *f)
{
	struct stat st;

	if (fstat(f->fd, &st) < 0) {
		f->r = err_sys();
		return DOTFILE_TROUBLE;
	}
	if (!S_ISREG(st.st_mode))
		return DOTFILE_NOFILE;
	if ((st.st_mode & PATTERN) != 0)
		return DOTFILE_WRITABLE;
	f->forward_only = (st.st_mode & OWNER_RUN) != 0;
	return DOTFILE_GOOD;
}

void
dotfile_open(const char *name, struct dotfile *out)
{
	*out = (struct dotfile){ .fd = -1 };
	out->r = file_open_read(FILE_CWD, name, &out->fd);
	if (out->r < 0) {
		out->state =
		    is_trouble(out->r) ? DOTFILE_TROUBLE : DOTFILE_ABSENT;
		return;
	}
	out->state = judge(out);
	if (out->state != DOTFILE_GOOD)
		fd_close(&out->fd);
}

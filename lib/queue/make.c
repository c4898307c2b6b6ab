/*
 * make - an empty queue, or what is missing of one: see store.h
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "queue/store-private.h"
#include "sys/fd.h"
#include "sys/file.h"
#include "sys/priv.h"

enum { TCPTO_SIZE = 1024, IMPORT_MODE = 0750 };

const struct store_place store_places[STORE_PLACES] = {
	{ "queue", "qmailq", S_IFDIR, 0750, false },
	{ "queue/mess", "qmailq", S_IFDIR, 0750, true },
	{ "queue/todo", "qmailq", S_IFDIR, 0750, true },
	{ "queue/info", "qmails", S_IFDIR, 0750, true },
	/* qmailq sets messages aside, qmails notes */
	{ "queue/quarantine", "qmailq", S_IFDIR, 0770, false },
	{ "queue/import", "qmailq", S_IFDIR, IMPORT_MODE, false },
	{ "queue/lock", "qmailq", S_IFDIR, 0750, false },
	{ "queue/lock/sendmutex", "qmails", S_IFREG, 0600, false },
	{ "queue/lock/trigger", "qmails", S_IFIFO, 0622, false },
	{ "queue/lock/tcpto", "qmailr", S_IFREG, 0644, false },
};

/* Create path with the type of the place. E_BUSY when it exists. */
static int
create(const struct store_place *p, const char *path)
{
	int fd = -1;
	int r = 0;

	if (p->type == S_IFDIR)
		return file_mkdir(FILE_CWD, path, p->mode);
	if (p->type == S_IFIFO) {
		if (mkfifo(path, p->mode) < 0)
			r = err_sys();
		return err_is(r, EEXIST) ? E_BUSY : r;
	}
	r = file_open(
	    FILE_CWD, path, O_WRONLY | O_CREAT | O_EXCL, p->mode, &fd);
	if (r == 0 && ftruncate(fd, TCPTO_SIZE) < 0)
		r = err_sys();
	fd_close(&fd);
	return r;
}

/* Owner and mode, as the umask and a copied tree may have them wrong. */
static int
settle(const struct store_place *p, const char *path)
{
	uid_t uid;
	gid_t primary, gid;
	int r;

	if (priv_is_root()) {
		r = priv_user(p->owner, &uid, &primary);
		if (r == 0)
			r = priv_group("qmail", &gid);
		if (r < 0)
			return r;
		if (lchown(path, uid, gid) < 0)
			return err_sys();
	}
	return chmod(path, p->mode) < 0 ? err_sys() : 0;
}

static int
make_place(const struct store_place *p, const char *path)
{
	struct stat st;
	int r = create(p, path);

	if (r < 0 && r != E_BUSY)
		return r;
	if (lstat(path, &st) < 0)
		return err_sys();
	if ((st.st_mode & S_IFMT) != p->type)
		return E_SYNTAX;
	return settle(p, path);
}

/*
 * Ask the file system to spread the folders below over the disk: then
 * workers that create files at the same time do not queue for the same
 * block group. A hint: where it means nothing, nothing happens.
 */
static void
spread(const char *path)
{
	int fd = -1, flags = 0;

	if (file_open_dir(FILE_CWD, path, &fd) == 0 &&
	    ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0) {
		flags |= FS_TOPDIR_FL;
		(void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
	}
	fd_close(&fd);
}

static int
make_split(const struct store_place *p)
{
	struct buf path = BUF_INIT(64);
	const char *c;
	int r = 0;

	spread(p->path);
	for (unsigned int n = 0; r == 0 && n < STORE_SPLIT; n++) {
		buf_reset(&path);
		buf_puts(&path, p->path);
		buf_putc(&path, '/');
		buf_putu(&path, n);
		r = buf_cstr(&path, &c);
		if (r == 0)
			r = make_place(p, c);
	}
	buf_free(&path);
	return r;
}

int
store_make(void)
{
	int r = store_is_classic() ? E_BUSY : 0;

	for (size_t i = 0; r == 0 && i < STORE_PLACES; i++) {
		r = make_place(&store_places[i], store_places[i].path);
		if (r == 0 && store_places[i].is_split)
			r = make_split(&store_places[i]);
	}
	return r;
}

int
store_import(struct store *s, bool must_make, int *at)
{
	int r = file_open_dir(s->queue, "import", at);

	/* a queue that was made before there was such a folder */
	if (r != E_ABSENT || !must_make)
		return r;
	r = file_mkdir(s->queue, "import", IMPORT_MODE);
	if (r == 0 || r == E_BUSY)
		r = file_sync(s->queue);
	return r == 0 ? file_open_dir(s->queue, "import", at) : r;
}

/*
 * folder - a line "folder:MAILDIR/": the folder an address names
 *
 * Strangers choose the address. It never makes a folder, and only names
 * one that its user has made. See local.h.
 */
#include <sys/stat.h>
#include <unistd.h>

#include "base/ascii.h"
#include "base/err.h"
#include "sys/prog.h"

#include "local.h"
#include "mail/dotqmail.h"

enum { PATH_BYTES = 8192 };

/* Put the folder's path into b. Why there is no such folder. */
static int
find(struct buf *b, const char *maildir, struct span name, bool lower)
{
	struct stat st;
	const char *p;
	int r;

	buf_reset(b);
	buf_puts(b, maildir);
	buf_putc(b, '.');
	for (size_t i = 0; i < name.len; i++) {
		char c = name.p[i];

		if (lower)
			c = ascii_lower((unsigned char)c);
		buf_putc(b, c);
	}
	buf_putc(b, '/');
	r = buf_cstr(b, &p);
	if (r == 0 && stat(p, &st) < 0)
		r = err_sys();
	return r;
}

int
folder_deliver(struct delivery *d, const char *maildir)
{
	struct span path = span_cstr(maildir);
	struct span name = d->has_default ? d->deflt : d->job->ext;
	struct buf b = BUF_INIT(PATH_BYTES);
	const char *to = maildir;
	int r = 0;
	int code;

	if (dotqmail_line(path).kind != LINE_MAILDIR)
		return report_fail(d->report, EX_SOFT,
		    WORDS("Uh-oh: .qmail has a folder line without a maildir. "
			  "(#4.3.5)"));
	if (dotqmail_is_folder(name)) {
		r = find(&b, maildir, name, false);
		if (r < 0 && err_class(r) == ERR_PERM)
			r = find(&b, maildir, name, true);
		if (r == 0)
			r = buf_cstr(&b, &to);
	}
	if (r < 0 && err_class(r) == ERR_TEMP)
		code = report_fail(d->report, EX_SOFT,
		    WORDS("Temporary error on maildir delivery. (#4.3.0)"));
	else
		code = maildir_deliver(d, to);
	buf_free(&b);
	return code;
}

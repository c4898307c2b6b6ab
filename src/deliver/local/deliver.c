/*
 * deliver - one delivery from its first step to its last: see local.h
 *
 * Contract local.md 1.1 to 1.6.
 */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "conf/dotfile.h"
#include "mail/dotqmail.h"
#include "mail/mboxrd.h"
#include "queue/envelope.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/file.h"
#include "sys/prog.h"

#include "local.h"
#include "loop.h"
#include "vars.h"

enum {
	NAME_BYTES = 256 * 1024,
	LINES_BYTES = 1024 * 1024,
	VARS_BYTES = 16 * 1024 * 1024
};

static int
no_memory(struct delivery *d)
{
	return report_fail(
	    d->report, EX_SOFT, WORDS("Out of memory. (#4.3.0)"));
}

static int
enter_home(struct delivery *d)
{
	char *home = mem_cstr(d->job->home);
	int r = 0;
	int code = 0;

	if (home == NULL)
		return no_memory(d);
	if (home[0] != '/')
		code = report_fail(d->report, EX_HARD,
		    WORDS("qmail-local: usage: " LOCAL_USAGE));
	else if (chdir(home) < 0)
		r = err_sys();
	if (r < 0)
		code = report_fail(d->report, EX_SOFT,
		    WORDS("Unable to switch to ", home, ": ", err_text(r),
			". (#4.3.0)"));
	mem_free(home);
	return code;
}

static int
check_home(struct delivery *d)
{
	int r;

	switch (dotfile_home(&r)) {
	case HOME_TROUBLE:
		return report_fail(d->report, EX_SOFT,
		    WORDS("Unable to stat home directory: ", err_text(r),
			". (#4.3.0)"));
	case HOME_WRITABLE:
		return report_fail(d->report, EX_SOFT,
		    WORDS("Uh-oh: home directory is writable. (#4.7.0)"));
	case HOME_STICKY:
		break;
	case HOME_GOOD:
		return 0;
	}
	if (d->describe) {
		report_warn(
		    d->report, WORDS("Warning: home directory is sticky."));
		return 0;
	}
	return report_fail(d->report, EX_SOFT,
	    WORDS("Home directory is sticky: user is editing his .qmail file. "
		  "(#4.2.1)"));
}

/* The lines in front of a delivered message. */
static int
compose_lines(struct delivery *d)
{
	const struct work *j = d->job;

	dotqmail_safe(&d->safe, j->ext);
	vars_dtline(&d->dtline, j->local, j->domain);
	vars_rpline(&d->rpline, j->sender);
	mboxrd_from(&d->ufline, j->sender, d->when);
	if (buf_err(&d->safe) < 0 || buf_err(&d->dtline) < 0 ||
	    buf_err(&d->rpline) < 0 || buf_err(&d->ufline) < 0)
		return no_memory(d);
	return 0;
}

static int
unreadable(struct delivery *d, int r)
{
	if (!message_is_seekable(&d->self->msg))
		return report_fail(d->report, EX_SOFT,
		    WORDS("Unable to rewind message. (#4.3.0)"));
	return report_fail(d->report, EX_SOFT,
	    WORDS("Unable to read message: ", err_text(r), ". (#4.3.0)"));
}

static int
check_loop(struct delivery *d, int message)
{
	struct loop loop = LOOP_INIT(buf_span(&d->dtline));
	enum loop_state state = LOOP_UNKNOWN;
	struct span piece = SPAN("");
	uint64_t at = 0;
	int r = message_open(&d->self->msg, message);

	do {
		if (r == 0)
			r = message_read(&d->self->msg, at, &piece);
		if (r < 0)
			return unreadable(d, r);
		state = loop_feed(&loop, piece);
		at += piece.len;
	} while (state == LOOP_UNKNOWN && piece.len > 0);
	if (state == LOOP_FOUND)
		return report_fail(d->report, EX_HARD,
		    WORDS("This message is looping: it already has my "
			  "Delivered-To line. (#5.4.6)"));
	return 0;
}

static int
cannot_open(struct delivery *d, const char *name, int r)
{
	return report_fail(d->report, EX_SOFT,
	    WORDS("Unable to open ", name, ": ", err_text(r), ". (#4.3.0)"));
}

/* Try one name. *fd stays -1 when it is not the name of a .qmail file. */
static int
open_one(struct delivery *d, const char *name, int *fd)
{
	struct dotfile f;

	dotfile_open(name, &f);
	switch (f.state) {
	case DOTFILE_TROUBLE:
		return cannot_open(d, name, f.r);
	case DOTFILE_WRITABLE:
		return report_fail(d->report, EX_SOFT,
		    WORDS("Uh-oh: .qmail file is writable. (#4.7.0)"));
	case DOTFILE_GOOD:
		d->forward_only = f.forward_only;
		*fd = f.fd;
		break;
	case DOTFILE_ABSENT:
	case DOTFILE_NOFILE:
		break;
	}
	return 0;
}

/* Open the .qmail file; *fd is -1 when there is none. */
static int
open_dotqmail(struct delivery *d, int *fd)
{
	struct dotqmail_names names =
	    DOTQMAIL_NAMES(d->job->dash, buf_span(&d->safe));
	struct buf name = BUF_INIT(NAME_BYTES);
	const char *p;
	size_t at;
	int code = 0;

	while (code == 0 && *fd < 0 && dotqmail_name(&names, &name, &at)) {
		if (buf_cstr(&name, &p) == 0)
			code = open_one(d, p, fd);
		else
			code = no_memory(d);
		buf_reset(&name);
	}
	buf_free(&name);
	if (code != 0 || *fd < 0)
		return code;
	d->deflt = span_tail(d->job->ext, at);
	d->has_default = at < d->job->ext.len || names.at < d->safe.len + 1;
	return 0;
}

/* Fill d->content with whole lines. */
static int
read_instructions(struct delivery *d)
{
	int fd = -1;
	int r = 0;
	int code = open_dotqmail(d, &fd);

	if (code == 0 && fd < 0 && d->job->dash.len > 0)
		code = report_fail(d->report, EX_HARD,
		    WORDS("Sorry, no mailbox here by that name. (#5.1.1)"));
	if (code == 0 && fd >= 0)
		r = fd_read_all(fd, &d->content);
	fd_close(&fd);
	if (code != 0)
		return code;
	if (r == 0 && d->content.len == 0) {
		d->forward_only = false;
		buf_put(&d->content, d->job->instructions);
	}
	if (r == 0 && !span_ends(buf_span(&d->content), SPAN("\n")))
		buf_putc(&d->content, '\n');
	return r < 0 || buf_err(&d->content) < 0 ? no_memory(d) : 0;
}

/* Whether a file named after the extension is there. */
static int
has_file(struct delivery *d, const char *ending, bool *is_there)
{
	struct buf name = BUF_INIT(NAME_BYTES);
	struct stat st;
	const char *p;
	int code = 0;

	buf_puts(&name, ".qmail");
	buf_put(&name, d->job->dash);
	buf_put(&name, buf_span(&d->safe));
	buf_puts(&name, ending);
	if (buf_cstr(&name, &p) < 0) {
		code = no_memory(d);
	} else {
		int r = stat(p, &st) < 0 ? err_sys() : 0;

		*is_there = r == 0;
		if (r < 0 && err_class(r) == ERR_TEMP)
			code = cannot_open(d, p, r);
	}
	buf_free(&name);
	return code;
}

/* The envelope sender of forwards: bounces to an owner, if there is one. */
static int
find_newsender(struct delivery *d)
{
	const struct work *j = d->job;
	bool has_owner = false, is_list = false;
	int code = 0;

	if (j->sender.len > 0 && !span_eq(j->sender, SPAN("#@[]")))
		code = has_file(d, "-owner", &has_owner);
	if (code == 0 && has_owner)
		code = has_file(d, "-owner-default", &is_list);
	if (code != 0)
		return code;
	if (has_owner) {
		buf_put(&d->newsender, j->local);
		buf_puts(&d->newsender, is_list ? "-owner-@" : "-owner@");
		buf_put(&d->newsender, j->domain);
		buf_puts(&d->newsender, is_list ? "-@[]" : "");
	} else {
		buf_put(&d->newsender, j->sender);
	}
	return buf_err(&d->newsender) < 0 ? no_memory(d) : 0;
}

/* Only programs and forwards care about the sender of forwards. */
static bool
needs_newsender(const struct delivery *d)
{
	struct span rest = buf_span(&d->content), s;

	while (!d->describe && span_line(&rest, &s)) {
		enum line_kind kind = dotqmail_line(s).kind;

		if (kind == LINE_PROGRAM || kind == LINE_FORWARD)
			return true;
	}
	return false;
}

typedef int line_fn(struct delivery *d, const char *text);

static int
add_forward(struct delivery *d, const char *address)
{
	if (d->envelope.len == 0) {
		buf_putc(&d->envelope, 'F');
		buf_put(&d->envelope, buf_span(&d->newsender));
		buf_putc(&d->envelope, '\0');
	}
	buf_putc(&d->envelope, 'T');
	buf_puts(&d->envelope, address);
	buf_putc(&d->envelope, '\0');
	return buf_err(&d->envelope) < 0 ? no_memory(d) : 0;
}

static const struct {
	const char *word;   /* for -n */
	const char *refuse; /* what it is called when forward_only */
	line_fn *fn;
} deeds[] = {
	[LINE_PROGRAM] = { "program ", "prog", program_run },
	[LINE_MBOX] = { "mbox ", "file", mbox_deliver },
	[LINE_MAILDIR] = { "maildir ", "file", maildir_deliver },
	[LINE_LMTP] = { "lmtp ", "file", lmtp_deliver },
	[LINE_FOLDER] = { "folder ", "file", folder_deliver },
	[LINE_FORWARD] = { "forward ", NULL, add_forward },
};

static void
count(struct delivery *d, enum line_kind kind)
{
	if (kind == LINE_PROGRAM)
		d->programs++;
	else if (kind == LINE_FORWARD)
		d->forwards++;
	else
		d->files++;
}

static void
describe(struct delivery *d, const char *word, struct span text)
{
	struct buf b = BUF_INIT(DOTQMAIL_MAX + LINES_BYTES);

	buf_puts(&b, word);
	buf_put(&b, text);
	buf_putc(&b, '\n');
	if (buf_err(&b) == 0)
		report_put(d->report, buf_span(&b));
	buf_free(&b);
}

static int
do_line(struct delivery *d, const struct line *l)
{
	char *text;
	int code;

	if (d->forward_only && deeds[l->kind].refuse != NULL)
		return report_fail(d->report, EX_SOFT,
		    WORDS("Uh-oh: .qmail has ", deeds[l->kind].refuse,
			" delivery but has x bit set. (#4.7.0)"));
	count(d, l->kind);
	if (d->describe) {
		describe(d, deeds[l->kind].word, l->text);
		return 0;
	}
	text = mem_cstr(span_head(l->text, span_find(l->text, '\0')));
	code = text == NULL ? no_memory(d) : deeds[l->kind].fn(d, text);
	mem_free(text);
	return code;
}

/* Line by line. 0, or EX_LAST, or the code of the line that failed. */
static int
do_lines(struct delivery *d)
{
	struct span rest = buf_span(&d->content), s;
	bool is_first = true;
	int code = 0;

	for (; code == 0 && span_line(&rest, &s); is_first = false) {
		struct line l = dotqmail_line(s);

		if (l.kind == LINE_BLANK && is_first)
			return report_fail(d->report, EX_SOFT,
			    WORDS("Uh-oh: first line of .qmail file is blank. "
				  "(#4.2.1)"));
		if (l.kind == LINE_FORWARD_ONLY)
			d->forward_only = true;
		else if (l.kind >= LINE_PROGRAM)
			code = do_line(d, &l);
	}
	return code;
}

/* "did F+W+P", which becomes the log's text of this delivery. */
static void
tell(struct delivery *d, uint64_t qp)
{
	struct buf b = BUF_INIT(LINES_BYTES);

	buf_puts(&b, "did ");
	buf_putu(&b, d->files);
	buf_putc(&b, '+');
	buf_putu(&b, d->forwards);
	buf_putc(&b, '+');
	buf_putu(&b, d->programs);
	buf_putc(&b, '\n');
	if (d->envelope.len > 0) {
		buf_puts(&b, "qp ");
		buf_putu(&b, qp);
		buf_putc(&b, '\n');
	}
	if (buf_err(&b) == 0)
		report_put(d->report, buf_span(&b));
	buf_free(&b);
}

/* Everything between the open message and the last word. */
static int
carry_out(struct delivery *d)
{
	uint64_t qp = 0;
	int code = read_instructions(d);

	if (code == 0 && needs_newsender(d))
		code = find_newsender(d);
	if (code == 0)
		code = do_lines(d);
	if (code == EX_LAST)
		code = 0;
	if (code == 0 && d->envelope.len > 0)
		code = forward_all(d, &qp);
	if (code == 0)
		tell(d, qp);
	program_finish(d);
	return code;
}

static void
release(struct delivery *d)
{
	struct buf *const all[] = { &d->safe, &d->rpline, &d->dtline,
		&d->ufline, &d->newsender, &d->content, &d->envelope, NULL };

	for (size_t i = 0; all[i] != NULL; i++)
		buf_free(all[i]);
	vars_free(&d->env);
}

int
deliver(struct local *self, const struct work *job, int message,
    bool describe_only, struct report *report)
{
	struct delivery d = { .self = self,
		.job = job,
		.report = report,
		.describe = describe_only,
		.when = clock_real(),
		.safe = BUF_INIT(LINES_BYTES),
		.rpline = BUF_INIT(LINES_BYTES),
		.dtline = BUF_INIT(LINES_BYTES),
		.ufline = BUF_INIT(LINES_BYTES),
		.newsender = BUF_INIT(LINES_BYTES),
		.content = BUF_INIT(DOTQMAIL_MAX),
		.envelope = BUF_INIT(ENVELOPE_MAX),
		.env = { .text = BUF_INIT(VARS_BYTES) },
		.pipe = { -1, -1 } };
	int code = enter_home(&d);

	if (code == 0)
		code = check_home(&d);
	if (code == 0)
		code = compose_lines(&d);
	if (code == 0 && !describe_only)
		code = check_loop(&d, message);
	if (code == 0)
		code = carry_out(&d);
	release(&d);
	return code;
}

/*
 * why-local - what the owner of an address does with mail: see
 * why-private.h
 *
 * Two children with the owner's rights: one looks at the home and for the
 * .qmail file, the other is qmail-local -n, which says what it would do.
 */
#include <errno.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "capture.h"
#include "conf/dotfile.h"
#include "mail/dotqmail.h"
#include "say.h"
#include "start.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/priv.h"
#include "sys/prog.h"
#include "why-private.h"

enum {
	NAME_LIMIT = 256 * 1024,
	FOUND_MAX = 16 * 1024 * 1024,
	ERRORS_MAX = 64 * 1024,
	SHOWN_MAX = 1024 /* bytes of one instruction */
};

/* --- the child that looks --- */

static const char by_default[] = "the default delivery counts";

struct look {
	const char *home;
	struct span dash, ext;
	int out; /* to the parent */
};

/* Tell the parent of a step: what, which file, words; a NUL behind each. */
static void
report(const struct look *l, const char *step, const char *name,
    const char *const words[])
{
	struct buf b = BUF_INIT(NAME_LIMIT);

	buf_puts(&b, step);
	buf_putc(&b, '\0');
	buf_puts(&b, l->home);
	buf_puts(&b, *name != '\0' ? "/" : "");
	buf_puts(&b, name);
	buf_putc(&b, '\0');
	for (; *words != NULL; words++)
		buf_puts(&b, *words);
	buf_putc(&b, '\0');
	if (buf_err(&b) < 0 ||
	    fd_write(l->out, buf_span(&b), clock_ms() + WHY_MS) < 0)
		_exit(EX_SOFT);
	buf_free(&b);
}

/* False: nothing is delivered, and nothing else is to be seen. */
static bool
look_at_home(const struct look *l)
{
	int r = chdir(l->home) < 0 ? err_sys() : 0;
	enum dotfile_home state = r < 0 ? HOME_TROUBLE : dotfile_home(&r);

	switch (state) {
	case HOME_TROUBLE:
		report(l, "home", "",
		    PARTS("the home cannot be entered: ", err_text(r)));
		return false;
	case HOME_WRITABLE:
		report(l, "home", "",
		    PARTS("everybody may write to this home: not used"));
		return false;
	case HOME_STICKY:
		report(l, "sticky", "",
		    PARTS("the home is sticky: its user is editing"));
		return true;
	case HOME_GOOD:
		break;
	}
	report(l, "home", "", PARTS("the home is as it should be"));
	return true;
}

static void
report_good(const struct look *l, const struct dotfile *f, const char *name)
{
	struct stat st = { .st_size = 1 };

	if (fstat(f->fd, &st) == 0 && st.st_size == 0) {
		report(l, "candidate", name, PARTS("is empty"));
		report(l, "default", "", PARTS(by_default));
	} else if (f->forward_only)
		report(l, "candidate", name,
		    PARTS("is used; its x bit is set: it may only forward"));
	else
		report(l, "candidate", name, PARTS("is used"));
}

/* One name. Whether the next one is tried. */
static bool
look_at_name(const struct look *l, const char *name)
{
	struct dotfile f;

	dotfile_open(name, &f);
	switch (f.state) {
	case DOTFILE_ABSENT:
		report(l, "candidate", name,
		    err_is(f.r, ENOENT) || f.r == E_ABSENT
			? PARTS("is not there")
			: PARTS("is not there: ", err_text(f.r)));
		return true;
	case DOTFILE_NOFILE:
		report(l, "candidate", name,
		    PARTS("is no regular file: passed over"));
		return true;
	case DOTFILE_TROUBLE:
		report(l, "candidate", name,
		    PARTS("cannot be opened: ", err_text(f.r)));
		return false;
	case DOTFILE_WRITABLE:
		report(l, "candidate", name,
		    PARTS("everybody may write to this file: not used"));
		return false;
	case DOTFILE_GOOD:
		break;
	}
	report_good(l, &f, name);
	fd_close(&f.fd);
	return false;
}

static void
look(void *ctx, int out)
{
	struct look *l = ctx;
	struct buf safe = BUF_INIT(NAME_LIMIT), name = BUF_INIT(NAME_LIMIT);
	struct dotqmail_names names;
	const char *p;
	size_t at;
	bool goes_on = true;

	l->out = out;
	if (!look_at_home(l))
		return;
	dotqmail_safe(&safe, l->ext);
	if (buf_err(&safe) < 0)
		_exit(EX_SOFT);
	names = DOTQMAIL_NAMES(l->dash, buf_span(&safe));
	while (goes_on && dotqmail_name(&names, &name, &at)) {
		if (buf_cstr(&name, &p) < 0)
			_exit(EX_SOFT);
		goes_on = look_at_name(l, p);
		buf_reset(&name);
	}
	if (goes_on && l->dash.len == 0)
		report(l, "default", "", PARTS(by_default));
}

/* Pass on one step of what the child found. */
static void
tell_one(struct why *w, const char *step, const char *file, struct span words)
{
	size_t line = 0;

	/* where the default is from is not the child's to know */
	if (span_eq(span_cstr(step), SPAN("default"))) {
		line = w->default_delivery.len > 0 ? 1 : 0;
		file = line > 0 ? "control/defaultdelivery" : NULL;
	}
	(void)why_step(w, step, file, line, WHY(words));
}

static void
tell_found(struct why *w, struct span rest, bool *is_sticky)
{
	struct span step, file, words;

	/* all three end in a NUL: they are C strings */
	while (span_field(&rest, &step) && span_field(&rest, &file) &&
	       span_field(&rest, &words)) {
		bool is_this = span_eq(step, SPAN("sticky"));

		*is_sticky = *is_sticky || is_this;
		tell_one(w, is_this ? "home" : step.p, file.p, words);
	}
}

/* --- qmail-local -n --- */

static const struct {
	struct span word;
	const char *says;
} deeds[] = {
	{ { "program", 7 }, "runs the program: " },
	{ { "forward", 7 }, "forwards to " },
	{ { "mbox", 4 }, "appends to the mailbox " },
	{ { "maildir", 7 }, "puts a file into the maildir " },
	{ { "lmtp", 4 }, "gives it by LMTP to " },
};

static void
tell_deed(struct why *w, struct span word, struct span text)
{
	struct span says = SPAN("does: ");
	bool is_known = false;
	json_t *doc;

	for (size_t i = 0; i < sizeof(deeds) / sizeof(*deeds); i++) {
		if (!span_eq(word, deeds[i].word))
			continue;
		says = span_cstr(deeds[i].says);
		is_known = true;
	}
	/* a newer qmail-local may do what we have no words for */
	doc = why_step(w, "instruction", NULL, 0,
	    WHY(says, is_known ? SPAN("") : word,
		is_known ? SPAN("") : SPAN(" "), span_head(text, SHOWN_MAX)));
	if (doc == NULL)
		return;
	doc_text(doc, "does", word);
	doc_text(doc, "argument", text);
}

/* "did F+W+P": what it does in all; *here counts F and P. */
static void
read_counts(struct span text, uint64_t *here, uint64_t *forwards)
{
	uint64_t n[3] = { 0, 0, 0 };

	for (size_t i = 0; i < 3; i++) {
		size_t plus = span_find(text, '+');

		if (num_prefix(span_head(text, plus), UINT32_MAX, &n[i]) < 0)
			n[i] = 0;
		text = span_tail(text, plus + 1);
	}
	*here = n[0] + n[2];
	*forwards = n[1];
}

static void
tell_end(struct why *w, uint64_t here, uint64_t forwards)
{
	if (here > 0 && forwards > 0)
		why_end(w, "local", WHY(SPAN("delivered here, and forwarded")));
	else if (here > 0)
		why_end(w, "local", WHY(SPAN("delivered here")));
	else if (forwards > 0)
		why_end(w, "forwarded", WHY(SPAN("forwarded")));
	else
		why_end(w, "discarded",
		    WHY(SPAN("thrown away: no line says where to put it")));
}

/* What qmail-local said: each deed; and, if all is well, the forwards. */
static void
tell_deeds(struct why *w, struct span rest, bool is_good)
{
	uint64_t here = 0, forwards = 0;
	struct span line;

	while (span_line(&rest, &line)) {
		size_t blank = span_find(line, ' ');
		struct span word = span_head(line, blank);
		struct span text = span_tail(line, blank + 1);

		if (span_eq(word, SPAN("did"))) {
			read_counts(text, &here, &forwards);
			continue;
		}
		tell_deed(w, word, text);
		if (is_good && span_eq(word, SPAN("forward")))
			why_follow(w, text);
	}
	if (is_good)
		tell_end(w, here, forwards);
}

/* It does nothing, or not all, and says why. */
static void
tell_failure(struct why *w, const struct proc_end *end, struct span err)
{
	struct span words = span_head(err, span_find(err, '\n'));

	if (end->how == PROC_EXITED && end->value == EX_HARD)
		why_end(w, "bounced", WHY(SPAN("bounced: "), words));
	else if (end->how == PROC_EXITED && end->value == EX_SOFT)
		why_end(w, "deferred", WHY(SPAN("deferred: "), words));
	else
		why_end(w, "unknown",
		    WHY(SPAN("unknown: qmail-local -n does not work")));
}

/* What is passed to qmail-local, as C strings. */
struct words {
	char *user, *home, *local, *dash, *ext, *domain;
};

static bool
make_words(struct words *s, struct span local, struct span domain,
    const struct account *a)
{
	s->user = mem_cstr(a->user);
	s->home = mem_cstr(a->home);
	s->local = mem_cstr(local);
	s->dash = mem_cstr(a->dash);
	s->ext = mem_cstr(a->ext);
	s->domain = mem_cstr(domain);
	return s->user != NULL && s->home != NULL && s->local != NULL &&
	       s->dash != NULL && s->ext != NULL && s->domain != NULL;
}

static void
free_words(struct words *s)
{
	mem_free(s->user);
	mem_free(s->home);
	mem_free(s->local);
	mem_free(s->dash);
	mem_free(s->ext);
	mem_free(s->domain);
}

/* Ask both; as is whose rights they have, NULL: ours. */
static void
ask(struct why *w, const struct words *s, const struct proc_id *as)
{
	struct buf found = BUF_INIT(FOUND_MAX), err = BUF_INIT(ERRORS_MAX);
	struct look l = { .home = s->home,
		.dash = span_cstr(s->dash),
		.ext = span_cstr(s->ext) };
	const char *const argv[] = { "bin/qmail-local", "-n", "--", s->user,
		s->home, s->local, s->dash, s->ext, s->domain, "",
		start_default_delivery(&w->default_delivery), NULL };
	struct capture looks = {
		.fn = look, .ctx = &l, .as = as, .out = &found
	};
	struct capture local = {
		.argv = argv, .as = as, .out = &found, .err = &err
	};
	bool is_sticky = false, is_good;

	if (capture(&looks) == 0)
		tell_found(w, buf_span(&found), &is_sticky);
	buf_reset(&found);
	if (capture(&local) < 0)
		local.end = (struct proc_end){ PROC_NOEXEC, 0 };
	is_good = local.end.how == PROC_EXITED && local.end.value == 0;
	if (buf_err(&found) == 0)
		tell_deeds(w, buf_span(&found), is_good && !is_sticky);
	if (is_good && is_sticky)
		why_end(w, "deferred",
		    WHY(SPAN("deferred: Home directory is sticky: user is "
			     "editing his .qmail file. (#4.2.1)")));
	else if (!is_good)
		tell_failure(w, &local.end,
		    buf_err(&err) == 0 ? buf_span(&err) : SPAN(""));
	buf_free(&found);
	buf_free(&err);
}

void
why_local(struct why *w, struct span local, struct span domain,
    const struct account *a)
{
	const struct proc_id id = { .uid = a->uid, .gid = a->gid };
	bool must_become = w->is_system && priv_is_root();
	struct words s;

	if (!must_become && a->uid != geteuid()) {
		why_end(w, "unknown",
		    WHY(SPAN("unknown: only root and "), a->user,
			SPAN(" may see what happens there")));
		return;
	}
	if (make_words(&s, local, domain, a))
		ask(w, &s, must_become ? &id : NULL);
	else
		why_end(w, "unknown", WHY(SPAN("unknown: out of memory")));
	free_words(&s);
}

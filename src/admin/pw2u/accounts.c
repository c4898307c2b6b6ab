/*
 * accounts - from a line of passwd(5) to lines of users/assign: see
 * accounts.h
 */
#include "accounts.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"

enum {
	FIELDS = 6, /* those before the last colon that must be there */
	OWNER_MAX = 1024 * 1024
};

/* The next field and the colon behind it. */
static bool
cut_field(struct span *rest, struct span *field)
{
	size_t colon = span_find(*rest, ':');

	if (colon == rest->len)
		return false;
	*field = span_head(*rest, colon);
	*rest = span_tail(*rest, colon + 1);
	return true;
}

int
accounts_parse(struct span line, struct passwd_line *out)
{
	struct span field[FIELDS];
	uint64_t uid;

	if (span_find(line, '\0') < line.len)
		return E_SYNTAX;
	for (size_t i = 0; i < FIELDS; i++)
		if (!cut_field(&line, &field[i]))
			return E_SYNTAX;
	if (num_prefix(field[2], UINT32_MAX, &uid) < 0 || uid == UINT32_MAX)
		uid = 0;
	*out = (struct passwd_line){ .user = field[0],
		.uid_text = field[2],
		.gid_text = field[3],
		.home = field[5],
		.uid = (uint32_t)uid };
	return 0;
}

static bool
has_upper(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] >= 'A' && s.p[i] <= 'Z')
			return true;
	return false;
}

bool
accounts_wants(const struct pw2u *s, const struct passwd_line *p)
{
	if (p->uid == 0 || (!s->takes_upper && has_upper(p->user)))
		return false;
	if (s->include != NULL && !map_get(s->include, p->user, NULL))
		return false;
	return s->exclude == NULL || !map_get(s->exclude, p->user, NULL);
}

int
accounts_check_home(const struct pw2u *s, const struct passwd_line *p)
{
	struct stat st;
	char *home;
	int r = 0;

	if (s->home == HOME_ANY)
		return 0;
	home = mem_cstr(p->home);
	if (home == NULL)
		return E_NOMEM;
	if (stat(home, &st) < 0) {
		r = err_sys();
		if (err_is(r, ENOENT) && s->home == HOME_SKIP)
			r = E_ABSENT;
	} else if (st.st_uid != p->uid) {
		r = E_ABSENT;
	}
	mem_free(home);
	return r;
}

/* The parts of a line, which one without a pointer ends. */
static void
put_line(struct pw2u *s, const struct span parts[])
{
	for (; parts->p != NULL; parts++)
		out_put(&s->out, *parts);
	out_puts(&s->out, "\n");
}

#define END \
	{ \
		NULL, 0 \
	}

/* name and, with its break character, all that begins with it. */
static void
put_name(struct pw2u *s, struct span name, struct span owner)
{
	const struct span colon = SPAN(":"), cut = { &s->break_char, 1 };

	put_line(s, (const struct span[]){
			SPAN("="), name, colon, owner, SPAN(":::"), END });
	if (s->has_extensions)
		put_line(s, (const struct span[]){ SPAN("+"), name, cut, colon,
				owner, colon, s->dash, SPAN("::"), END });
}

static void
put_names(struct pw2u *s, struct span user, struct span owner)
{
	struct span names = user;

	if (s->mailnames != NULL)
		(void)map_get(s->mailnames, user, &names);
	while (names.len > 0) {
		size_t colon = span_find(names, ':');

		if (colon > 0)
			put_name(s, span_head(names, colon), owner);
		names = span_tail(names, colon + 1);
	}
}

/* "user:uid:gid:home" */
static void
put_owner(struct buf *b, const struct passwd_line *p)
{
	buf_put(b, p->user);
	buf_putc(b, ':');
	buf_put(b, p->uid_text);
	buf_putc(b, ':');
	buf_put(b, p->gid_text);
	buf_putc(b, ':');
	buf_put(b, p->home);
}

int
accounts_assign(struct pw2u *s, const struct passwd_line *p)
{
	struct buf text = BUF_INIT(OWNER_MAX);
	struct span owner;
	int r;

	put_owner(&text, p);
	r = buf_err(&text);
	if (r < 0)
		goto out;
	owner = buf_span(&text);
	r = map_put(s->accepted, p->user, owner);
	if (r < 0)
		goto out;
	if (span_eq(p->user, SPAN("alias"))) {
		s->has_alias = true;
		put_line(s, (const struct span[]){ SPAN("+:"), owner, SPAN(":"),
				s->dash, SPAN("::"), END });
	}
	put_names(s, p->user, owner);
out:
	buf_free(&text);
	return r;
}

int
accounts_subuser(struct pw2u *s, struct span line, struct span *user)
{
	const struct span colon = SPAN(":"), cut = { &s->break_char, 1 };
	struct span sub, pre, owner;

	if (!cut_field(&line, &sub) || !cut_field(&line, user) ||
	    !cut_field(&line, &pre))
		return 0;
	if (!map_get(s->accepted, *user, &owner))
		return E_ABSENT;
	put_line(s, (const struct span[]){ SPAN("="), sub, colon, owner, colon,
			s->dash, colon, pre, colon, END });
	if (s->has_extensions)
		put_line(
		    s, (const struct span[]){ SPAN("+"), sub, cut, colon, owner,
			   colon, s->dash, colon, pre, SPAN("-:"), END });
	return 0;
}

void
accounts_free(struct pw2u *s)
{
	map_destroy(&s->include);
	map_destroy(&s->exclude);
	map_destroy(&s->mailnames);
	map_destroy(&s->accepted);
	buf_free(&s->passwd);
	buf_free(&s->subusers);
	buf_free(&s->append);
	out_free(&s->out);
}

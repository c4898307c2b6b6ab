/*
 * settings - who is sending: see settings.h
 */
#include "settings.h"

#include <unistd.h>

#include "base/err.h"
#include "conf/control.h"
#include "report.h"
#include "sys/clock.h"
#include "sys/env.h"
#include "sys/file.h"
#include "sys/prog.h"

static const struct span nothing = { "", 0 };

/* The first of the variables that is set, even to nothing. */
static bool
first_set(const char *const names[], struct span *value)
{
	for (; *names != NULL; names++) {
		const char *v = env_get(*names);

		if (v != NULL) {
			*value = span_cstr(v);
			return true;
		}
	}
	*value = nothing;
	return false;
}

static void
load_names(struct settings *s)
{
	static const char *const user[] = { "QMAILUSER", "MAILUSER", "USER",
		"LOGNAME", NULL };
	static const char *const host[] = { "QMAILHOST", "MAILHOST", NULL };
	static const char *const name[] = { "QMAILNAME", "MAILNAME", "NAME",
		NULL };
	static const char *const sender_user[] = { "QMAILSUSER", NULL };
	static const char *const sender_host[] = { "QMAILSHOST", NULL };

	if (!first_set(user, &s->user))
		s->user = SPAN("anonymous");
	(void)first_set(host, &s->host);
	s->has_name = first_set(name, &s->name);
	if (!first_set(sender_user, &s->sender_user))
		s->sender_user = s->user;
	if (!first_set(sender_host, &s->sender_host))
		s->sender_host = s->host;
}

static void
load_letters(struct settings *s)
{
	const char *letters = env_get("QMAILINJECT");

	if (letters == NULL)
		return;
	s->name_in_comment = strchr(letters, 'c') != NULL;
	s->ignore_return_path = strchr(letters, 's') != NULL;
	s->drop_from = strchr(letters, 'f') != NULL;
	s->drop_message_id = strchr(letters, 'i') != NULL;
	s->verp_recipient = strchr(letters, 'r') != NULL;
	s->verp_message = strchr(letters, 'm') != NULL;
}

static int
put_lists(struct map *lists, struct span text)
{
	struct span line;
	int r = 0;

	while (r == 0 && span_line(&text, &line)) {
		line = span_trim_end(line);
		if (line.len > 0 && line.p[0] != '#')
			r = map_put(lists, line, nothing);
	}
	return r;
}

/* The mailing lists that QMAILMFTFILE names. */
static int
load_lists(struct settings *s)
{
	const char *path = env_get("QMAILMFTFILE");
	struct buf text = BUF_INIT(CONTROL_MAX);
	int r;

	if (path == NULL)
		return 0;
	r = file_read(FILE_CWD, path, &text);
	if (r < 0)
		goto out;
	s->lists = map_new();
	r = s->lists == NULL ? E_NOMEM : put_lists(s->lists, buf_span(&text));
out:
	buf_free(&text);
	return r == E_ABSENT ? 0 : r;
}

/* The text of a control file, or of the variable that overrides it. */
static void
load_text(const char *variable, const char *file, struct buf *text)
{
	const char *v = env_get(variable);
	int r;

	if (v != NULL) {
		buf_puts(text, v);
		r = buf_err(text);
	} else {
		r = control_line_me(file, file, text);
	}
	if (r < 0)
		die_failed(r);
}

static void
load_tokens(const char *variable, const char *file, struct tokens *t)
{
	struct buf text = BUF_INIT(LINE_LIMIT);
	int r;

	load_text(variable, file, &text);
	r = tokens_scan(t, buf_span(&text));
	if (r == E_SYNTAX)
		die_address(buf_span(&text));
	if (r < 0)
		die_failed(r);
	buf_free(&text);
}

void
settings_begin(struct settings *s)
{
	int r;

	*s = (struct settings){ .rules = ADDRLIST_RULES_INIT,
		.idhost = BUF_INIT(LINE_LIMIT),
		.now = clock_real(),
		.pid = getpid() };
	load_names(s);
	load_letters(s);
	r = load_lists(s);
	if (r < 0)
		die_failed(r);
}

void
settings_load(struct settings *s)
{
	load_tokens("QMAILDEFAULTDOMAIN", "defaultdomain", &s->rules.domain);
	load_tokens("QMAILDEFAULTHOST", "defaulthost", &s->rules.host);
	load_tokens("QMAILPLUSDOMAIN", "plusdomain", &s->rules.plus);
	load_text("QMAILIDHOST", "idhost", &s->idhost);
}

void
settings_free(struct settings *s)
{
	addrlist_rules_free(&s->rules);
	buf_free(&s->idhost);
	map_destroy(&s->lists);
}

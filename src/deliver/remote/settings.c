/*
 * settings - the control files of qmail-remote: see settings.h
 */
#include "settings.h"

#include "base/err.h"
#include "base/span.h"
#include "conf/control.h"
#include "limits.h"

enum { CONNECT_S = 60, REMOTE_S = 1200 };

static const char *const paths[SET_FILES] = {
	[SET_ME] = "control/me",
	[SET_HELOHOST] = "control/helohost",
	[SET_SMTPROUTES] = "control/smtproutes",
	[SET_TIMEOUTCONNECT] = "control/timeoutconnect",
	[SET_TIMEOUTREMOTE] = "control/timeoutremote",
	[SET_EIGHTBIT] = "control/eightbit",
};

/* Take stamps. A file that cannot be looked at counts as changed. */
static bool
is_fresh(struct settings *s)
{
	bool same = s->is_read;
	int i;

	for (i = 0; i < SET_FILES; i++) {
		struct file_stamp now;

		if (file_stamp(FILE_CWD, paths[i], &now) < 0) {
			same = false;
			continue;
		}
		same = same && file_stamp_eq(&now, &s->stamp[i]);
		s->stamp[i] = now;
	}
	return same;
}

/* Seconds in a file, as milliseconds; 0 would never do. */
static int
read_seconds(const char *name, uint64_t literal, int64_t *ms)
{
	uint64_t n = literal;
	int r = control_int(name, LIMIT_TIMEOUT, &n);

	if (r < 0 && r != E_ABSENT)
		return r;
	*ms = n > 0 ? (int64_t)n * 1000 : 1000;
	return 0;
}

static int
read_routes(struct settings *s)
{
	int r;

	map_destroy(&s->routes);
	r = control_table("smtproutes", &s->routes);
	return r == E_ABSENT ? 0 : r;
}

static int
read_eightbit(struct settings *s)
{
	struct buf line = BUF_INIT(CONTROL_MAX);
	int r = control_line("eightbit", &line);

	s->bounces_8bit = r == 0 && span_eq(buf_span(&line), SPAN("bounce"));
	buf_free(&line);
	return r == E_ABSENT ? 0 : r;
}

int
settings_refresh(struct settings *s, bool *changed)
{
	int r;

	*changed = !is_fresh(s);
	if (!*changed)
		return 0;
	s->is_read = false;
	r = control_line_me("helohost", NULL, &s->helohost);
	if (r == 0)
		r = read_seconds("timeoutconnect", CONNECT_S, &s->connect_ms);
	if (r == 0)
		r = read_seconds("timeoutremote", REMOTE_S, &s->timeout_ms);
	if (r == 0)
		r = read_routes(s);
	if (r == 0)
		r = read_eightbit(s);
	s->is_read = r == 0;
	return r;
}

void
settings_free(struct settings *s)
{
	buf_free(&s->helohost);
	map_destroy(&s->routes);
	s->is_read = false;
}

/*
 * overrides - routes an operator has set for a while: see overrides.h
 */
#include "conf/overrides.h"

#include "base/ascii.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/num.h"
#include "conf/control.h"
#include "conf/smtproutes.h"
#include "sys/file.h"

/* Without blanks, control characters and what is no ASCII. */
static bool
is_graphic(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] == ' ' || !ascii_is_print((unsigned char)s.p[i]))
			return false;
	return true;
}

static bool
is_route(struct span s)
{
	struct route route = route_parse(s);

	return is_graphic(s) && route.port != 0 &&
	       route.is_relay == (route.relay.len > 0);
}

int
override_parse(struct span line, struct override *out)
{
	size_t blank = span_find(line, ' ');
	struct span rest = span_tail(line, blank + 1);
	size_t colon = span_find(rest, ':');
	uint64_t until;

	line = span_trim_end(line);
	if (line.len == 0 || line.p[0] == '#')
		return E_ABSENT;
	rest = span_trim_end(rest);
	if (colon >= rest.len ||
	    num_parse(span_head(line, blank), INT64_MAX, &until) < 0)
		return E_SYNTAX;
	out->until = (int64_t)until;
	out->domain = span_head(rest, colon);
	out->route = span_tail(rest, colon + 1);
	return is_graphic(out->domain) && is_route(out->route) ? 0 : E_SYNTAX;
}

/* Put what counts into *m; *line counts the lines. */
static int
read_lines(
    struct span rest, int64_t now, struct map *m, int64_t *end, size_t *line)
{
	struct override o;
	struct span text;
	int r = 0;

	while ((r == 0 || r == E_ABSENT) && span_line(&rest, &text)) {
		++*line;
		r = override_parse(text, &o);
		if (r < 0 || o.until <= now)
			continue;
		r = map_put(m, o.domain, o.route);
		if (o.until < *end)
			*end = o.until;
	}
	return r == E_ABSENT ? 0 : r;
}

int
overrides_parse(struct span text, int64_t now, struct map **out,
    int64_t *next_end, size_t *line)
{
	struct map *m = map_new();
	int64_t end = INT64_MAX;
	int r = m == NULL ? E_NOMEM : 0;

	*line = 0;
	if (r == 0)
		r = read_lines(text, now, m, &end, line);
	if (r != E_SYNTAX)
		*line = 0;
	if (r < 0) {
		map_destroy(&m);
		return r;
	}
	*out = m;
	*next_end = end;
	return 0;
}

int
overrides_read(int64_t now, struct map **out, int64_t *next_end, size_t *line)
{
	struct buf file = BUF_INIT(CONTROL_MAX);
	int r = file_read(FILE_CWD, OVERRIDES_FILE, &file);

	*line = 0;
	if (r == 0 || r == E_ABSENT)
		r = overrides_parse(buf_span(&file), now, out, next_end, line);
	buf_free(&file);
	return r;
}

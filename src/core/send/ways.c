/*
 * ways - by which way mail goes: see ways.h
 */
#include "ways.h"

#include "base/ascii.h"
#include "base/err.h"
#include "conf/control.h"
#include "conf/overrides.h"
#include "conf/smtproutes.h"
#include "dest.h"
#include "queue/hash.h"
#include "sys/clock.h"

static bool
has_changed(const char *path, struct file_stamp *was)
{
	struct file_stamp is;

	if (file_stamp(FILE_CWD, path, &is) < 0 || file_stamp_eq(&is, was))
		return false;
	*was = is;
	return true;
}

static bool
refresh_routes(struct ways *w, struct ways_trouble *t)
{
	struct map *routes = NULL;
	int r;

	if (!has_changed("control/smtproutes", &w->routes_stamp))
		return false;
	r = control_table("smtproutes", &routes);
	if (r < 0 && r != E_ABSENT) {
		*t = (struct ways_trouble){ "control/smtproutes", 0, r };
		return false;
	}
	map_destroy(&w->routes);
	w->routes = routes;
	return true;
}

/* What has ended, ends, even if the file makes no sense any more. */
static bool
refresh_overrides(struct ways *w, struct ways_trouble *t)
{
	bool has_new = has_changed(OVERRIDES_FILE, &w->overrides_stamp);
	struct buf text = BUF_INIT(CONTROL_MAX);
	struct map *overrides = NULL;
	int64_t now = clock_real();
	size_t line = 0;
	int r = 0;

	if (!has_new && now < w->overrides_end)
		return false;
	if (has_new)
		r = file_read(FILE_CWD, OVERRIDES_FILE, &text);
	if (r == 0 || r == E_ABSENT)
		r = overrides_parse(buf_span(has_new ? &text : &w->text), now,
		    &overrides, &w->overrides_end, &line);
	if (r < 0) {
		*t = (struct ways_trouble){ OVERRIDES_FILE, line, r };
		buf_free(&text);
		return false;
	}
	if (has_new) {
		buf_free(&w->text);
		w->text = text;
	}
	map_destroy(&w->overrides);
	w->overrides = overrides;
	return true;
}

bool
ways_refresh(struct ways *w, struct ways_trouble *t)
{
	bool has_new;

	*t = (struct ways_trouble){ NULL, 0, 0 };
	has_new = refresh_routes(w, t);
	return refresh_overrides(w, t) || has_new;
}

void
ways_free(struct ways *w)
{
	map_destroy(&w->routes);
	map_destroy(&w->overrides);
	buf_free(&w->text);
}

static struct span
domain_of(struct span addr)
{
	return span_tail(addr, span_rfind(addr, '@') + 1);
}

struct span
ways_route(const struct ways *w, struct span addr, struct span sender)
{
	struct span host = domain_of(addr), value;

	if (route_find(w->overrides, host, sender, &value) ||
	    route_find(w->routes, host, sender, &value))
		return value;
	return SPAN("");
}

static void
put_key(const struct ways *w, enum channel c, struct span addr,
    struct span sender, struct buf *key)
{
	if (c == CHANNEL_REMOTE) {
		route_key(ways_route(w, addr, sender), domain_of(addr), key);
		return;
	}
	addr = span_head(addr, span_rfind(addr, '@'));
	addr = span_head(addr, span_find(addr, '-'));
	for (size_t i = 0; i < addr.len; i++)
		buf_putc(key, ascii_lower((unsigned char)addr.p[i]));
}

void
ways_key(const struct ways *w, enum channel c, struct span addr,
    struct span sender, struct buf *key)
{
	size_t begun = key->len;
	uint64_t hash;

	put_key(w, c, addr, sender, key);
	if (buf_err(key) < 0 || key->len - begun <= DEST_KEY_MAX)
		return;
	hash = hash_of(span_tail(buf_span(key), begun));
	buf_cut(key, begun + DEST_KEY_MAX / 2);
	buf_puthex(key, hash, 16);
}

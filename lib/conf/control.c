/*
 * control - the files in control/: see control.h
 */
#include "conf/control.h"

#include "base/err.h"
#include "base/num.h"
#include "sys/file.h"

enum { NAME_LIMIT = 256 };

/* Append the whole of the file to all. */
static int
read_file(const char *name, struct buf *all)
{
	struct buf path = BUF_INIT(NAME_LIMIT);
	const char *p;
	int r;

	if (span_find(span_cstr(name), '/') == span_cstr(name).len)
		buf_puts(&path, "control/");
	buf_puts(&path, name);
	r = buf_cstr(&path, &p);
	if (r == 0)
		r = file_read(FILE_CWD, p, all);
	buf_free(&path);
	return r;
}

int
control_line(const char *name, struct buf *line)
{
	struct buf all = BUF_INIT(CONTROL_MAX);
	struct span rest, first = SPAN("");
	int r;

	r = read_file(name, &all);
	if (r < 0)
		goto out;
	rest = buf_span(&all);
	(void)span_line(&rest, &first); /* an empty file is an empty line */
	buf_reset(line);
	buf_put(line, span_trim_end(first));
	r = buf_err(line);
out:
	buf_free(&all);
	return r;
}

int
control_line_me(const char *name, const char *literal, struct buf *line)
{
	int r = control_line(name, line);

	if (r == E_ABSENT)
		r = control_line("me", line);
	if (r != E_ABSENT || literal == NULL)
		return r;
	buf_reset(line);
	buf_puts(line, literal);
	return buf_err(line);
}

int
control_int(const char *name, uint64_t max, uint64_t *value)
{
	struct buf line = BUF_INIT(CONTROL_MAX);
	int r = control_line(name, &line);

	if (r == 0 && num_prefix(buf_span(&line), max, value) < 0)
		r = E_ABSENT;
	buf_free(&line);
	return r;
}

/* The next line that counts; *number counts all. */
static bool
next_line(struct span *rest, struct span *line, size_t *number)
{
	while (span_line(rest, line)) {
		++*number;
		*line = span_trim_end(*line);
		if (line->len > 0 && line->p[0] != '#')
			return true;
	}
	return false;
}

int
control_each(const char *name, control_line_fn *fn, void *ctx)
{
	struct buf all = BUF_INIT(CONTROL_MAX);
	struct span rest, line;
	size_t number = 0;
	int r;

	r = read_file(name, &all);
	if (r < 0)
		goto out;
	rest = buf_span(&all);
	while (r == 0 && next_line(&rest, &line, &number))
		r = fn(ctx, line);
out:
	buf_free(&all);
	return r;
}

static int
put_line(void *ctx, struct span line)
{
	return map_put(ctx, line, SPAN(""));
}

static int
put_pair(void *ctx, struct span line)
{
	size_t colon = span_find(line, ':');

	if (colon == line.len)
		return 0;
	return map_put(ctx, span_head(line, colon), span_tail(line, colon + 1));
}

static int
fill(const char *name, control_line_fn *fn, struct map **out)
{
	struct map *m = map_new();
	int r;

	if (m == NULL)
		return E_NOMEM;
	r = control_each(name, fn, m);
	if (r < 0)
		map_destroy(&m);
	else
		*out = m;
	return r;
}

/* The last line whose key this is, as in a map. */
static int
find_line(const char *name, bool is_table, struct span key, size_t *found)
{
	struct buf all = BUF_INIT(CONTROL_MAX);
	struct span rest, line;
	size_t number = 0;
	int r;

	*found = 0;
	r = read_file(name, &all);
	if (r < 0)
		goto out;
	rest = buf_span(&all);
	while (next_line(&rest, &line, &number)) {
		size_t colon = is_table ? span_find(line, ':') : line.len;

		if (is_table && colon == line.len)
			continue;
		if (span_eq_nocase(span_head(line, colon), key))
			*found = number;
	}
	if (*found == 0)
		r = E_ABSENT;
out:
	buf_free(&all);
	return r;
}

int
control_set_line(const char *name, struct span key, size_t *line)
{
	return find_line(name, false, key, line);
}

int
control_table_line(const char *name, struct span key, size_t *line)
{
	return find_line(name, true, key, line);
}

int
control_set(const char *name, struct map **out)
{
	return fill(name, put_line, out);
}

int
control_table(const char *name, struct map **out)
{
	return fill(name, put_pair, out);
}

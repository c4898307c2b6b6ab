/*
 * guard - takes no message when the disk is nearly full: see guard.h
 */
#include "guard.h"

#include "base/err.h"
#include "base/num.h"
#include "conf/control.h"
#include "conf/quantity.h"

enum { LINE_BYTES = 1024 };

static int
parse(struct span line, struct guard *g)
{
	size_t blank = span_find(line, ' ');
	int r = quantity_size(span_head(line, blank), UINT64_MAX, &g->bytes);

	if (r == 0 && blank < line.len)
		r = num_parse(
		    span_tail(line, blank + 1), UINT64_MAX, &g->files);
	return r < 0 ? E_SYNTAX : 0;
}

int
guard_read(struct guard *g)
{
	struct buf line = BUF_INIT(LINE_BYTES);
	struct guard fresh = { 0, 0 };
	int r = control_line("queuemin", &line);

	if (r == 0)
		r = parse(buf_span(&line), &fresh);
	if (r == E_ABSENT)
		r = 0;
	if (r == 0)
		*g = fresh;
	buf_free(&line);
	return r;
}

bool
guard_allows(const struct guard *g, struct store *s, uint64_t size)
{
	uint64_t bytes, files;

	if (g->bytes == 0 && g->files == 0)
		return true;
	if (store_free(s, &bytes, &files) < 0)
		return true;
	return bytes >= g->bytes && bytes - g->bytes >= size &&
	       files >= g->files;
}

/*
 * assign - who owns a local address: see assign.h
 */
#include "conf/assign.h"

#include <stdint.h>

#include "base/ascii.h"
#include "base/err.h"
#include "base/num.h"

enum {
	FIELDS = 6,
	KEY_MAX = 16 * 1024 * 1024,
	BYTES = 256 /* how many different bytes there are */
};

/* The next field of *s, up to the separator or the end. */
static struct span
cut_field(struct span *s, char separator)
{
	size_t n = span_find(*s, separator);
	struct span field = span_head(*s, n);

	*s = span_tail(*s, n + 1);
	return field;
}

/* Whether s begins with a number a uid or gid can have, and that. */
static bool
read_id(struct span s, uint32_t *out)
{
	uint64_t n;

	/* the largest value means "leave it as it is" to setresuid(2) */
	if (num_prefix(s, UINT32_MAX, &n) < 0 || n == UINT32_MAX)
		return false;
	*out = (uint32_t)n;
	return true;
}

int
account_parse(struct span record, struct account *out)
{
	struct span field[FIELDS], rest = record;
	uint32_t uid = 0, gid = 0;

	for (size_t i = 0; i < FIELDS; i++) {
		if (i == FIELDS - 1 || span_find(rest, '\0') < rest.len)
			field[i] = cut_field(&rest, '\0');
		else
			return E_SYNTAX;
	}
	/* better nobody's mail than a delivery with group root by mistake */
	if (!read_id(field[1], &uid) || !read_id(field[2], &gid))
		uid = gid = 0;
	*out = (struct account){ .user = field[0],
		.uid = uid,
		.gid = gid,
		.home = field[3],
		.dash = field[4],
		.ext = field[5] };
	return 0;
}

static void
put_field(struct buf *b, struct span s)
{
	buf_put(b, s);
	buf_putc(b, '\0');
}

void
account_put(struct buf *b, const struct account *a)
{
	put_field(b, a->user);
	buf_putu(b, a->uid);
	buf_putc(b, '\0');
	buf_putu(b, a->gid);
	buf_putc(b, '\0');
	put_field(b, a->home);
	put_field(b, a->dash);
	put_field(b, a->ext);
}

static void
put_lower(struct buf *b, struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		buf_putc(b, ascii_lower((unsigned char)s.p[i]));
}

/* What a compilation has in hand. */
struct compile {
	assign_sink_fn *sink;
	void *ctx;
	struct buf key, value, wild;
	bool is_wild[BYTES];
};

static void
note_wildcard(struct compile *c, char last)
{
	unsigned char byte = (unsigned char)last;

	if (!c->is_wild[byte])
		buf_putc(&c->wild, last);
	c->is_wild[byte] = true;
}

static int
emit(struct compile *c, const struct buf *key, const struct buf *value)
{
	int r = buf_err(key);

	if (r == 0)
		r = buf_err(value);
	if (r == 0)
		r = c->sink(c->ctx, buf_span(key), buf_span(value));
	return r;
}

/* One assignment: =name:user:uid:gid:home:dash:ext: or +name:... */
static int
compile_line(struct compile *c, struct span line)
{
	bool is_wildcard = line.len > 0 && line.p[0] == '+';
	size_t colon = span_find(line, ':');
	struct span name, rest;

	if (colon == 0 || colon == line.len || span_find(line, '\0') < line.len)
		return E_SYNTAX;
	name = span_tail(span_head(line, colon), 1);
	rest = span_tail(line, colon + 1);

	buf_reset(&c->key);
	buf_putc(&c->key, '!');
	put_lower(&c->key, name);
	if (!is_wildcard)
		buf_putc(&c->key, '\0');
	else if (name.len > 0)
		note_wildcard(c, name.p[name.len - 1]);

	buf_reset(&c->value);
	for (int i = 0; i < FIELDS; i++) {
		if (span_find(rest, ':') == rest.len)
			return E_SYNTAX;
		if (i > 0)
			buf_putc(&c->value, '\0');
		buf_put(&c->value, cut_field(&rest, ':'));
	}
	return emit(c, &c->key, &c->value);
}

/* All lines up to the one with a dot, which must be there. */
static int
compile_all(struct compile *c, struct span text, size_t *number)
{
	struct span line;

	for (*number = 1;; ++*number) {
		bool is_whole = span_find(text, '\n') < text.len;
		int r;

		if (span_starts(text, SPAN(".")))
			break;
		if (!is_whole || !span_line(&text, &line))
			return E_SYNTAX;
		r = compile_line(c, line);
		if (r < 0)
			return r;
	}
	buf_reset(&c->key);
	return emit(c, &c->key, &c->wild);
}

int
assign_compile(struct span text, assign_sink_fn *sink, void *ctx, size_t *line)
{
	struct compile c = { .sink = sink,
		.ctx = ctx,
		.key = BUF_INIT(KEY_MAX),
		.value = BUF_INIT(KEY_MAX),
		.wild = BUF_INIT(BYTES) };
	int r = compile_all(&c, text, line);

	buf_free(&c.key);
	buf_free(&c.value);
	buf_free(&c.wild);
	return r;
}

/* Whether a wildcard may end in this byte. Its case is ignored, though
 * users/cdb has it as written. */
static bool
is_wild(struct span wild, char c)
{
	char lower = ascii_lower((unsigned char)c);

	for (size_t i = 0; i < wild.len; i++)
		if (ascii_lower((unsigned char)wild.p[i]) == lower)
			return true;
	return false;
}

/* The record for key, else for its longest beginning that is a wildcard;
 * *used is how much of key that was. */
static int
find_longest(struct cdbfile *c, struct span wild, struct span key,
    struct span *record, size_t *used)
{
	for (size_t n = key.len; n > 0; n--) {
		int r;

		if (n < key.len && n > 1 && !is_wild(wild, key.p[n - 1]))
			continue;
		r = cdbfile_find(c, span_head(key, n), record);
		if (r != E_ABSENT) {
			*used = n;
			return r;
		}
	}
	return E_ABSENT;
}

int
assign_find(
    struct cdbfile *c, struct span local, struct buf *ext, struct account *out)
{
	struct buf key = BUF_INIT(KEY_MAX);
	struct span wild, record;
	size_t used = 0;
	int r = cdbfile_find(c, SPAN(""), &wild);

	/* every users/cdb has this record: without it, it is something else */
	if (r < 0)
		return r == E_ABSENT ? E_DAMAGED : r;
	buf_putc(&key, '!');
	put_lower(&key, local);
	buf_putc(&key, '\0');
	r = buf_err(&key);
	if (r == 0)
		r = find_longest(c, wild, buf_span(&key), &record, &used);
	if (r == 0)
		r = account_parse(record, out);
	if (r == 0) {
		out->is_exact = used == key.len;
		out->matched = out->is_exact ? local.len : used - 1;
		buf_reset(ext);
		buf_put(ext, out->ext);
		buf_put(ext, span_tail(local, used - 1));
		r = buf_err(ext);
	}
	if (r == 0)
		out->ext = buf_span(ext);
	buf_free(&key);
	return r;
}

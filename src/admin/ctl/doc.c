/*
 * doc - JSON documents: see doc.h
 */
#include "doc.h"

#include "base/buf.h"
#include "base/err.h"
#include "say.h"
#include "sys/prog.h"
#include "utf8.h"
#include "when.h"

enum { KEY_MAX = 64, TEXT_LIMIT = 256 * 1024 * 1024 };

static void NORETURN
die(void)
{
	prog_die(EX_SOFT, "unable to compose JSON", E_NOMEM);
}

static json_t *
made(json_t *value)
{
	if (value == NULL)
		die();
	return value;
}

json_t *
doc_object(void)
{
	return made(json_object());
}

json_t *
doc_array(void)
{
	return made(json_array());
}

void
doc_put(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, made(value)) < 0)
		die();
}

void
doc_append(json_t *array, json_t *value)
{
	if (json_array_append_new(array, made(value)) < 0)
		die();
}

void
doc_bool(json_t *object, const char *key, bool is_so)
{
	doc_put(object, key, json_boolean(is_so));
}

void
doc_number(json_t *object, const char *key, uint64_t n)
{
	doc_put(object, key,
	    json_integer(n > INT64_MAX ? INT64_MAX : (json_int_t)n));
}

void
doc_null(json_t *object, const char *key)
{
	doc_put(object, key, json_null());
}

static json_t *
text_of(struct buf *b)
{
	json_t *value;

	if (buf_err(b) < 0)
		die();
	value = json_stringn(buf_span(b).p, b->len);
	buf_free(b);
	return value;
}

/* KEY and a tail to it, for the length of one put. */
static void
put_beside(json_t *object, const char *key, const char *tail, json_t *value)
{
	struct buf both = BUF_INIT(KEY_MAX);
	const char *name;

	buf_puts(&both, key);
	buf_puts(&both, tail);
	if (buf_cstr(&both, &name) < 0)
		die();
	doc_put(object, name, value);
	buf_free(&both);
}

void
doc_text(json_t *object, const char *key, struct span s)
{
	struct buf text = BUF_INIT(TEXT_LIMIT), hex = BUF_INIT(TEXT_LIMIT);
	bool is_utf8 = true;

	for (struct span rest = s; rest.len > 0;) {
		size_t n = utf8_length(rest);

		if (n > 0)
			buf_put(&text, span_head(rest, n));
		else
			buf_put(&text, SPAN("\xef\xbf\xbd"));
		is_utf8 = is_utf8 && n > 0;
		rest = span_tail(rest, n > 0 ? n : 1);
	}
	doc_put(object, key, text_of(&text));
	if (is_utf8)
		return;
	for (size_t i = 0; i < s.len; i++)
		buf_puthex(&hex, (unsigned char)s.p[i], 2);
	put_beside(object, key, "_hex", text_of(&hex));
}

void
doc_time(json_t *object, const char *key, int64_t t)
{
	struct buf iso = BUF_INIT(KEY_MAX);

	when_put_iso(&iso, t);
	doc_put(object, key, t == 0 ? json_null() : json_integer(t));
	put_beside(object, key, "_iso", t == 0 ? json_null() : text_of(&iso));
	buf_free(&iso);
}

void
doc_id(json_t *object, uint64_t id)
{
	char number[NUMBER_MAX];

	doc_put(object, "id", json_string(say_number(id, number)));
}

static int
write_piece(const char *piece, size_t n, void *ctx)
{
	out_put(ctx, (struct span){ piece, n });
	return 0;
}

static void
dump(struct out *o, json_t *value)
{
	if (json_dump_callback(value, write_piece, o, JSON_ENSURE_ASCII) < 0)
		die();
	json_decref(value);
}

void
doc_write(struct out *o, json_t *value)
{
	dump(o, value);
	out_puts(o, "\n");
}

void
doc_list_begin(struct doc_list *l, struct out *o)
{
	*l = (struct doc_list){ .out = o };
	out_puts(o, "[");
}

void
doc_list_put(struct doc_list *l, json_t *value)
{
	out_puts(l->out, l->has_any ? ",\n" : "\n");
	l->has_any = true;
	dump(l->out, value);
}

void
doc_list_end(struct doc_list *l)
{
	out_puts(l->out, l->has_any ? "\n]\n" : "]\n");
}

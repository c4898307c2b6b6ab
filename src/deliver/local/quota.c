/*
 * quota - Maildir++ quotas: see quota.h
 */
#include "quota.h"

#include "base/err.h"
#include "base/num.h"

enum { SIZE_BITS = 48 }; /* sums of these never wrap */

static const uint64_t most = 1ULL << SIZE_BITS;

static bool
is_letter(char c)
{
	return c >= 'A' && c <= 'Z';
}

int
quota_parse(struct span list, struct quota *out)
{
	*out = (struct quota){ .bytes = 0 };
	while (list.len > 0) {
		struct span item = span_head(list, span_find(list, ','));
		uint64_t n;
		int r;

		if (item.len < 2 || !is_letter(item.p[item.len - 1]))
			return E_SYNTAX;
		r = num_parse(span_head(item, item.len - 1), most, &n);
		if (r < 0)
			return r;
		if (item.p[item.len - 1] == 'S')
			out->bytes = n;
		else if (item.p[item.len - 1] == 'C')
			out->count = n;
		list = span_tail(list, item.len + 1);
	}
	return 0;
}

/* The next word of *s, which is removed from it. */
static struct span
next_word(struct span *s)
{
	struct span word;
	size_t n = 0;

	while (s->len > 0 && (s->p[0] == ' ' || s->p[0] == '\t'))
		*s = span_tail(*s, 1);
	while (n < s->len && s->p[n] != ' ' && s->p[n] != '\t')
		n++;
	word = span_head(*s, n);
	*s = span_tail(*s, n);
	return word;
}

/* "1000M" is no limit at all: better to say so than to obey it. */
static bool
has_other_letters(struct span list)
{
	for (size_t i = 0; i < list.len; i++)
		if (is_letter(list.p[i]) && list.p[i] != 'S' &&
		    list.p[i] != 'C')
			return true;
	return false;
}

int
quota_rule(struct span line, struct quota_rule *out)
{
	struct quota q;
	struct span word;
	bool has_action = false;
	int r = 0;

	*out = (struct quota_rule){ .bounces = false };
	while (r == 0 && (word = next_word(&line)).len > 0) {
		bool bounces = span_eq(word, SPAN("bounce"));

		if (bounces || span_eq(word, SPAN("defer"))) {
			r = has_action ? E_SYNTAX : 0;
			has_action = true;
			out->bounces = bounces;
		} else {
			r = out->list.len > 0 || has_other_letters(word)
				? E_SYNTAX
				: quota_parse(word, &q);
			out->list = word;
		}
	}
	return r;
}

/* A number, with a sign perhaps. */
static int
parse_signed(struct span s, int64_t *out)
{
	bool is_negative = span_starts(s, SPAN("-"));
	uint64_t n = 0;
	int r = num_parse(span_tail(s, is_negative ? 1 : 0), most, &n);

	*out = is_negative ? -(int64_t)n : (int64_t)n;
	return r;
}

int
quota_sum(struct span lines, struct quota_usage *u)
{
	struct span line;

	while (span_line(&lines, &line)) {
		struct span bytes = next_word(&line);
		struct span count = next_word(&line);
		struct quota_usage more = { .bytes = 0 };
		int r = parse_signed(bytes, &more.bytes);

		if (r == 0)
			r = parse_signed(count, &more.count);
		if (r == 0 && next_word(&line).len > 0)
			r = E_SYNTAX;
		if (r < 0)
			return r;
		u->bytes += more.bytes;
		u->count += more.count;
	}
	return 0;
}

bool
quota_allows(const struct quota *q, const struct quota_usage *u, uint64_t size)
{
	/* what others wrote may add up to less than nothing */
	uint64_t bytes = u->bytes > 0 ? (uint64_t)u->bytes : 0;
	uint64_t count = u->count > 0 ? (uint64_t)u->count : 0;

	if (q->bytes > 0 && (size > q->bytes || bytes > q->bytes - size))
		return false;
	return q->count == 0 || count < q->count;
}

bool
quota_is_trashed(struct span name)
{
	struct span info = span_tail(name, span_rfind(name, ':') + 1);

	return span_starts(info, SPAN("2,")) && span_find(info, 'T') < info.len;
}

bool
quota_size_of(struct span name, uint64_t *size)
{
	const struct span mark = SPAN(",S=");
	struct span s = span_head(name, span_find(name, ':'));
	size_t at = span_find(s, ',');

	while (at < s.len && !span_starts(span_tail(s, at), mark))
		at += 1 + span_find(span_tail(s, at + 1), ',');
	if (at >= s.len)
		return false;
	s = span_tail(s, at + mark.len);
	return num_parse(span_head(s, span_find(s, ',')), most, size) == 0;
}

/*
 * addrlist_fuzz - any bytes as a list of addresses
 *
 * Whatever it is, one field is written, and no address holds a NUL. What
 * is written is read again.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/err.h"
#include "mail/addrlist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LIMIT = 1 << 24 };

static void
expect(bool truth)
{
	if (!truth)
		abort();
}

static int
collect(void *ctx, struct span addr)
{
	struct buf *b = ctx;

	expect(span_find(addr, '\0') == addr.len);
	buf_put(b, addr);
	buf_putc(b, '\0');
	return buf_err(b);
}

/* Whether all lines but the first are continuations. */
static bool
is_one_field(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] == '\n' &&
		    (i + 1 == s.len ||
			(s.p[i + 1] != ' ' && s.p[i + 1] != '\t')))
			return false;
	return true;
}

/* Read body, write it into field. */
static int
pass(const struct addrlist_rules *rules, struct span body, struct buf *found,
    struct buf *field)
{
	struct tokens in = TOKENS_INIT, out = TOKENS_INIT;
	int r = tokens_scan(&in, body);

	if (r == 0)
		r = addrlist_parse(&in, rules, collect, found, &out);
	if (r == 0)
		r = tokens_field(&out, SPAN("To"), field);
	tokens_free(&out);
	tokens_free(&in);
	return r;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct span input = { (const char *)data, size };
	struct addrlist_rules rules = ADDRLIST_RULES_INIT;
	struct buf found = BUF_INIT(LIMIT), again = BUF_INIT(LIMIT);
	struct buf field[2] = { BUF_INIT(LIMIT), BUF_INIT(LIMIT) };

	expect(tokens_scan(&rules.host, SPAN("dh")) == 0 &&
	       tokens_scan(&rules.domain, SPAN("dd.org")) == 0 &&
	       tokens_scan(&rules.plus, SPAN("plus.org")) == 0);
	if (pass(&rules, input, &found, &field[0]) == 0) {
		struct span written = buf_span(&field[0]);

		expect(span_starts(written, SPAN("To:")));
		expect(span_ends(written, SPAN("\n")));
		expect(is_one_field(span_head(written, written.len - 1)));
		(void)pass(&rules, span_tail(written, 3), &again, &field[1]);
	}
	buf_free(&field[1]);
	buf_free(&field[0]);
	buf_free(&again);
	buf_free(&found);
	addrlist_rules_free(&rules);
	return 0;
}

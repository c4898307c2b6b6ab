/*
 * address_fuzz - quoting: nothing leaves the quotes, nothing is lost
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "mail/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Undo the quotes; where the local part ends in s. */
static size_t
unquote(struct span s, struct buf *b)
{
	size_t i = 1;

	if (s.p[0] != '"') {
		size_t at = span_find(s, '@');

		buf_put(b, span_head(s, at));
		return at;
	}
	for (; s.p[i] != '"'; i++) {
		if (s.p[i] == '\\')
			i++;
		if (i >= s.len)
			abort();
		buf_putc(b, s.p[i]);
	}
	return i + 1;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { (const char *)data, size }, local, domain;
	struct buf quoted = BUF_INIT(4 * 1024 * 1024);
	struct buf back = BUF_INIT(4 * 1024 * 1024);
	bool has_domain = address_split(in, &local, &domain);
	size_t at;

	if (size == 0)
		return 0;
	address_quote(&quoted, in);
	at = unquote(buf_span(&quoted), &back);
	if (!span_eq(buf_span(&back), local))
		abort();
	if (has_domain != (at < quoted.len) ||
	    (has_domain &&
		(quoted.p[at] != '@' ||
		    !span_eq(span_tail(buf_span(&quoted), at + 1), domain))))
		abort();
	buf_free(&quoted);
	buf_free(&back);
	return 0;
}

/*
 * dotqmail_fuzz - names of .qmail files and lines in them, of any bytes
 *
 * The first byte says how much of the rest is an extension.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "mail/dotqmail.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Names get shorter, all but the first end in "default", and they end. */
static void
check_names(struct span ext)
{
	struct buf safe = BUF_INIT(1024), name = BUF_INIT(2048);
	struct dotqmail_names names;
	size_t at, last = SIZE_MAX, n = 0;

	dotqmail_safe(&safe, ext);
	if (buf_span(&safe).len != ext.len)
		abort();
	names = DOTQMAIL_NAMES(SPAN("-"), buf_span(&safe));
	while (dotqmail_name(&names, &name, &at)) {
		struct span s = buf_span(&name);

		if (at > ext.len || !span_starts(s, SPAN(".qmail-")))
			abort();
		if (n > 0 &&
		    (s.len >= last + 8 || !span_ends(s, SPAN("default"))))
			abort();
		if (n > 1 && s.len >= last)
			abort();
		/* no way up, whatever the address is */
		if (memmem(s.p + 1, s.len - 1, "..", 2) != NULL)
			abort();
		last = s.len;
		buf_reset(&name);
		if (++n > ext.len + 2)
			abort();
	}
	if (n < 2)
		abort();
	buf_free(&name);
	buf_free(&safe);
}

/* What names a folder leads nowhere else. */
static void
check_folder(struct span name)
{
	if (!dotqmail_is_folder(name))
		return;
	if (name.len == 0 || name.len > 64 || name.p[0] == '.' ||
	    span_find(name, '/') < name.len ||
	    span_find(name, '\0') < name.len ||
	    memmem(name.p, name.len, "..", 2) != NULL)
		abort();
}

static void
check_lines(struct span rest)
{
	struct span s;

	while (span_line(&rest, &s)) {
		struct line l = dotqmail_line(s);

		if (l.text.len > s.len || l.text.p < s.p ||
		    l.text.p + l.text.len > s.p + s.len)
			abort();
		if (l.kind >= LINE_PROGRAM && l.text.len > 0 &&
		    (span_ends(l.text, SPAN(" ")) ||
			span_ends(l.text, SPAN("\t"))))
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in;

	if (size < 1)
		return 0;
	in = (struct span){ (const char *)data + 1, size - 1 };
	check_names(span_head(in, data[0]));
	check_folder(span_head(in, data[0]));
	check_lines(span_tail(in, data[0]));
	return 0;
}

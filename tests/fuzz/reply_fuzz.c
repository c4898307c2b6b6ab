/*
 * reply_fuzz - whatever a server answers, and however it is divided
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "mail/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const struct reply *r)
{
	struct span text = reply_text(r);
	struct span args = SPAN("");
	unsigned int status[3];

	if (r->code != 0 && (r->code < 200 || r->code > 599))
		abort();
	if (text.len > REPLY_TEXT_MAX || span_find(text, '\r') < text.len ||
	    span_find(text, '\0') < text.len)
		abort();
	if (reply_offers(r, SPAN("SIZE"), &args) &&
	    span_find(args, '\n') < args.len)
		abort();
	(void)reply_status(r, status);
}

/* The first answer; returned is how many bytes it took. */
static size_t
read_one(struct reply *r, struct span in, size_t step, int *e)
{
	size_t all = 0;

	*e = E_EOF;
	while (*e == E_EOF && in.len > 0) {
		size_t used = 0;

		*e = reply_feed(r, span_head(in, step), &used);
		if (used == 0 || used > step)
			abort();
		in = span_tail(in, used);
		all += used;
	}
	check(r);
	return all;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { (const char *)data, size };
	struct reply whole = REPLY_INIT, parts = REPLY_INIT;
	int a = 0, b = 0;

	while (in.len > 0 && a == 0) {
		size_t step = (unsigned char)in.p[0] % 7U + 1;
		size_t n = read_one(&whole, in, in.len, &a);

		if (read_one(&parts, in, step, &b) != n || a != b ||
		    whole.code != parts.code ||
		    !span_eq(reply_text(&whole), reply_text(&parts)))
			abort();
		reply_reset(&whole);
		reply_reset(&parts);
		in = span_tail(in, n);
	}
	reply_free(&whole);
	reply_free(&parts);
	return 0;
}

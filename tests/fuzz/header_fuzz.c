/*
 * header_fuzz - any bytes as a message: every byte is in exactly one part
 */
#include <stdint.h>
#include <stdlib.h>

#include "mail/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
expect(bool truth)
{
	if (!truth)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct span all = { (const char *)data, size };
	struct span rest = all, part, name, body;
	enum header_part kind;

	do {
		struct span cut = rest, scrap;
		size_t had = rest.len;

		/* whoever knows less says the same or nothing */
		cut.len /= 2;
		kind = header_next(&cut, false, &scrap);
		if (kind == HEADER_MORE) {
			kind = header_next(&rest, true, &part);
		} else {
			expect(header_next(&rest, true, &part) == kind);
			expect(span_eq(part, scrap));
		}
		expect(kind != HEADER_MORE);
		expect(part.len == had - rest.len);
		if (kind == HEADER_FIELD) {
			header_split(part, &name, &body);
			expect(name.len > 0);
			expect(name.len + 1 + body.len <= part.len);
		}
	} while (kind == HEADER_FIELD || kind == HEADER_MBOX);
	expect(kind != HEADER_END || rest.len == 0);
	return 0;
}

/*
 * path_fuzz - whatever MAIL and RCPT say, an address comes out clean
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"
#include "base/buf.h"
#include "mail/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(enum path_kind kind, struct span arg)
{
	struct buf addr = BUF_INIT(65536);
	struct path_param p;
	struct span params;

	if (path_parse(kind, arg, &addr, &params) == PATH_OK &&
	    buf_err(&addr) == 0) {
		struct span a = buf_span(&addr);

		if (a.len > PATH_MAX_BYTES)
			abort();
		for (size_t i = 0; i < a.len; i++)
			if (!ascii_is_print((unsigned char)a.p[i]))
				abort();
		if (kind == PATH_RCPT && (a.len == 0 || a.p[0] == '@'))
			abort();
		while (path_param(&params, &p) == 0)
			if (p.name.len == 0)
				abort();
	}
	buf_free(&addr);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span s = { (const char *)data, size };
	struct buf arg = BUF_INIT(65536);
	uint8_t ip[16];

	check(PATH_MAIL, s);
	check(PATH_RCPT, s);
	/* most inputs do not begin with the word: give them one */
	buf_puts(&arg, "FROM:<");
	buf_put(&arg, s);
	if (buf_err(&arg) == 0)
		check(PATH_MAIL, buf_span(&arg));
	buf_reset(&arg);
	buf_puts(&arg, "TO:");
	buf_put(&arg, s);
	if (buf_err(&arg) == 0)
		check(PATH_RCPT, buf_span(&arg));
	buf_free(&arg);
	(void)path_literal(s, ip);
	return 0;
}

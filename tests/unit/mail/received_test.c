/*
 * received_test - the line is whole, and harmless whatever strangers say
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mail/received.h"

/* SPAN() for tables. */
#define LIT(s) \
	{ \
		s, sizeof(s) - 1 \
	}

enum { WHEN = 1795483930 }; /* 24 Nov 2026 01:32:10 */

#define WHO "client.example.net"
#define AT "192.0.2.7"
#define TAIL "\n  by mx.example.org with SMTP; 24 Nov 2026 01:32:10 -0000\n"

static const struct row {
	const char *name;
	struct span host, helo;
	const char *info; /* NULL: none */
	const char *line;
} rows[] = {
	{ "another name (edges S1)", LIT(WHO), LIT("foo"), NULL,
	    "Received: from " WHO " (HELO foo) (" AT ")" TAIL },
	{ "the same but for case, info (S28)", LIT(WHO),
	    LIT("client.EXAMPLE.net"), "jo e(x)",
	    "Received: from " WHO " (jo?e?x?@" AT ")" TAIL },
	{ "bytes that do harm (S29)", LIT(WHO), LIT("[1.2.3.4] x<y>\"\351_z"),
	    NULL,
	    "Received: from " WHO " (HELO [1.2.3.4]?x?y????z) (" AT ")" TAIL },
	{ "empty name (S29)", LIT(WHO), LIT(""), NULL,
	    "Received: from " WHO " (HELO ) (" AT ")" TAIL },
	{ "empty info", LIT("unknown"), LIT("unknown"), "",
	    "Received: from unknown (@" AT ")" TAIL },
	{ "line ends and NUL", LIT("a\r\n\tb\0c"), LIT("a\r\n\tb\0c"), NULL,
	    "Received: from a???b?c (" AT ")" TAIL },
};

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const char *info = rows[i].info;
		struct received r = { .host = rows[i].host,
			.helo = rows[i].helo,
			.info = info != NULL ? span_cstr(info) : SPAN(""),
			.has_info = info != NULL,
			.ip = SPAN(AT),
			.local = SPAN("mx.example.org"),
			.with = SPAN("SMTP"),
			.when = WHEN };
		struct buf b = BUF_INIT(1000);
		const char *line;

		received_put(&b, &r);
		assert_int_equal(buf_cstr(&b, &line), 0);
		if (strcmp(line, rows[i].line) != 0)
			fail_msg("%s: %s", rows[i].name, line);
		buf_free(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * ip_test - which texts are addresses
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../../src/deliver/remote/ip.c"

static const struct {
	const char *in, *out; /* NULL: no address */
} rows[] = {
	{ "", NULL },
	{ "1.2.3.4", "1.2.3.4" },
	{ "[1.2.3.4]", "1.2.3.4" },
	{ "001.02.3.255", "1.2.3.255" },
	{ "0.0.0.0", "0.0.0.0" },
	{ "1.2.3.256", NULL },
	{ "1.2.3", NULL },
	{ "1.2.3.4.5", NULL },
	{ "1.2.3.4.", NULL },
	{ "1..3.4", NULL },
	{ "+1.2.3.4", NULL },
	{ "1.2.3.4 ", NULL },
	{ "[1.2.3.4", NULL },
	{ "1.2.3.4]", NULL },
	{ "[]", NULL },
	{ "[", NULL },
	{ "0x7f.1", NULL },
	{ "host", NULL },
	{ "::1", "::1" },
	{ "[::1]", "::1" },
	{ "[IPv6:2001:DB8::1]", "2001:db8::1" },
	{ "[ipv6:::]", "::" },
	{ "IPv6:::1", NULL },
	{ "[IPv6:1.2.3.4]", NULL },
	{ "::ffff:1.2.3.4", "::ffff:1.2.3.4" },
	{ "1:2:3:4:5:6:7:8:9", NULL },
	{ "aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa", NULL },
};

static void
test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char text[IP_TEXT];
		struct ip ip;
		bool is = ip_parse(span_cstr(rows[i].in), &ip);

		if (is != (rows[i].out != NULL))
			fail_msg("%s", rows[i].in);
		if (!is)
			continue;
		ip_text(&ip, text);
		assert_string_equal(text, rows[i].out);
	}
}

static void
test_sockaddr(void **state)
{
	union ip_sockaddr sa;
	struct ip a, b;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (!ip_parse(span_cstr(rows[i].in), &a))
			continue;
		assert_true(ip_to_sockaddr(&a, 25, &sa) > 0);
		assert_true(ip_from_sockaddr(&sa.any, &b));
		assert_true(ip_eq(&a, &b));
		assert_int_equal(
		    ip_is_any(&a), strcmp(rows[i].in, "0.0.0.0") == 0 ||
				       strcmp(rows[i].in, "[ipv6:::]") == 0);
	}
	assert_false(ip_from_sockaddr(NULL, &b));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_sockaddr),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

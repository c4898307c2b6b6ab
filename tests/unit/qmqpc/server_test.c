/*
 * server_test - which lines of control/qmqpservers name a server
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../../src/user/qmqpc/server.c"

static const struct {
	const char *in, *ip; /* NULL: no server */
	unsigned int port;
} rows[] = {
	{ "", NULL, 0 },
	{ "1.2.3.4", "1.2.3.4", 628 },
	{ "001.02.3.255", "1.2.3.255", 628 },
	{ "257.0.512.1000000000000000000003", "1.0.0.3", 628 },
	{ "1.2.3.4 the first", "1.2.3.4", 628 },
	{ "1.2.3.4.5", "1.2.3.4", 628 },
	{ "1.2.3", NULL, 0 },
	{ "1.2.3.", NULL, 0 },
	{ "1..3.4", NULL, 0 },
	{ " 1.2.3.4", NULL, 0 },
	{ "[1.2.3.4]", NULL, 0 },
	{ "mail.example.org", NULL, 0 },
	{ "1.2.3.4:2628", "1.2.3.4", 2628 },
	{ "1.2.3.4:65535x", "1.2.3.4", 65535 },
	{ "1.2.3.4:65536", "1.2.3.4", 628 },
	{ "1.2.3.4:", "1.2.3.4", 628 },
	{ "1.2.3.4:x", "1.2.3.4", 628 },
	{ "2001:db8::1", "2001:db8::1", 628 },
	{ "::1", "::1", 628 },
	{ "::ffff:1.2.3.4", "::ffff:1.2.3.4", 628 },
	{ "[::1]", "::1", 628 },
	{ "[::1]:2628", "::1", 2628 },
	{ "[::1] the second", "::1", 628 },
	{ "::1 the second", "::1", 628 },
	{ "[::1", NULL, 0 },
	{ "[", NULL, 0 },
	{ ":", NULL, 0 },
	{ "a", NULL, 0 },
	{ "1:2:3:4:5:6:7:8:9", NULL, 0 },
	{ "0000000000000000000000000000000000000000000000000000:1", NULL, 0 },
};

static void
check(const char *in, const char *ip, unsigned int port)
{
	struct sockaddr_in four;
	struct sockaddr_in6 six;
	char text[INET6_ADDRSTRLEN];
	unsigned int found;
	struct server s;

	if (server_parse(span_cstr(in), &s) != (ip != NULL))
		fail_msg("%s", in);
	if (ip == NULL)
		return;
	memcpy(&four, &s.address, sizeof(four));
	memcpy(&six, &s.address, sizeof(six));
	if (s.address.ss_family == AF_INET) {
		assert_int_equal(s.len, sizeof(four));
		(void)inet_ntop(AF_INET, &four.sin_addr, text, sizeof(text));
		found = ntohs(four.sin_port);
	} else {
		assert_int_equal(s.len, sizeof(six));
		(void)inet_ntop(AF_INET6, &six.sin6_addr, text, sizeof(text));
		found = ntohs(six.sin6_port);
	}
	if (strcmp(text, ip) != 0 || found != port)
		fail_msg("%s: %s port %u", in, text, found);
}

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		check(rows[i].in, rows[i].ip, rows[i].port);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * smtproutes_test - every dialect of contract edges.md 9.4
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "conf/smtproutes.h"

static const struct row {
	const char *value, *relay;
	bool is_relay;
	uint16_t port;
	const char *user, *password; /* NULL: no login */
} rows[] = {
	{ "", "", false, 25, NULL, NULL },
	{ "relay", "relay", true, 25, NULL, NULL },
	{ "relay:26", "relay", true, 26, NULL, NULL },
	{ "relay;26", "relay", true, 26, NULL, NULL },
	{ ":25", "", true, 25, NULL, NULL },
	{ "1.2.3.4:2525", "1.2.3.4", true, 2525, NULL, NULL },
	{ "[1.2.3.4]", "1.2.3.4", true, 25, NULL, NULL },
	{ "[1.2.3.4]:26", "1.2.3.4", true, 26, NULL, NULL },
	{ "[2001:db8::1]", "2001:db8::1", true, 25, NULL, NULL },
	{ "[2001:db8::1]:26", "2001:db8::1", true, 26, NULL, NULL },
	{ "[2001:db8::1];26", "2001:db8::1", true, 26, NULL, NULL },
	{ "[IPv6:::1]:26", "IPv6:::1", true, 26, NULL, NULL },
	{ "2001:db8::1", "2001:db8::1", true, 25, NULL, NULL },
	{ "2001:db8::1;26", "2001:db8::1", true, 26, NULL, NULL },
	{ "::1", "::1", true, 25, NULL, NULL },
	{ "relay:x", "relay", true, 0, NULL, NULL },
	{ "relay:", "relay", true, 0, NULL, NULL },
	{ "relay:25x", "relay", true, 0, NULL, NULL },
	{ "relay:65535", "relay", true, 65535, NULL, NULL },
	{ "relay:65536", "relay", true, 0, NULL, NULL },
	{ "relay:25:10", "relay", true, 0, NULL, NULL },
	{ "[relay", "[relay", true, 25, NULL, NULL },
	{ "[::1]x", "::1", true, 0, NULL, NULL },
	{ "relay|me|pa:ss|w", "relay", true, 25, "me", "pa:ss|w" },
	{ "relay:26|me|", "relay", true, 26, "me", "" },
	{ "relay|me", "relay", true, 25, "me", "" },
	{ "|me|pw", "", false, 25, "me", "pw" },
};

static void
test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct row *row = &rows[i];
		struct route r = route_parse(span_cstr(row->value));

		if (r.is_relay != row->is_relay || r.port != row->port ||
		    !span_eq(r.relay, span_cstr(row->relay)) ||
		    r.has_login != (row->user != NULL))
			fail_msg("%s: %.*s %d", row->value, (int)r.relay.len,
			    r.relay.p, r.port);
		if (row->user == NULL)
			continue;
		assert_true(span_eq(r.user, span_cstr(row->user)));
		assert_true(span_eq(r.password, span_cstr(row->password)));
	}
}

static struct map *
table(void)
{
	static const char *const lines[][2] = {
		{ "full.test", "one" },
		{ ".full.test", "two" },
		{ "sub.full.test", "" },
		{ "!@", "bounce" },
	};
	struct map *m = map_new();

	assert_non_null(m);
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		assert_int_equal(
		    map_put(m, span_cstr(lines[i][0]), span_cstr(lines[i][1])),
		    0);
	return m;
}

static const struct {
	const char *host, *sender, *value; /* NULL: none */
	const char *key;
} finds[] = {
	{ "full.test", "s@x", "one", "via one" },
	{ "FULL.Test", "s@x", "one", "via one" },
	{ "a.full.test", "s@x", "two", "via two" },
	{ "a.b.full.test", "s@x", "two", "via two" },
	/* the first key there decides, even when it says nothing */
	{ "sub.full.test", "s@x", "", "sub.full.test" },
	{ "x.sub.full.test", "s@x", "two", "via two" },
	{ "notfull.test", "s@x", NULL, "notfull.test" },
	{ "Other", "s@x", NULL, "other" },
	{ "", "s@x", NULL, "" },
	{ "other", "", "bounce", "via bounce" },
	{ "full.test", "", "bounce", "via bounce" },
};

static void
test_find(void **state)
{
	struct map *m = table();

	(void)state;
	for (size_t i = 0; i < sizeof(finds) / sizeof(*finds); i++) {
		struct span used, again, host = span_cstr(finds[i].host);
		struct span sender = span_cstr(finds[i].sender);
		struct buf key = BUF_INIT(100);
		struct span value = SPAN("");
		bool found = route_find(m, host, sender, &value);

		if (found != (finds[i].value != NULL) ||
		    (found && !span_eq(value, span_cstr(finds[i].value))))
			fail_msg("%s <%s>: %.*s", finds[i].host,
			    finds[i].sender, (int)value.len, value.p);
		/* the same answer, and a key that leads to it alone */
		if (route_find_key(m, host, sender, &used, &value) != found ||
		    (found &&
			!(map_get(m, used, &again) && span_eq(again, value))))
			fail_msg("%s: key %.*s", finds[i].host, (int)used.len,
			    used.p);
		route_key(found ? value : SPAN(""), host, &key);
		assert_true(span_eq(buf_span(&key), span_cstr(finds[i].key)));
		buf_free(&key);
	}
	map_destroy(&m);
}

static void
test_default(void **state)
{
	struct map *m = map_new();
	struct span value;

	(void)state;
	assert_false(route_find(NULL, SPAN("h"), SPAN("s"), &value));
	assert_false(route_find(m, SPAN("h"), SPAN(""), &value));
	assert_int_equal(map_put(m, SPAN(""), SPAN("hub")), 0);
	assert_true(route_find(m, SPAN("h"), SPAN("s"), &value));
	assert_true(route_find(m, SPAN(""), SPAN(""), &value));
	assert_true(span_eq(value, SPAN("hub")));
	map_destroy(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_default),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

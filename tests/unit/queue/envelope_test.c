/*
 * envelope_test, also of note and record: sealed files, and damage
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "queue/envelope.h"
#include "queue/note.h"

enum { ID = 1795483621 };

static void
sample(struct buf *b)
{
	struct envelope e = { .id = ID,
		.uid = 1001,
		.pid = 12,
		.node = SPAN("host"),
		.size = 90,
		.hash = 0xdeadbeef,
		.sender = SPAN("s@x"),
		.rcpts = { "Tr1@y\0T\0Tr3@y\0", 14 },
		.nrcpt = 3 };

	envelope_seal(b, &e);
}

static void
test_there_and_back(void **state)
{
	struct buf b = BUF_INIT(1000);
	struct envelope e;
	struct span rcpts, addr;

	(void)state;
	sample(&b);
	assert_int_equal(envelope_open(buf_span(&b), ID, &e), 0);
	assert_int_equal(e.uid, 1001);
	assert_int_equal(e.pid, 12);
	assert_int_equal(e.size, 90);
	assert_int_equal(e.hash, 0xdeadbeef);
	assert_true(span_eq(e.node, SPAN("host")));
	assert_true(span_eq(e.sender, SPAN("s@x")));
	assert_int_equal(e.nrcpt, 3);
	rcpts = e.rcpts;
	assert_true(envelope_rcpt(&rcpts, &addr));
	assert_true(span_eq(addr, SPAN("r1@y")));
	assert_true(envelope_rcpt(&rcpts, &addr));
	assert_int_equal(addr.len, 0);
	assert_true(envelope_rcpt(&rcpts, &addr));
	assert_true(span_eq(addr, SPAN("r3@y")));
	assert_false(envelope_rcpt(&rcpts, &addr));
	assert_int_equal(envelope_open(buf_span(&b), ID + 1, &e), E_DAMAGED);
	buf_free(&b);
}

/* Every bit flipped, every length cut: damage is always seen. */
static void
test_damage_is_seen(void **state)
{
	struct buf b = BUF_INIT(1000);
	struct envelope e;
	char copy[1000];

	(void)state;
	sample(&b);
	for (size_t bit = 0; bit < b.len * 8; bit++) {
		memcpy(copy, b.p, b.len);
		copy[bit / 8] =
		    (char)((unsigned char)copy[bit / 8] ^ 1U << bit % 8);
		assert_int_equal(
		    envelope_open((struct span){ copy, b.len }, ID, &e),
		    E_DAMAGED);
	}
	for (size_t n = 0; n < b.len; n++)
		assert_int_equal(
		    envelope_open(span_head(buf_span(&b), n), ID, &e),
		    E_DAMAGED);
	buf_free(&b);
}

static void
test_read(void **state)
{
	static char long_ok[ADDRESS_MAX + 4], long_bad[ADDRESS_MAX + 5];
	const struct {
		const char *name;
		struct span in;
		int want;
		uint32_t nrcpt;
		size_t used;
	} rows[] = {
		{ "empty (6)", SPAN(""), E_EOF, 0, 0 },
		{ "no recipients (4)", SPAN("Fs\0\0"), 0, 0, 4 },
		{ "one (1)", SPAN("Fs@a\0Tr@b\0\0"), 0, 1, 12 },
		{ "junk behind (5)", SPAN("Fs\0Tr\0\0junk\0Tfoo\0\0"), 0, 1,
		    7 },
		{ "no end (6)", SPAN("Fs\0Tr\0"), E_EOF, 1, 0 },
		{ "inside sender", SPAN("Fs"), E_EOF, 0, 0 },
		{ "inside recipient", SPAN("Fs\0Tr"), E_EOF, 0, 0 },
		{ "first letter (7)", SPAN("Xs\0Tr\0\0"), E_SYNTAX, 0, 0 },
		{ "second letter (7)", SPAN("Fs\0Xr\0\0"), E_SYNTAX, 0, 0 },
		{ "two senders (7)", SPAN("Fs\0Fr\0\0"), E_SYNTAX, 0, 0 },
		{ "null sender", SPAN("F\0T\0\0"), 0, 1, 5 },
		{ "1002 bytes (8)", { long_ok, sizeof(long_ok) }, 0, 0,
		    sizeof(long_ok) - 0 },
		{ "1003 bytes (8)", { long_bad, sizeof(long_bad) }, E_TOOBIG, 0,
		    0 },
		{ "1003 bytes, no NUL yet", { long_bad, ADDRESS_MAX + 2 },
		    E_TOOBIG, 0, 0 },
	};

	(void)state;
	memset(long_ok, 'a', sizeof(long_ok));
	memset(long_bad, 'a', sizeof(long_bad));
	long_ok[0] = long_bad[0] = 'F';
	long_ok[ADDRESS_MAX + 1] = long_bad[ADDRESS_MAX + 2] = '\0';
	long_ok[ADDRESS_MAX + 2] = long_bad[ADDRESS_MAX + 3] = '\0';
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct envelope e;
		size_t used = 0;
		int r = envelope_read(rows[i].in, false, &e, &used);

		if (r != rows[i].want || (r == 0 && e.nrcpt != rows[i].nrcpt) ||
		    (r == 0 && used > rows[i].used))
			fail_msg(
			    "%s: %d, %u, %zu", rows[i].name, r, e.nrcpt, used);
	}
}

/* What RFC 3461 adds: taken only where it may come from, and kept. */
static void
test_dsn(void **state)
{
	const struct recipient asks = { SPAN("r@b"),
		NOTIFY_SUCCESS | NOTIFY_DELAY, SPAN("rfc822;R@b") };
	const struct recipient silent = { SPAN("q@b"), NOTIFY_NEVER, SPAN("") };
	const struct recipient plain = { SPAN("p@b"), 0, SPAN("") };
	struct buf b = BUF_INIT(1000), file = BUF_INIT(2000);
	struct envelope e = { .id = ID, .node = SPAN("h") };
	struct recipient r;
	struct span rest;
	size_t used;

	(void)state;
	envelope_put_sender(&b, SPAN("s@a"), 'H', SPAN("id+2D1"));
	envelope_put_rcpt(&b, &asks);
	envelope_put_rcpt(&b, &silent);
	envelope_put_rcpt(&b, &plain);
	envelope_put_end(&b);
	assert_int_equal(
	    envelope_read(buf_span(&b), false, &e, &used), E_SYNTAX);
	assert_int_equal(envelope_read(buf_span(&b), true, &e, &used), 0);
	assert_int_equal(used, b.len);
	envelope_seal(&file, &e);
	assert_int_equal(envelope_open(buf_span(&file), ID, &e), 0);
	assert_int_equal(e.nrcpt, 3);
	assert_int_equal(e.ret, 'H');
	assert_true(span_eq(e.envid, SPAN("id+2D1")));
	rest = e.rcpts;
	assert_true(envelope_next(&rest, &r));
	assert_true(span_eq(r.addr, asks.addr));
	assert_int_equal(r.notify, asks.notify);
	assert_true(span_eq(r.orcpt, asks.orcpt));
	assert_true(envelope_next(&rest, &r));
	assert_int_equal(r.notify, NOTIFY_NEVER);
	assert_int_equal(r.orcpt.len, 0);
	assert_true(envelope_next(&rest, &r));
	assert_int_equal(r.notify, 0);
	assert_false(envelope_next(&rest, &r));
	buf_reset(&b);
	envelope_plain(&b, &e);
	assert_true(span_eq(buf_span(&b), SPAN("Fs@a\0Tr@b\0Tq@b\0Tp@b\0\0")));
	buf_free(&b);
	buf_free(&file);
}

static void
test_dsn_nonsense(void **state)
{
	const struct span rows[] = {
		SPAN("Fs\0RX\0Tr\0\0"),
		SPAN("Fs\0R\0Tr\0\0"),
		SPAN("Fs\0N\0Tr\0\0"),
		SPAN("Fs\0Nq\0Tr\0\0"),
		SPAN("Fs\0Nss\0Tr\0\0"),
		SPAN("Fs\0Nns\0Tr\0\0"),
		SPAN("Fs\0Xr\0\0"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct envelope e;
		size_t used;

		if (envelope_read(rows[i], true, &e, &used) != E_SYNTAX)
			fail_msg("row %zu", i);
	}
}

static void
test_note(void **state)
{
	struct buf b = BUF_INIT(10000);
	struct note n, back;

	(void)state;
	note_init(&n, ID, 10);
	n.attempts = 3;
	n.next[CHANNEL_REMOTE] = 99;
	note_set_done(&n, 0);
	note_set_done(&n, 9);
	note_set_done(&n, 16); /* there is no such recipient */
	buf_puts(&n.bounce, "<a@b>:\nno\n\n");
	note_seal(&b, &n);
	note_init(&back, ID, 0);
	assert_int_equal(note_open(buf_span(&b), &back), 0);
	assert_int_equal(back.nrcpt, 10);
	assert_int_equal(back.attempts, 3);
	assert_int_equal(back.next[CHANNEL_LOCAL], 0);
	assert_int_equal(back.next[CHANNEL_REMOTE], 99);
	for (uint32_t i = 0; i < 20; i++)
		assert_int_equal(note_is_done(&back, i), i == 0 || i == 9);
	assert_true(span_eq(buf_span(&back.bounce), SPAN("<a@b>:\nno\n\n")));
	b.p[5] = (char)(b.p[5] ^ 1);
	assert_int_equal(note_open(buf_span(&b), &back), E_DAMAGED);
	note_free(&n);
	note_free(&back);
	note_init(&back, ID + 1, 0);
	b.p[5] = (char)(b.p[5] ^ 1);
	assert_int_equal(note_open(buf_span(&b), &back), E_DAMAGED);
	note_free(&back);
	buf_free(&b);
}

static void
check_why(const struct note *n, uint32_t index, const char *want)
{
	struct span text = SPAN("");

	assert_int_equal(note_why(n, index, &text), want != NULL);
	if (want != NULL)
		assert_true(span_eq(text, span_cstr(want)));
}

/* The last trouble of each recipient, and what the operator asked for. */
static void
test_note_why(void **state)
{
	static char large[2 * NOTE_WHY_MAX];
	struct buf b = BUF_INIT(100000);
	struct note n, back;
	struct span text;

	(void)state;
	memset(large, 'x', sizeof(large));
	note_init(&n, ID, 2000);
	n.is_held = n.is_warned = true;
	note_set_why(&n, 7, SPAN("first\n"));
	note_set_why(&n, 1, SPAN("a\0b\n\n"));
	note_set_why(&n, 7, SPAN("second"));
	note_set_why(&n, 12, SPAN("gone"));
	note_set_why(&n, 12, SPAN(""));
	note_set_why(&n, 5, SPAN("\n"));
	note_seal(&b, &n);
	note_init(&back, ID, 0);
	assert_int_equal(note_open(buf_span(&b), &back), 0);
	assert_true(back.is_held && back.is_warned);
	check_why(&back, 7, "second");
	check_why(&back, 1, "a?b");
	check_why(&back, 12, NULL);
	check_why(&back, 5, NULL);
	for (uint32_t i = 0; i < 2000; i++)
		note_set_why(&n, i, (struct span){ large, sizeof(large) });
	assert_true(n.why.len <= NOTE_WHY_ALL);
	assert_true(note_why(&n, 3, &text));
	assert_int_equal(text.len, NOTE_WHY_MAX);
	check_why(&n, 1999, NULL);
	note_free(&n);
	note_free(&back);
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_damage_is_seen),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_dsn),
		cmocka_unit_test(test_dsn_nonsense),
		cmocka_unit_test(test_note),
		cmocka_unit_test(test_note_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

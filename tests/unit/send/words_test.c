/*
 * words_test - retry times, bounce paragraphs, sender addresses, notices
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* the modules live in a room, which is no library */
#include "../../../src/core/send/ask.c"
#include "../../../src/core/send/notice.c"
#include "../../../src/core/send/schedule.c"
#include "../../../src/core/send/text.c"

static void
assert_buf(struct buf *b, const char *want, const char *name)
{
	if (!span_eq(buf_span(b), span_cstr(want)))
		fail_msg(
		    "%s: got\n%.*s\nwant\n%s", name, (int)b->len, b->p, want);
	buf_free(b);
}

/* queue.md 4.4 */
static void
test_schedule(void **state)
{
	static const struct {
		int64_t age, local, remote;
	} rows[] = {
		{ -5, 100, 400 },
		{ 0, 100, 400 },
		{ 1, 121, 441 },
		{ 99, 361, 841 },
		{ 100, 400, 900 },
		{ 400, 900, 1600 },
		{ 10000, 12100, 14400 },
		{ 86400, 91809, 97969 },
		{ 604800, 787 * 787, 797 * 797 },
	};
	const int64_t birth = 1795483621;
	const struct schedule classic = { .n = { 0 } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int64_t now = birth + rows[i].age;

		assert_int_equal(
		    schedule_next(&classic, CHANNEL_LOCAL, birth, now),
		    birth + rows[i].local);
		assert_int_equal(
		    schedule_next(&classic, CHANNEL_REMOTE, birth, now),
		    birth + rows[i].remote);
	}
	assert_false(schedule_is_last(birth, birth, 0));
	assert_true(schedule_is_last(birth, birth + 1, 0));
	assert_false(schedule_is_last(birth, birth + 604800, 604800));
	assert_true(schedule_is_last(birth, birth + 604801, 604800));
	assert_false(schedule_is_last(birth, birth - 100, 1));
}

/* control/retryschedule */
static void
test_own_schedule(void **state)
{
	static const struct {
		int64_t age, next;
	} rows[] = { { -5, 60 }, { 0, 60 }, { 59, 60 }, { 60, 360 },
		{ 359, 360 }, { 360, 3960 }, { 3960, 7560 }, { 7559, 7560 },
		{ 7560, 11160 } };
	struct schedule s = { .n = { 0 } };

	(void)state;
	assert_int_equal(schedule_line(&s, SPAN("remote 9d")), 0);
	assert_int_equal(schedule_line(&s, SPAN(" remote\t60  5m 1h ")), 0);
	assert_int_equal(s.n[CHANNEL_LOCAL], 0);
	assert_int_equal(schedule_next(&s, CHANNEL_LOCAL, 1000, 1000), 1100);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(
		    schedule_next(&s, CHANNEL_REMOTE, 1000, 1000 + rows[i].age),
		    1000 + rows[i].next);
}

static void
test_wrong_schedule(void **state)
{
	static const char *const rows[] = { "", "remote", "both 5m", "local 0",
		"local 5m, 6m", "local 5x", "remote 1h -1", "5m" };
	struct buf many = BUF_INIT(1000);
	struct schedule s = { .n = { 0 } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (schedule_line(&s, span_cstr(rows[i])) != E_SYNTAX)
			fail_msg("%s", rows[i]);
	buf_puts(&many, "local");
	for (size_t i = 0; i <= SCHEDULE_STEPS; i++)
		buf_puts(&many, " 1h");
	assert_int_equal(schedule_line(&s, buf_span(&many)), E_TOOBIG);
	buf_free(&many);
}

static void
test_unreached(void **state)
{
	static const struct {
		bool want;
		const char *text;
	} rows[] = {
		{ true, "Sorry, I wasn't able to establish an SMTP "
			"connection. (#4.4.1)\n" },
		{ true,
		    "Connected to 1.2.3.4 but connection died. (#4.4.2)\n" },
		{ true, "CNAME lookup failed temporarily. (#4.4.3)\n" },
		{ true, "Sorry, I couldn't find any host by that name. "
			"(#4.1.2)\n" },
		{ true, "Connected to 1.2.3.4 but greeting failed.\n"
			"Remote host said: 421 busy\n" },
		{ false, "1.2.3.4 does not like recipient.\nRemote host said: "
			 "451 try later (#4.4.1)\n" },
		{ false, "1.2.3.4 failed after I sent the message.\n" },
		{ false, "qmail-remote crashed.\n" },
		{ false, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (text_is_unreached(span_cstr(rows[i].text)) != rows[i].want)
			fail_msg("%s", rows[i].text);
}

static void
test_ask(void **state)
{
	static const struct {
		const char *line;
		int want;
		enum ask_verb verb;
		uint64_t id;
		const char *key;
	} rows[] = {
		{ "status", 0, ASK_STATUS, 0, "" },
		{ "flush", 0, ASK_FLUSH, 0, "" },
		{ "flush 17", 0, ASK_FLUSH, 17, "" },
		{ "hold 18446744073709551615", 0, ASK_HOLD, UINT64_MAX, "" },
		{ "dest remote via [::1]:25", 0, ASK_DEST, 0, "via [::1]:25" },
		{ "dest local ", 0, ASK_DEST, 0, "" },
		{ "", E_SYNTAX, 0, 0, "" },
		{ "status ", E_SYNTAX, 0, 0, "" },
		{ "status 1", E_SYNTAX, 0, 0, "" },
		{ "hold", E_SYNTAX, 0, 0, "" },
		{ "hold ", E_SYNTAX, 0, 0, "" },
		{ "hold -1", E_SYNTAX, 0, 0, "" },
		{ "hold 1 2", E_SYNTAX, 0, 0, "" },
		{ "hold 18446744073709551616", E_SYNTAX, 0, 0, "" },
		{ "HOLD 1", E_SYNTAX, 0, 0, "" },
		{ "dest remote", E_SYNTAX, 0, 0, "" },
		{ "dest both a", E_SYNTAX, 0, 0, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct ask k;
		int r = ask_parse(span_cstr(rows[i].line), &k);

		if (r != rows[i].want ||
		    (r == 0 && (k.verb != rows[i].verb || k.id != rows[i].id ||
				   !span_eq(k.key, span_cstr(rows[i].key)))))
			fail_msg("%s", rows[i].line);
	}
}

/* queue.md 4.7, oracle cases 38, 39 */
static void
test_paragraph(void **state)
{
	static const struct {
		const char *addr, *report, *want;
	} rows[] = {
		{ "a@b", "no such user\n", "<a@b>:\nno such user\n\n" },
		{ "a@b", "unterminated", "<a@b>:\nunterminated\n\n" },
		{ "a@b", "", "<a@b>:\n\n" },
		{ "a\nb@local.example", "x\n", "<a_b@local.example>:\nx\n\n" },
		{ "a@b", "line1\n\n\nline2\n\n",
		    "<a@b>:\nline1\n//line2\n\n\n" },
		{ "a@b", "\nfirst\n", "<a@b>:\n/first\n\n" },
		{ "a@b", "\n", "<a@b>:\n\n\n" },
		{ "", "", "<>:\n\n" },
	};
	struct buf b = BUF_INIT(1000);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		text_paragraph(
		    &b, span_cstr(rows[i].addr), span_cstr(rows[i].report));
		assert_buf(&b, rows[i].want, rows[i].want);
	}
	text_paragraph(&b, SPAN("a@b"), SPAN("nul\0here\n"));
	assert_buf(&b, "<a@b>:\nnul?here\n\n", "NUL");
	/* what is there already is left alone */
	buf_puts(&b, "x\n\n");
	text_paragraph(&b, SPAN("a@b"), SPAN("y\n"));
	assert_buf(&b, "x\n\n<a@b>:\ny\n\n", "two");
}

/* queue.md 4.3, oracle cases 30, 31, 41 */
static void
test_sender(void **state)
{
	static const struct {
		const char *sender, *rcpt, *want, *plain;
	} rows[] = {
		{ "list-@lists.example-@[]", "bob@far.example",
		    "list-bob=far.example@lists.example",
		    "list-@lists.example" },
		{ "list-@l.example-@[]", "joe-v-u@virt.example",
		    "list-joe-v-u=virt.example@l.example", "list-@l.example" },
		{ "list-@l.example-@[]", "a@b@c", "list-a@b=c@l.example",
		    "list-@l.example" },
		{ "list-@l.example-@[]", "nohost", "list-@l.example-@[]",
		    "list-@l.example" },
		{ "nohost-@[]", "a@b", "nohost-@[]", "nohost" },
		{ "-@[]", "a@b", "-@[]", "" },
		{ "#@[]", "a@b", "#@[]", "#@[]" },
		{ "", "a@b", "", "" },
		{ "joe@x", "a@b", "joe@x", "joe@x" },
	};
	struct buf b = BUF_INIT(1000);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct span s = span_cstr(rows[i].sender);

		text_sender(&b, s, span_cstr(rows[i].rcpt));
		assert_buf(&b, rows[i].want, rows[i].sender);
		assert_true(
		    span_eq(text_plain_sender(s), span_cstr(rows[i].plain)));
	}
}

static struct span
no_orcpt(const void *ctx, struct span addr)
{
	(void)ctx;
	(void)addr;
	return SPAN("");
}

static struct span
some_orcpt(const void *ctx, struct span addr)
{
	(void)ctx;
	return span_eq(addr, SPAN("r@far")) ? SPAN("rfc822;R+2Bx+0A+@far")
					    : SPAN("");
}

static const struct notice plain = {
	.orcpt = no_orcpt,
	.from = { "MAILER-DAEMON", 13 },
	.host = { "mail.example.org", 16 },
	.to = { "a b@ok.example", 14 },
	.sender = { "a b@ok.example", 14 },
	.text = { "<r@far>:\nno\n\n", 13 },
	.arrival = 1795357900,
	.now = 1795357930,
	.id = 1795357900000001,
};

#define HEAD \
	"Date: 22 Nov 2026 14:32:10 -0000\n" \
	"From: MAILER-DAEMON@mail.example.org\n" \
	"To: \"a b\"@ok.example\n" \
	"Subject: failure notice\n"
#define WORDS \
	"Hi. This is the qmail-send program at mail.example.org.\n" \
	"I'm afraid I wasn't able to deliver your message to the " \
	"following addresses.\n" \
	"This is a permanent error; I've given up. Sorry it didn't work " \
	"out.\n\n"

/* queue.md 4.8, oracle case 35 */
static void
test_qsbmf(void **state)
{
	struct notice n = plain;
	struct buf b = BUF_INIT(10000);

	(void)state;
	notice_head(&b, &n);
	notice_tail(&b, &n);
	assert_buf(&b,
	    HEAD "\n" WORDS "<r@far>:\nno\n\n"
		 "--- Below this line is a copy of the message.\n\n"
		 "Return-Path: <\"a b\"@ok.example>\n",
	    "single");

	n.kind = NOTICE_DOUBLE;
	n.from = SPAN("Mailer Daemon");
	n.to = SPAN("postmaster@mail.example.org");
	n.sender = SPAN("");
	notice_head(&b, &n);
	notice_tail(&b, &n);
	assert_buf(&b,
	    "Date: 22 Nov 2026 14:32:10 -0000\n"
	    "From: \"Mailer Daemon\"@mail.example.org\n"
	    "To: postmaster@mail.example.org\n"
	    "Subject: failure notice\n\n"
	    "Hi. This is the qmail-send program at mail.example.org.\n"
	    "I tried to deliver a bounce message to this address, but the "
	    "bounce bounced!\n\n"
	    "<r@far>:\nno\n\n"
	    "--- Below this line is the original bounce.\n\n"
	    "Return-Path: <>\n",
	    "double");
}

#define BOUNDARY "=_1795357900000001_1795357930"

static void
test_report(void **state)
{
	struct notice n = plain;
	struct buf b = BUF_INIT(10000);

	(void)state;
	n.is_report = true;
	n.text = SPAN("<r@far>:\n"
		      "Connected to 1.2.3.4 but sender was rejected.\n"
		      "Remote host said: 550-5.7.1 no\n550 5.7.1 \377way\n\n"
		      "<joe@local>:\nSorry, no mailbox here. (#5.1.1)\n\n"
		      "<x@y>:\nbusy (#4.4.1)\nI'm not going to try again; this "
		      "message has been in the queue too long.\n\n\n"
		      "<q@z>:\n\n");
	notice_head(&b, &n);
	buf_puts(&b, "Subject: hi\n\nbody\n");
	notice_tail(&b, &n);
	assert_buf(&b,
	    HEAD
	    "Auto-Submitted: auto-replied\n"
	    "MIME-Version: 1.0\n"
	    "Content-Type: multipart/report; report-type=delivery-status;\n"
	    "\tboundary=\"" BOUNDARY "\"\n"
	    "\n--" BOUNDARY "\n"
	    "Content-Type: text/plain; charset=utf-8\n"
	    "Content-Transfer-Encoding: 8bit\n\n" WORDS "<r@far>:\n"
	    "Connected to 1.2.3.4 but sender was rejected.\n"
	    "Remote host said: 550-5.7.1 no\n550 5.7.1 \377way\n\n"
	    "<joe@local>:\nSorry, no mailbox here. (#5.1.1)\n\n"
	    "<x@y>:\nbusy (#4.4.1)\nI'm not going to try again; this "
	    "message has been in the queue too long.\n\n\n"
	    "<q@z>:\n\n"
	    "\n--" BOUNDARY "\n"
	    "Content-Type: message/delivery-status\n\n"
	    "Reporting-MTA: dns; mail.example.org\n"
	    "Arrival-Date: 22 Nov 2026 14:31:40 -0000\n"
	    "\nFinal-Recipient: rfc822; r@far\n"
	    "Action: failed\nStatus: 5.7.1\n"
	    "Diagnostic-Code: smtp; 550-5.7.1 no 550 5.7.1 ?way\n"
	    "\nFinal-Recipient: rfc822; joe@local\n"
	    "Action: failed\nStatus: 5.1.1\n"
	    "Diagnostic-Code: x-qmail; Sorry, no mailbox here. (#5.1.1)\n"
	    "\nFinal-Recipient: rfc822; x@y\n"
	    "Action: failed\nStatus: 4.4.7\n"
	    "Diagnostic-Code: x-qmail; busy (#4.4.1) I'm not going to try "
	    "again; this message has been in the queue too long.\n"
	    "\nFinal-Recipient: rfc822; q@z\n"
	    "Action: failed\nStatus: 5.0.0\n"
	    "\n--" BOUNDARY "\n"
	    "Content-Type: message/rfc822\n"
	    "Content-Transfer-Encoding: 8bit\n\n"
	    "Return-Path: <\"a b\"@ok.example>\n"
	    "Subject: hi\n\nbody\n"
	    "\n--" BOUNDARY "--\n",
	    "report");
}

/* What RFC 3461 asked for, and a message that is only late. */
static void
test_delay(void **state)
{
	struct notice n = plain;
	struct buf b = BUF_INIT(10000);

	(void)state;
	n.kind = NOTICE_DELAY;
	n.is_header = true;
	n.until = 1795357990;
	n.envid = SPAN("QQ+3D1");
	n.orcpt = some_orcpt;
	n.text = SPAN("<r@far>:\nbusy (#4.4.1)\n\n<q@z>:\n\n");
	notice_head(&b, &n);
	notice_tail(&b, &n);
	assert_buf(&b,
	    "Date: 22 Nov 2026 14:32:10 -0000\n"
	    "From: MAILER-DAEMON@mail.example.org\n"
	    "To: \"a b\"@ok.example\n"
	    "Subject: delay notice\n"
	    "\nHi. This is the qmail-send program at mail.example.org.\n"
	    "I haven't been able to deliver your message to the following "
	    "addresses yet.\n"
	    "There is nothing you need to do: I'll keep trying until\n"
	    "22 Nov 2026 14:33:10 -0000.\n\n"
	    "<r@far>:\nbusy (#4.4.1)\n\n<q@z>:\n\n"
	    "--- Below this line is the header of the message.\n\n"
	    "Return-Path: <\"a b\"@ok.example>\n",
	    "plain");
	n.is_report = true;
	notice_head(&b, &n);
	assert_true(span_contains(buf_span(&b),
	    SPAN("\nReporting-MTA: dns; mail.example.org\n"
		 "Original-Envelope-Id: QQ=1\n"
		 "Arrival-Date: 22 Nov 2026 14:31:40 -0000\n\n"
		 "Original-Recipient: rfc822; R+x+0A+@far\n"
		 "Final-Recipient: rfc822; r@far\n"
		 "Action: delayed\nStatus: 4.4.1\n"
		 "Diagnostic-Code: x-qmail; busy (#4.4.1)\n"
		 "Will-Retry-Until: 22 Nov 2026 14:33:10 -0000\n\n"
		 "Final-Recipient: rfc822; q@z\n"
		 "Action: delayed\nStatus: 4.0.0\n"
		 "Will-Retry-Until: 22 Nov 2026 14:33:10 -0000\n")));
	buf_free(&b);
}

static void
test_cut_copy(void **state)
{
	struct notice n = plain;
	struct buf b = BUF_INIT(10000);

	(void)state;
	n.size = 5000;
	n.copied = 100;
	notice_head(&b, &n);
	assert_true(span_contains(buf_span(&b),
	    SPAN("\n--- Below this line is the beginning of the message, which "
		 "has 5000 bytes.\n\nReturn-Path: ")));
	buf_free(&b);
}

static void
test_status(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "", "5.0.0" },
		{ "no code", "5.0.0" },
		{ "said: 550 no", "5.0.0" },
		{ "said: 550 5.1.10 no", "5.1.10" },
		{ "(#4.3.0)", "4.3.0" },
		{ "1.2.3.4 refused 5.7.1", "5.7.1" },
		{ "host 5.1.2.3", "5.0.0" },
		{ "4.3.2.1 said 5.1.2.", "5.1.2" },
		{ "5.1.2x", "5.0.0" },
		{ "v15.1.2", "5.0.0" },
		{ "5.1.", "5.0.0" },
		{ "5.1.1234", "5.0.0" },
		{ "2.0.0 ok", "5.0.0" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (!span_eq(find_status(&plain, span_cstr(rows[i].text)),
			span_cstr(rows[i].want)))
			fail_msg("%s", rows[i].text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_schedule),
		cmocka_unit_test(test_own_schedule),
		cmocka_unit_test(test_wrong_schedule),
		cmocka_unit_test(test_unreached),
		cmocka_unit_test(test_ask),
		cmocka_unit_test(test_paragraph),
		cmocka_unit_test(test_sender),
		cmocka_unit_test(test_qsbmf),
		cmocka_unit_test(test_report),
		cmocka_unit_test(test_delay),
		cmocka_unit_test(test_cut_copy),
		cmocka_unit_test(test_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

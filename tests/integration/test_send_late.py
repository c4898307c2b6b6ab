"""qmail-send: mail that is late, and what its sender hears of it: warnings,
schedules, the size and the form of bounces, RFC 3461 (qmail-send(8))."""
import email.utils
import re
import signal

import pytest

from sendkit import ask, mail_of, message, note_of, poll, whys
from worldkit import OK, UNREACHED, attempts, inject, place, restart, suspend, world

DATE = rb"\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d -0000"
BUSY = ("Z", b"1.2.3.4 is busy (#4.3.2)\n")
NO = ("D", b"no such user (#5.1.1)\n")
BODY = b"Received: by us\nSubject: t\nX-More: m\n\nhi\n"
SENDER = b"s@sender.example"
HOUR = 3600


@pytest.fixture
def rig():
    with world() as r:
        r.world.update({"busy.example": BUSY, "no.example": NO})
        r.mails = []  # deliveries to the sender, with their messages

        def verdict(d):
            if place(d) == "sender.example":
                r.mails.append((d, mail_of(r, d)[1]))
            return r.world.get(place(d), OK)

        r.verdict = verdict
        yield r


def date_of(data):
    return email.utils.parsedate_to_datetime(data.decode()).timestamp()


def quiet(rig):
    """Something else has been delivered: what was to follow has begun."""
    count = rig.log.count("end msg")
    inject(rig, 1, "near.example")
    rig.wait_log("end msg", count + 1)
    poll(lambda: "bounces 0" in ask(rig, "status"), "no child is at work")


def cannot_start(rig, name, line):
    rig.start_send()
    assert rig.send.wait(60) == 111
    rig.reap_send()
    assert rig.log == f"alert: cannot start: control/{name}: not understood: {line}\n"


# --- warnings of a delay ---

def test_warning(rig):
    """Once, of those who are still to get it, with only the header."""
    rig.control("delaywarn", "1h\n")
    rig.control("queuelifetime", "86400\n")
    n = message(rig, SENDER, [b"a@busy.example", b"b@near.example", b"c@busy.example", b"d@no.example"], BODY,
                age=2 * HOUR)
    with rig:
        rig.wait_log(f"delay msg {n} qp ")
        [(d, text)] = poll(lambda: rig.mails, "the warning")
        assert (d.sender, d.addr) == (b"", SENDER)
        m = re.fullmatch(
            rb"Date: " + DATE + rb"\n"
            rb"From: MAILER-DAEMON@mail\.example\.org\n"
            rb"To: s@sender\.example\n"
            rb"Subject: delay notice\n"
            rb"\n"
            rb"Hi\. This is the qmail-send program at mail\.example\.org\.\n"
            rb"I haven't been able to deliver your message to the following addresses yet\.\n"
            rb"There is nothing you need to do: I'll keep trying until\n"
            rb"(" + DATE + rb")\.\n\n"
            rb"<a@busy\.example>:\n1\.2\.3\.4 is busy \(#4\.3\.2\)\n\n"
            rb"<c@busy\.example>:\n1\.2\.3\.4 is busy \(#4\.3\.2\)\n\n"
            rb"--- Below this line is the header of the message\.\n\n"
            rb"Return-Path: <s@sender\.example>\n"
            rb"Received: by us\nSubject: t\nX-More: m\n", text)
        assert m, text
        assert date_of(m[1]) == n // 1000000 + 86400
        poll(lambda: note_of(rig, n).get("w") == b"1", "the note says so")
        # neither the next attempt nor the next qmail-send says it again
        assert ask(rig, f"flush {n}") == "ok"
        rig.wait_log("deferral", 4)
        quiet(rig)
        restart(rig, n, signal.SIGKILL)
        assert ask(rig, f"flush {n}") == "ok"
        rig.wait_log("deferral", 2)
        quiet(rig)
        assert "delay msg" not in rig.log
        # in the end there is a bounce as ever
        assert ask(rig, f"bounce {n}") == "ok"
        rig.wait_log(f"bounce msg {n} ")
        rig.wait_empty()
    assert [b"Subject: failure notice" in text for _, text in rig.mails] == [False, True]


@pytest.mark.parametrize("age", [0, HOUR - 100])
def test_no_warning_before_its_time(rig, age):
    rig.control("delaywarn", "1h\n")
    n = message(rig, SENDER, [b"a@busy.example"], age=age)
    with rig:
        rig.wait_log("deferral")
        quiet(rig)
        assert "w" not in note_of(rig, n)
    assert "delay msg" not in rig.log


def test_no_warnings(rig):
    """Without the file."""
    message(rig, SENDER, [b"a@busy.example"], age=100 * HOUR)
    with rig:
        rig.wait_log("deferral")
        quiet(rig)
    assert "delay msg" not in rig.log


@pytest.mark.parametrize("sender", [b"", b"#@[]", b"-@[]"])
def test_nobody_to_warn(rig, sender):
    rig.control("delaywarn", "1h\n")
    message(rig, sender, [b"a@busy.example"], age=2 * HOUR)
    with rig:
        rig.wait_log("deferral")
        quiet(rig)
    assert "delay msg" not in rig.log


def test_warning_for_a_list(rig):
    """Where its bounces would go."""
    rig.control("delaywarn", "1h\n")
    message(rig, b"s@sender.example-@[]", [b"a@busy.example"], age=2 * HOUR)
    with rig:
        [(d, text)] = poll(lambda: rig.mails, "the warning")
    assert d.addr == SENDER and b"\nReturn-Path: <s@sender.example>\n" in text


@pytest.mark.parametrize("notify", [b"n", b"s", b"f", b"sf"])
def test_warning_not_wanted(rig, notify):
    rig.control("delaywarn", "1h\n")
    message(rig, SENDER, [(b"a@busy.example", notify, b"")], age=2 * HOUR)
    with rig:
        rig.wait_log("deferral")
        quiet(rig)
    assert "delay msg" not in rig.log


def test_warning_of_those_for_whom_it_is_wanted(rig):
    rig.control("delaywarn", "1h\n")
    message(rig, SENDER, [(b"a@busy.example", b"f", b""), (b"b@busy.example", b"d", b""),
                          b"c@busy.example", (b"d@busy.example", b"sfd", b"")], age=2 * HOUR)
    with rig:
        [(_, text)] = poll(lambda: rig.mails, "the warning")
    assert re.findall(rb"^<(.)@busy\.example>:$", text, re.M) == [b"b", b"c", b"d"]


def test_warning_as_a_report(rig):
    rig.control("delaywarn", "1h\n")
    rig.control("queuelifetime", "86400\n")
    rig.control("bounceformat", "dsn\n")
    n = message(rig, SENDER, [(b"a@busy.example", b"d", b"rfc822;Original+2BName@old.example")], BODY,
                age=2 * HOUR, envid=b"QQ+3D31")
    with rig:
        [(_, text)] = poll(lambda: rig.mails, "the warning")
    status = text.split(b"Content-Type: message/delivery-status\n\n")[1].split(b"\n\n--=_")[0]
    m = re.fullmatch(
        rb"Reporting-MTA: dns; mail\.example\.org\n"
        rb"Original-Envelope-Id: QQ=31\n"
        rb"Arrival-Date: (" + DATE + rb")\n\n"
        rb"Original-Recipient: rfc822; Original\+Name@old\.example\n"
        rb"Final-Recipient: rfc822; a@busy\.example\n"
        rb"Action: delayed\nStatus: 4\.3\.2\n"
        rb"Diagnostic-Code: x-qmail; 1\.2\.3\.4 is busy \(#4\.3\.2\)\n"
        rb"Will-Retry-Until: (" + DATE + rb")", status)
    assert m, status
    assert [date_of(x) for x in m.groups()] == [n // 1000000, n // 1000000 + 86400]
    assert b"Content-Type: text/rfc822-headers\n" in text and b"\n\nhi\n" not in text


def test_warning_without_an_attempt(rig):
    """In line of a destination that is left alone: with its last trouble."""
    rig.control("delaywarn", "3\n")
    rig.control("retryschedule", "remote 1\n")
    suspend(rig, waiting=0)
    assert rig.inject(SENDER, [b"a@far.example", b"b@far.example"]) == 0
    [(_, text)] = poll(lambda: [(d, t) for d, t in rig.mails if b"a@far" in t], "the warning")
    assert b"\n\n<a@far.example>:\n" + UNREACHED + b"\n<b@far.example>:\n" + UNREACHED + b"\n---" in text
    assert len(attempts(rig, "far.example")) == 1
    n = rig.ids()[1]
    poll(lambda: rig.file("info", n).exists() and note_of(rig, n).get("w") == b"1", "the note says so")
    assert whys(rig, n) == {0: UNREACHED.strip(), 1: UNREACHED.strip()}


def test_warning_that_cannot_be_sent(rig):
    """With the next attempt it is tried again."""
    script = rig.home / "refuse"
    script.write_text("#!/bin/sh\nexit 81\n")
    script.chmod(0o755)
    rig.env["QMAILQUEUE"] = str(script)
    rig.control("delaywarn", "1h\n")
    n = message(rig, SENDER, [b"a@busy.example"], age=2 * HOUR)
    trouble = "warning: trouble injecting delay notice, will try later\n"
    with rig:
        rig.wait_log(trouble)
        assert "w" not in note_of(rig, n)
        assert ask(rig, f"flush {n}") == "ok"
        rig.wait_log(trouble, 2)
        del rig.env["QMAILQUEUE"]
        restart(rig, n)
        assert ask(rig, f"flush {n}") == "ok"
        rig.wait_log(f"delay msg {n} ")
        poll(lambda: rig.mails, "the warning")
    assert len(rig.mails) == 1


def test_delivered_while_it_is_warned_of(rig):
    """The message ends when the warning has been sent."""
    script = rig.home / "slow"
    script.write_text("#!/bin/sh\nuntil [ -e go ]; do sleep 0.05; done\n")
    script.chmod(0o755)
    rig.env["QMAILQUEUE"] = str(script)
    rig.control("delaywarn", "1h\n")
    n = message(rig, SENDER, [b"a@busy.example"], age=2 * HOUR)
    with rig:
        rig.wait_log("deferral")
        poll(lambda: "bounces 1" in ask(rig, "status"), "the warning is made")
        rig.world.clear()
        assert ask(rig, f"flush {n}") == "ok"
        rig.wait_log("success")
        (rig.home / "go").touch()
        rig.wait_log(f"end msg {n}\n")
        rig.wait_empty()
        rig.stop_send()
    assert not rig.ids("info")
    assert rig.log.index("delay msg") < rig.log.index("end msg")


@pytest.mark.parametrize("line", ["soon", "1y", "-1", "1 h", "1h 2h"])
def test_wrong_delaywarn(rig, line):
    rig.control("delaywarn", line + "\n")
    cannot_start(rig, "delaywarn", line)


# --- schedules ---

@pytest.mark.parametrize("age, remote, local", [
    (0, 300, 60), (130, 300, 240), (360, 1200, 420), (1900, 3000, 2040), (5000, 6600, 5100)])
def test_retryschedule(rig, age, remote, local):
    """The times between attempts, the last of them again and again."""
    rig.control("retryschedule", "# mine\nlocal 7\nremote 5m 15m \t30m\nlocal 1m 180\n")
    rig.world["l"] = BUSY
    n = message(rig, b"s@x", [b"l@local.example", b"r@busy.example"], age=age)
    with rig:
        rig.wait_log("deferral", 2)
        assert rig.stop_send() == 0
    birth, got = n // 1000000, note_of(rig, n)
    assert (int(got["m"]) - birth, int(got["l"]) - birth) == (remote, local)


def test_one_channel_of_retryschedule(rig):
    """The other one is as ever."""
    rig.control("retryschedule", "remote 2w\n")
    rig.world["l"] = BUSY
    n = message(rig, b"s@x", [b"l@local.example", b"r@busy.example"])
    with rig:
        rig.wait_log("deferral", 2)
        rig.stop_send()
    assert int(note_of(rig, n)["m"]) - n // 1000000 == 14 * 86400
    assert int(note_of(rig, n)["l"]) - n // 1000000 < 1000


@pytest.mark.parametrize("line", [
    "remote", "remote x", "remote 0", "remote 5m 0", "remote 5y", "remote 5m,10m", "nowhere 5m", "5m",
    "Remote 5m", "remote -5", "remote 99999999999", "remote " + "1 " * 64 + "1"])
def test_wrong_retryschedule(rig, line):
    rig.control("retryschedule", f"local 5m\n{line}\n")
    cannot_start(rig, "retryschedule", line)


# --- the last trouble of each recipient ---

def test_last_trouble(rig):
    """Kept in the note, changed by the next one, dropped with success."""
    rig.verdict = lambda d: rig.world.get(d.addr[:1].decode(), OK)
    rig.world = {"a": ("Z", b"first of a\n\0\xff x \n\n"), "b": ("Z", b"y" * 1000), "c": ("Z", b"")}
    n = message(rig, b"s@x", [b"k@near.example", b"a@far.example", b"b@far.example", b"c@far.example"])
    with rig:
        rig.wait_log("deferral", 3)
        poll(lambda: ask(rig, f"info {n}").startswith("waiting"), "it waits")
        assert whys(rig, n) == {1: b"first of a\n?\xff x", 2: b"y" * 400}
        rig.world = {"a": ("Z", b"second of a"), "b": OK, "c": ("Z", b"of c\n")}
        assert ask(rig, f"flush {n}") == "ok"
        rig.wait_log("deferral", 5)
        poll(lambda: ask(rig, f"info {n}").startswith("waiting"), "it waits")
        assert whys(rig, n) == {1: b"second of a", 3: b"of c"}
        rig.world = {"a": ("D", b"no\n"), "c": ("Z", b"of c again\n")}
        restart(rig, n, signal.SIGKILL)
        assert ask(rig, f"flush {n}") == "ok"
        rig.wait_log("deferral")
        poll(lambda: ask(rig, f"info {n}").startswith("waiting"), "it waits")
        assert whys(rig, n) == {3: b"of c again"}
        assert note_of(rig, n)["B"] == b"<a@far.example>:\nno\n\n"


# --- what comes back ---

def bounced(rig, rcpts, body=BODY, sender=SENDER, **more):
    """The bounce of a message, without our own line."""
    n = message(rig, sender, rcpts, body, **more)
    with rig:
        rig.wait_log(f"bounce msg {n} ")
        [(d, text)] = poll(lambda: rig.mails, "a bounce")
        rig.wait_empty()
    assert (d.sender, d.addr) == (b"", SENDER)
    return n, text


def test_beginning_of_a_large_message(rig):
    rig.control("bouncemaxbytes", "20\n")
    _, text = bounced(rig, [b"r@no.example"])
    assert text.endswith(
        b"\n\n--- Below this line is the beginning of the message, which has %d bytes.\n\n"
        b"Return-Path: <s@sender.example>\n" % len(BODY) + BODY[:20] + b"\n")


@pytest.mark.parametrize("most", [len(BODY), len(BODY) + 1])
def test_message_that_is_not_too_large(rig, most):
    rig.control("bouncemaxbytes", f"{most}\n")
    _, text = bounced(rig, [b"r@no.example"])
    assert text.endswith(b"--- Below this line is a copy of the message.\n\n"
                         b"Return-Path: <s@sender.example>\n" + BODY)


def test_nothing_of_the_message(rig):
    rig.control("bouncemaxbytes", "0\n")
    _, text = bounced(rig, [b"r@no.example"])
    assert text.endswith(
        b"--- Below this line is the beginning of the message, which has %d bytes.\n\n"
        b"Return-Path: <s@sender.example>\n" % len(BODY))


@pytest.mark.parametrize("most, size, is_whole", [
    (None, 60000, True), (None, 70000, False), (100000, 70000, True), (1000, 2000, False), (0, 0, False)])
def test_report_of_a_large_message(rig, most, size, is_whole):
    """All of it, or its header."""
    rig.control("bounceformat", "dsn\n")
    if most is not None:
        rig.control("bouncemaxbytes", f"{most}\n")
    body = BODY + b"x" * size
    _, text = bounced(rig, [b"r@no.example"], body)
    part = text[text.rindex(b"\nContent-Type: ") + 1:]
    kind, _, rest = part.partition(b"\nContent-Transfer-Encoding: 8bit\n\nReturn-Path: <s@sender.example>\n")
    copy, _, end = rest.partition(b"\n--=_")
    assert end.endswith(b"--\n")
    if is_whole:
        assert (kind, copy) == (b"Content-Type: message/rfc822", body)
    else:
        assert (kind, copy) == (b"Content-Type: text/rfc822-headers", BODY[:BODY.index(b"\n\n") + 1])


@pytest.mark.parametrize("word", ["DSN", "QSBMF", "dsn \t"])
def test_bounceformat(rig, word):
    rig.control("bounceformat", word + "\n")
    _, text = bounced(rig, [b"r@no.example"])
    assert (b"multipart/report" in text) == word.lower().startswith("dsn")


@pytest.mark.parametrize("word", ["mime", "dsn2", "dsn qsbmf"])
def test_wrong_bounceformat(rig, word):
    rig.control("bounceformat", word + "\n")
    cannot_start(rig, "bounceformat", word)


# --- RFC 3461 ---

@pytest.mark.parametrize("notify", [b"n", b"s", b"d", b"sd"])
def test_no_bounce_wanted(rig, notify):
    """RFC 3461 4.1: NEVER, or not FAILURE."""
    n = message(rig, SENDER, [(b"r@no.example", notify, b"")])
    with rig:
        rig.wait_log(f"end msg {n}\n")
        rig.wait_empty()
        rig.stop_send()
    assert "delivery 1: failure: no_such_user_(#5.1.1)/\n" in rig.log
    assert "bounce" not in rig.log
    assert rig.log.count("new msg") == 1


def test_expired_without_a_bounce(rig):
    rig.control("queuelifetime", "100\n")
    n = message(rig, SENDER, [(b"r@busy.example", b"n", b"")], age=1000)
    with rig:
        rig.wait_log(f"end msg {n}\n")
        rig.wait_empty()
    assert "bounce" not in rig.log


def test_returned_without_a_bounce(rig):
    n = message(rig, SENDER, [(b"r@busy.example", b"n", b"")])
    with rig:
        rig.wait_log("deferral")
        assert ask(rig, f"bounce {n}") == "ok"
        rig.wait_log(f"end msg {n}\n")
        rig.wait_empty()
    assert "bounce" not in rig.log


def test_bounce_for_those_who_want_it(rig):
    _, text = bounced(rig, [(b"a@no.example", b"n", b""), (b"b@no.example", b"f", b""), b"c@no.example",
                            (b"d@no.example", b"s", b""), (b"e@no.example", b"sfd", b"")])
    assert re.findall(rb"^<(.)@no\.example>:$", text, re.M) == [b"b", b"c", b"e"]


@pytest.mark.parametrize("form", ["dsn", "qsbmf"])
@pytest.mark.parametrize("ret", [b"F", b"H", b""])
def test_ret(rig, form, ret):
    """RFC 3461 4.3, 6.2: all of it, or its header."""
    rig.control("bounceformat", form + "\n")
    _, text = bounced(rig, [b"r@no.example"], ret=ret)
    assert b"\nReceived: by us\nSubject: t\nX-More: m\n" in text
    assert (b"\n\nhi\n" in text) == (ret != b"H")
    assert (b"--- Below this line is the header of the message.\n\n" in text) == (ret == b"H" and form == "qsbmf")
    assert (b"text/rfc822-headers" in text) == (ret == b"H" and form == "dsn")


def test_names_in_a_report(rig):
    """RFC 3461 6.3, RFC 3464 2.2.1, 2.3.1: xtext is decoded."""
    rig.control("bounceformat", "dsn\n")
    rig.control("virtualdomains", "virt.example:joe-v\n")
    rig.world["joe"] = NO
    n, text = bounced(rig, [(b"a@no.example", b"f", b"rfc822;A+40old.example"),
                            (b"u@virt.example", b"", b"rfc822;first+20name@alias.example"), b"c@no.example",
                            (b"d@near.example", b"", b"rfc822;d@never.example")],
                      envid=b"id+2B1+zz+0A")
    status = text.split(b"Content-Type: message/delivery-status\n\n")[1].split(b"\n\n--=_")[0]
    head, *rest = status.split(b"\n\n")
    assert head.startswith(b"Reporting-MTA: dns; mail.example.org\n"
                           b"Original-Envelope-Id: id+1+zz+0A\n"
                           b"Arrival-Date: ")
    failed = b"Action: failed\nStatus: 5.1.1\nDiagnostic-Code: x-qmail; no such user (#5.1.1)"
    assert sorted(rest) == sorted([
        b"Original-Recipient: rfc822; A@old.example\nFinal-Recipient: rfc822; a@no.example\n" + failed,
        b"Original-Recipient: rfc822; first name@alias.example\nFinal-Recipient: rfc822; u@virt.example\n" + failed,
        b"Final-Recipient: rfc822; c@no.example\n" + failed])
    assert date_of(re.search(rb"^Arrival-Date: (.*)$", text, re.M)[1]) == n // 1000000


def test_names_in_qsbmf(rig):
    """It has no place for them."""
    _, text = bounced(rig, [(b"a@no.example", b"f", b"rfc822;old@old.example")], envid=b"the-envid")
    assert b"old@old.example" not in text and b"the-envid" not in text


def test_what_was_asked_for_survives_a_restart(rig):
    """It is in the envelope, not in the note."""
    rig.control("bounceformat", "dsn\n")
    n = message(rig, SENDER, [(b"a@busy.example", b"f", b"rfc822;old@old.example"), (b"b@busy.example", b"n", b"")],
                ret=b"H", envid=b"E")
    with rig:
        rig.wait_log("deferral", 2)
        restart(rig, n)
        assert ask(rig, f"bounce {n}") == "ok"
        [(_, text)] = poll(lambda: rig.mails, "a bounce")
    assert b"\nOriginal-Envelope-Id: E\n" in text
    assert text.count(b"Final-Recipient") == 1
    assert b"\nOriginal-Recipient: rfc822; old@old.example\n" in text
    assert b"text/rfc822-headers" in text

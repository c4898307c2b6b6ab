"""qmail-send: bounces (contract queue.md 4.6 to 4.8)."""
import os
import re
import signal

import pytest

from sendkit import (fresh_rig, ident, mail_of, message, note, note_of, poll, tidy)

DATE = rb"\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d -0000"


@pytest.fixture
def rig():
    with fresh_rig() as r:
        r.mails = []
        yield r


def refuse(rig, *addrs, text=b"Sorry, no. (#5.1.1)\n"):
    """Deliver to all but addrs; keep what comes to the others."""
    def verdict(d):
        if d.addr in addrs:
            return "D", text
        rig.mails.append((d, *mail_of(rig, d)))
        return "K", b"ok\n"
    rig.verdict = verdict


def bounce(rig, sender, rcpts, body=b"Subject: t\n\nhi\n", ends=2):
    """Send something that bounces; the bounce's delivery and bytes."""
    with rig:
        assert rig.inject(sender, rcpts, body) == 0
        rig.wait_log("end msg", ends)
        rig.stop_send()
    return [(d, rest) for d, _, rest in rig.mails if d.sender in (b"", b"#@[]")]


def test_single(rig):
    refuse(rig, b"joe@local.example")
    [(d, text)] = bounce(rig, b"snd@ext.example", [b"joe@local.example"])
    assert (d.sender, d.addr) == (b"", b"snd@ext.example")
    m = re.fullmatch(
        rb"Date: " + DATE + rb"\n"
        rb"From: MAILER-DAEMON@mail\.example\.org\n"
        rb"To: snd@ext\.example\n"
        rb"Subject: failure notice\n"
        rb"\n"
        rb"Hi\. This is the qmail-send program at mail\.example\.org\.\n"
        rb"I'm afraid I wasn't able to deliver your message to the following "
        rb"addresses\.\n"
        rb"This is a permanent error; I've given up\. Sorry it didn't work "
        rb"out\.\n\n"
        rb"<joe@local\.example>:\nSorry, no\. \(#5\.1\.1\)\n\n"
        rb"--- Below this line is a copy of the message\.\n\n"
        rb"Return-Path: <snd@ext\.example>\n"
        rb"Received: \(qmail \d+ invoked by .*\); " + DATE + rb"\n"
        rb"Subject: t\n\nhi\n", text)
    assert m, text
    log = tidy(rig.log)
    assert "delivery 1: failure: Sorry,_no._(#5.1.1)/\n" in log
    assert log.index("bounce msg A qp P\n") < log.index("end msg A\n")
    assert "from <> qp P uid U\n" in log
    assert not rig.ids("mess") and not rig.ids("info")


def test_double_and_triple(rig):
    """Oracle 33: three messages, two bounces, one triple bounce."""
    refuse(rig, b"joe@local.example", b"snd@ext.example",
           b"postmaster@mail.example.org")
    with rig:
        rig.inject(b"snd@ext.example", [b"joe@local.example"])
        rig.wait_log("end msg", 3)
        rig.stop_send()
    log = tidy(rig.log)
    assert log.count("new msg") == 3
    assert log.count("bounce msg") == 2
    [line] = [x for x in log.splitlines() if "triple" in x]
    assert re.fullmatch("triple bounce: discarding bounce/[A-C]", line)
    assert not rig.ids("mess")


@pytest.mark.parametrize("sender", [b"", b"-@[]"])
def test_double(rig, sender):
    """Oracle 32, 41."""
    rig.control("doublebounceto", "dbl\n")
    rig.control("doublebouncehost", "db.example\n")
    refuse(rig, b"joe@local.example")
    [(d, text)] = bounce(rig, sender, [b"joe@local.example"])
    assert (d.sender, d.addr) == (b"#@[]", b"dbl@db.example")
    assert b"\nTo: dbl@db.example\n" in text
    assert (b"I tried to deliver a bounce message to this address, but the "
            b"bounce bounced!\n\n<joe@local.example>:\n") in text
    assert (b"--- Below this line is the original bounce.\n\n"
            b"Return-Path: <>\nReceived: ") in text


def test_double_bounces_unwanted(rig):
    """contract 10, doublebounce-trim."""
    rig.control("doublebounceto", "\n")
    refuse(rig, b"joe@local.example")
    assert bounce(rig, b"", [b"joe@local.example"], ends=1) == []
    assert "double bounce: discarding bounce/A\nend msg A\n" in tidy(rig.log)


def test_verp_sender_is_told_at_its_plain_address(rig):
    """Oracle 30."""
    refuse(rig, b"bob@far.example")
    [(d, text)] = bounce(rig, b"list-@lists.example-@[]", [b"bob@far.example"])
    assert d.addr == b"list-@lists.example"
    assert b"\nReturn-Path: <list-@lists.example>\n" in text


@pytest.mark.parametrize("sender, to, addr", [
    (b"a b@ok.example", b'"a b"@ok.example', b"a b@ok.example"),
    (b"plainsender", b"plainsender", b"plainsender@mail.example.org"),
])
def test_odd_senders(rig, sender, to, addr):
    """Oracle 35, 36."""
    refuse(rig, b"joe@local.example")
    [(d, text)] = bounce(rig, sender, [b"joe@local.example"])
    assert d.addr == addr
    assert b"\nTo: " + to + b"\n" in text
    assert b"\nReturn-Path: <" + to + b">\n" in text


def test_names_and_hosts(rig):
    """Oracle 34."""
    rig.control("bouncefrom", "Mailer Daemon\n")
    rig.control("bouncehost", "bh.example\n")
    refuse(rig, b"joe@local.example")
    [(_, text)] = bounce(rig, b"s@x", [b"joe@local.example"])
    assert b'\nFrom: "Mailer Daemon"@bh.example\n' in text
    assert b"program at bh.example.\n" in text


def test_no_me(rig):
    """Oracle 47: hosts are the names of their files."""
    (rig.home / "control/me").unlink()
    refuse(rig, b"joe@local.example")
    [(d, text)] = bounce(rig, b"", [b"joe@local.example"])
    assert d.addr == b"postmaster@doublebouncehost"
    assert b"\nFrom: MAILER-DAEMON@bouncehost\n" in text


def test_several_failures_are_one_bounce(rig):
    """Oracle 37, 38, 39."""
    rig.control("virtualdomains", "virt.example:joe-v\n")
    bad = [b"joe-v-x@virt.example", b"joe-v-z@local.example",
           b"a\nb@local.example"]
    refuse(rig, *bad, text=b"")
    [(_, text)] = bounce(rig, b"s@x", [b"x@virt.example", bad[1], bad[2],
                                       b"good@far.example"])
    paragraphs = text.split(b"work out.\n\n")[1].split(b"--- Below")[0]
    assert sorted(paragraphs.split(b"\n\n")[:-1]) == [
        b"<a_b@local.example>:", b"<joe-v-z@local.example>:",
        b"<x@virt.example>:"]
    assert "failure: \n" in rig.log


@pytest.mark.parametrize("text, said", [
    (b"1.2.3.4 busy\n", "1.2.3.4_busy/"),
    (b"busy", "busy/"),
    (b"", ""),
])
def test_expiry(rig, text, said):
    """Oracle 40; the sentence on its own line: DECISIONS.md."""
    rig.verdict = lambda d: ("Z", text) if d.addr[:1] == b"r" else \
        rig.mails.append(mail_of(rig, d)[1]) or ("K", b"")
    rig.control("queuelifetime", "1\n")
    message(rig, b"s@far.example", [b"r@far.example"], age=10)
    with rig:
        rig.wait_log("end msg", 2)
    words = "I'm_not_going_to_try_again;_this_message_has_been_in_the_" \
        "queue_too_long./"
    assert f"delivery 1: failure: {said}{words}\n" in rig.log
    assert b"\nI'm not going to try again; this message has been in the " \
        b"queue too long.\n\n--- Below" in rig.mails[0]


def test_young_messages_do_not_expire(rig):
    rig.verdict = lambda d: ("Z", b"busy\n")
    rig.control("queuelifetime", "1000\n")
    message(rig, b"s@x", [b"r@far.example"], age=900)
    with rig:
        rig.wait_log("delivery 1: deferral: busy/\n")


def test_bounce_left_over(rig):
    """Oracle 51: every recipient done, the bounce not yet sent."""
    refuse(rig)
    n = message(rig, b"s@x", [b"a@far.example", b"b@far.example"])
    note(rig, n, [1, 1], bounce=b"<b@far.example>:\nno such user\n\n")
    with rig:
        rig.wait_log("end msg", 2)
        rig.stop_send()
    [(d, _, text)] = rig.mails
    assert d.addr == b"s@x"
    assert b"work out.\n\n<b@far.example>:\nno such user\n\n---" in text
    # it was announced in another life
    assert f"new msg {n}\n" not in rig.log
    assert f"bounce msg {n} qp " in rig.log and f"end msg {n}\n" in rig.log
    assert not rig.ids("info") and not rig.ids("mess")


def test_bounce_that_cannot_be_sent(rig):
    """Nothing is lost: the failure is on disk, with its words."""
    refuse(rig, b"a@far.example")
    n = message(rig, b"s@x", [b"a@far.example"])
    rig.start_send()  # and no queue service
    rig.wait_log("warning: trouble injecting bounce message, "
                 "will try later\n")
    assert rig.stop_send() == 0
    got = note_of(rig, n)
    assert got["B"] == b"<a@far.example>:\nSorry, no. (#5.1.1)\n\n"
    assert got["d"] == b"01"
    with rig:
        rig.wait_log(f"bounce msg {n}")
        rig.wait_empty()
    [(d, _, text)] = rig.mails
    assert d.addr == b"s@x" and b"\n<a@far.example>:\nSorry" in text
    # not delivered again: the second is that of the bounce
    assert [d.addr for d in rig.started] == [b"a@far.example", b"s@x"]


def test_refused_by_qmailqueue(rig):
    """contract 3.5: qmail-send honours $QMAILQUEUE."""
    script = rig.home / "refuse"
    script.write_text("#!/bin/sh\ncat >seen\ncat <&1 >envelope\nexit 53\n")
    script.chmod(0o755)
    rig.env["QMAILQUEUE"] = str(script)
    refuse(rig, b"a@far.example")
    message(rig, b"s@x", [b"a@far.example"])
    with rig:
        rig.wait_log("warning: trouble injecting bounce message")
        assert (rig.home / "envelope").read_bytes() == b"F\0Ts@x\0\0"
        assert (rig.home / "seen").read_bytes().endswith(b"\n\nhi\n")
        assert rig.stop_send() == 0
    assert rig.ids("info") == rig.ids("mess") != []


def test_many_bounces(rig):
    """More than may be on their way at once; none is lost."""
    refuse(rig, *[b"r%d@local.example" % i for i in range(60)])
    for i in range(60):
        message(rig, b"s%d@far.example" % i, [b"r%d@local.example" % i],
                n=ident() + i)
    with rig:
        rig.wait_log("end msg", 120)
        rig.wait_empty()
        rig.stop_send()
    assert sorted(d.addr for d, _, _ in rig.mails) == \
        sorted(b"s%d@far.example" % i for i in range(60))
    assert rig.log.count("bounce msg") == 60
    assert not rig.ids("info")


def test_report(rig):
    """control/bounceformat dsn (DECISIONS.md)."""
    rig.control("bounceformat", "dsn\n")
    refuse(rig, b"joe@local.example")
    [(_, text)] = bounce(rig, b"s@x", [b"joe@local.example"])
    assert b"\nContent-Type: multipart/report; report-type=delivery-status;" \
        in text
    assert b"\nFinal-Recipient: rfc822; joe@local.example\n" \
        b"Action: failed\nStatus: 5.1.1\n" in text
    assert b"\nContent-Type: message/rfc822\n" in text
    assert b"\n\nhi\n\n--=_" in text


def test_report_about_a_large_message(rig):
    rig.control("bounceformat", "dsn\n")
    refuse(rig, b"joe@local.example")
    [(_, text)] = bounce(rig, b"s@x", [b"joe@local.example"],
                         b"Subject: big\nX: y\n\n" + b"x" * 80 * 1000)
    assert b"\nContent-Type: text/rfc822-headers\n" in text
    assert b"\nSubject: big\nX: y\n\n--=_" in text
    assert b"xxx" not in text


# --- contract 4.6 to 4.8, row by row ---

@pytest.mark.parametrize("sender", [b"#@[]", b"#@[]-@[]"])
def test_case32_bounce_of_a_double_bounce(rig, sender):
    refuse(rig, b"joe@local.example")
    assert bounce(rig, sender, [b"joe@local.example"], ends=1) == []
    assert "triple bounce: discarding bounce/A\nend msg A\n" in tidy(rig.log)
    assert not rig.ids("mess") and not rig.ids("info")


@pytest.mark.parametrize("box, quoted", [
    (b"a", b"a"), (b"a.b", b"a.b"), (b"!#$%&'*+-/=?^_`{|}~",
                                     b"!#$%&'*+-/=?^_`{|}~"),
    (b"", b'""'), (b".a", b'".a"'), (b"a.", b'"a."'), (b"a..b", b'"a..b"'),
    *[(b"a" + bytes([c]) + b"b", b'"a' + bytes([c]) + b'b"')
      for c in b"\x01\t \x1f(),:;<>@[]\x7f\x80\xff"],
    (b'a"b', b'"a\\"b"'), (b"a\\b", b'"a\\\\b"'),
    (b"a\rb", b'"a\\\rb"'), (b"a\nb", b'"a\\\nb"')])
def test_case35_quoting(rig, box, quoted):
    """To and Return-Path; the envelope has it as it is."""
    refuse(rig, b"joe@local.example")
    sender = box + b"@ok.example"
    [(d, text)] = bounce(rig, sender, [b"joe@local.example"])
    assert d.addr == sender
    assert b"\nTo: " + quoted + b"@ok.example\nSubject: " in text
    assert b"\nReturn-Path: <" + quoted + b"@ok.example>\nReceived: " in text


def test_case37_prepends_in_a_bounce(rig):
    """Taken off by domain, by its endings, by the empty key."""
    rig.control("virtualdomains",
                "virt.example:joe-v\n.wild.example:w\nuser@vu.example:bob\n"
                ":all\nremote.example:\n")
    rcpts = {b"x@virt.example": b"x@virt.example",
             b"u@a.wild.example": b"u@a.wild.example",
             # the prepend of one address stays to be seen
             b"user@vu.example": b"bob-user@vu.example",
             b"u@elsewhere.example": b"u@elsewhere.example",
             b"joe-u@local.example": b"joe-u@local.example",
             b"joe-v-r@remote.example": b"joe-v-r@remote.example"}
    rig.verdict = lambda d: ("D", b"no\n") if d.sender else (
        rig.mails.append((d, *mail_of(rig, d))) or "K", b"")
    with rig:
        rig.inject(b"back@far.example", list(rcpts))
        rig.wait_log("end msg")
        poll(lambda: rig.mails, "the bounce")
    [(_, _, text)] = rig.mails
    told = re.findall(rb"^<(.*)>:\nno\n\n", text, re.M)
    assert sorted(told) == sorted(rcpts.values())


@pytest.mark.parametrize("report, paragraph", [
    (b"line1\n\n\nline2\n\n", b"line1\n//line2\n\n\n"),
    (b"no end", b"no end\n\n"), (b"", b"\n"), (b"\n", b"\n\n"),
    (b"8-bit \xe9 and \x01\n", b"8-bit \xe9 and \x01\n\n"),
    (b"x" * 9998, b"x" * 9998 + b"\n\n")],
    ids=["empty lines", "no end", "empty", "newline", "bytes", "long"])
def test_case39_report_in_a_bounce(rig, report, paragraph):
    refuse(rig, b"joe@local.example", text=report)
    [(_, text)] = bounce(rig, b"s@x", [b"joe@local.example"])
    assert b"work out.\n\n<joe@local.example>:\n" + paragraph + \
        b"--- Below this line" in text


def test_message_in_a_bounce_is_whole(rig):
    body = bytes(range(256)) * 20000 + b"no newline"
    refuse(rig, b"joe@local.example")
    [(_, text)] = bounce(rig, b"s@x", [b"joe@local.example"], body)
    assert text.endswith(body)
    assert b"Message-I" not in text.split(b"\n\n")[0]


@pytest.mark.parametrize("program", ["/nowhere/at/all", "./control"])
def test_qmailqueue_that_cannot_be_run(rig, program):
    """contract 4.6: the message is kept."""
    rig.env["QMAILQUEUE"] = program
    refuse(rig, b"a@far.example")
    n = message(rig, b"s@x", [b"a@far.example"])
    with rig:
        rig.wait_log("warning: trouble injecting bounce message, "
                     "will try later\n")
        assert rig.stop_send() == 0
    assert rig.ids() == rig.ids("mess") == [n]
    assert note_of(rig, n)["B"].startswith(b"<a@far.example>:\nSorry")


def test_bounce_child_has_nothing_of_ours(rig):
    """contract 1.2: classic qmail-send leaks its descriptors into it. 4 and 6
    are for what it says."""
    script = rig.home / "fds"
    script.write_text("#!/usr/bin/python3 -IS\nimport os\n"
                      "fds = sorted(int(n) for n in os.listdir('/proc/self/fd')"
                      " if os.path.exists('/proc/self/fd/' + n))\n"
                      "while os.read(0, 4096):\n\tpass\n"
                      "while os.read(1, 4096):\n\tpass\n"
                      "open('seen', 'w').write(repr(fds))\n")
    script.chmod(0o755)
    rig.env["QMAILQUEUE"] = str(script)
    refuse(rig, b"a@far.example")
    message(rig, b"s@x", [b"a@far.example"])
    with rig:
        rig.wait_log("bounce msg")
        rig.wait_log("end msg")
    assert (rig.home / "seen").read_text() == "[0, 1, 2, 4, 6]"


def test_bounced_while_stopping(rig):
    """contract 1.4: what ends after TERM is still bounced and ended."""
    rig.verdict = lambda d: None
    n = message(rig, b"s@x", [b"a@far.example"])
    with rig:
        poll(lambda: rig.held, "a job")
        rig.send.send_signal(signal.SIGTERM)
        [[d]] = rig.held
        rig.spawners["remote"].answer(0, [(d, ("D", b"no\n"))])
        assert rig.send.wait(60) == 0
        rig.reap_send()
    assert re.search(rf"^bounce msg {n} qp \d+\nend msg {n}\n"
                     r"status: exiting\n\Z", rig.log, re.M)
    assert len(rig.ids()) == 1 and rig.ids() != [n]


def test_more_failures_than_a_note_holds(rig):
    """70 MB of names: the bounce may leave some out; but it is sent, and
    nothing is delivered again."""
    many, host = 35000, "h" * 2000
    rig.control("envnoathost", host + "\n")
    refuse(rig)
    deliver = rig.verdict
    rig.verdict = lambda d: ("D", b"") if d.sender else deliver(d)

    def drain(fd):
        while os.read(fd, 1 << 20):
            pass
        os.close(fd)
    rig.read_log = drain  # which is twice as large
    rig.start_queue()
    rig.start_send()
    assert rig.inject(b"s@far.example", [b"x"] * many) == 0
    poll(lambda: rig.mails, "the bounce")
    rig.wait_empty()
    assert rig.stop_send() == 0
    assert len([d for d in rig.started if d.sender]) == many
    [(d, _, text)] = rig.mails
    assert d.addr == b"s@far.example"
    assert b"\n<x@" + host.encode() + b">:\n\n" in text

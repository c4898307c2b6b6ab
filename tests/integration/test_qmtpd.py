"""qmail-qmtpd, one connection at a time (contract edges.md 3.1, 10.5)."""
import functools
import re
import socket
import subprocess

import pytest

import qmtprig
from qmtprig import (BAD_RECIPIENT, BAD_SENDER, RCPTHOSTS, TOO_LARGE, is_k,
                     qmtp, split)
from smtpdrig import BIN, PEER, WAIT, Home

talk = functools.partial(qmtprig.talk, "qmail-qmtpd")
WRITE_ERROR = b"37:Zqq write error or disk full (#4.3.0),"


@pytest.fixture
def home():
    with Home(rcpthosts="example.org\n.sub.example.org\n") as h:
        yield h


def answers(home, data, **env):
    out, code = talk(home, data, **env)
    assert code == 0
    return split(out)


def test_q1_one_message(home):
    out, code = talk(
        home, b"15:\nSubject: x\n\nb\n,3:s@x,17:13:u@example.org,,")
    assert code == 0
    assert re.fullmatch(rb"\d\d:Kok \d+ qp \d+,", out)
    assert is_k(split(out)[0])
    [(received, stored, envelope)] = home.messages()
    assert re.fullmatch(
        rb"Received: from client\.example\.net \(192\.0\.2\.7\)\n"
        rb"  by mx\.example\.org with QMTP; "
        rb"\d{1,2} \w{3} \d{4} \d\d:\d\d:\d\d -0000", received)
    assert stored == b"Subject: x\n\nb\n"
    assert envelope == [b"Fs@x", b"Tu@example.org"]


def test_q2_one_of_them_is_not_ours(home):
    out, _ = talk(home, qmtp(b"\nb", b"s@x", b"u@example.org", b"u@other",
                             b"v@example.org"))
    first, second, third = split(out)
    assert is_k(first) and first == third and second == RCPTHOSTS
    assert b"66:" + RCPTHOSTS + b"," in out
    [(_, _, envelope)] = home.messages()
    assert envelope == [b"Fs@x", b"Tu@example.org", b"Tv@example.org"]


def test_q3_no_recipients(home):
    assert talk(home, b"2:\nb,3:s@x,0:,") == (b"", 0)
    assert home.messages() == []


@pytest.mark.parametrize("sender", [b"a\0b@x", b"\0", b"s" * 1000,
                                    b"s" * 100000])
def test_q4_sender(home, sender):
    out, code = talk(home, qmtp(b"\nb", sender, b"u@example.org"))
    assert (out, code) == (b"29:Dunacceptable sender (#5.1.7),", 0)
    assert home.messages() == []


@pytest.mark.parametrize("kind, text, stored", [
    (b"\n", b"abc", 3), (b"\r", b"a\r\nb", 3), (b"\r", b"ab\r", 3)])
def test_q5_size(home, kind, text, stored):
    message = qmtp(kind + text, b"s@x", b"u@example.org")
    out, code = talk(home, message, DATABYTES=str(stored - 1))
    assert (out, code) == (b"61:" + TOO_LARGE + b",", 0)
    assert home.messages() == []
    assert is_k(answers(home, message, DATABYTES=str(stored))[0])


VIOLATIONS = {
    "first byte": b"2:xb,3:s@x,0:,",
    "no first byte": b"0:,",
    "no first byte, nor a length": b":,",
    "no length": b"a:,",
    "sign": b"-1:,",
    "no comma": b"2:\na;",
    "no comma behind the sender": b"2:\na,3:s@x;",
    "no comma behind the recipients": b"2:\na,3:s@x,0:;",
    "recipient without length": b"2:\na,3:s@x,1:x,",
    "recipient cut short": b"2:\na,3:s@x,4:5:ab,,",
    "length cut short": b"2:\na,3:s@x,1:5,",
    "recipient without comma": b"2:\na,3:s@x,4:1:a;,",
    "second recipient": b"2:\na,3:s@x,5:1:a,x,",
    "100 digits": b"0" * 100 + b"2:\na,3:s@x,0:,",
}


@pytest.mark.parametrize("name", VIOLATIONS)
def test_q6_violation(home, name):
    assert talk(home, VIOLATIONS[name]) == (b"", 100)
    assert home.messages() == []


def test_q7_queue_exit(home):
    out, code = talk(home, qmtp(b"\nb", b"s@x", b"u@example.org",
                                b"v@example.org"), QQ_EXIT="53")
    assert (out, code) == (2 * WRITE_ERROR, 0)


@pytest.mark.parametrize("data", [
    b"200000001:", b"1" + b"0" * 50, b"2:\na,200000001:",
    b"2:\na,3:s@x,200000001:", b"2:\na,3:s@x,4194305:",
    b"2:\na,3:s@x,10:200000001:,"])
def test_lengths_over_the_limit(home, data):
    assert talk(home, data) == (b"", 111)


def test_leading_zeros_and_no_digits(home):
    got = answers(home, b"0003:\nbc,:,0018:013:u@example.org,,")
    assert is_k(got[0])
    [(_, stored, envelope)] = home.messages()
    assert (stored, envelope) == (b"bc", [b"F", b"Tu@example.org"])


@pytest.mark.parametrize("cut", range(0, 48, 5))
def test_gone_in_the_middle(home, cut):
    whole = qmtp(b"\nSubject: x\n\nb\n", b"s@x", b"u@example.org")
    assert cut < len(whole)
    assert talk(home, whole[:cut]) == (b"", 0)
    assert home.messages() == []


LINES = {
    "LF, verbatim": (b"\na\r\nb\rc\0\xff", b"a\r\nb\rc\0\xff"),
    "LF, empty": (b"\n", b""),
    "CR LF": (b"\ra\r\nb\r\n", b"a\nb\n"),
    "CR LF, empty": (b"\r", b""),
    "CR LF, others stay": (b"\ra\rb\r\r\n\r", b"a\rb\r\n\r"),
    "CR LF, lone LF": (b"\ra\nb\n", b"a\nb\n"),
    "dots": (b"\r.\r\n..\r\n", b".\n..\n"),
}


@pytest.mark.parametrize("name", LINES)
def test_lines(home, name):
    sent, stored = LINES[name]
    assert is_k(answers(home, qmtp(sent, b"", b"u@example.org"))[0])
    assert home.messages()[0][1] == stored


@pytest.mark.parametrize("size", [16383, 16384, 16385, 300000, 3000000])
def test_large(home, size):
    text = (b"0123456789abcd\r\n" * (size // 16 + 1))[:size - 1] + b"\r"
    assert is_k(answers(home, qmtp(b"\r" + text, b"s@x", b"u@example.org"))[0])
    assert home.messages()[0][1] == text.replace(b"\r\n", b"\n")


def test_many_hops_are_no_matter(home):
    text = b"\n" + b"Received: x\n" * 200
    assert is_k(answers(home, qmtp(text, b"s@x", b"u@example.org"))[0])


def test_many_messages(home):
    """Each answered on its own."""
    data = qmtp(b"\none", b"s@x", b"u@example.org") + \
        qmtp(b"\ntwo", b"s\0", b"u@example.org") + \
        qmtp(b"\nthree", b"s@x") + \
        qmtp(b"\nfour", b"s@x", b"u@other", b"v@example.org")
    first, second, third, fourth = answers(home, data)
    assert is_k(first) and second == BAD_SENDER
    assert third == RCPTHOSTS and is_k(fourth)
    assert [m[1:] for m in home.messages()] == [
        (b"one", [b"Fs@x", b"Tu@example.org"]),
        (b"four", [b"Fs@x", b"Tv@example.org"])]


def test_answer_survives_what_follows(home):
    out, code = talk(home, qmtp(b"\nb", b"s@x", b"u@example.org") + b"x")
    assert code == 100 and is_k(split(out)[0])


@pytest.mark.parametrize("rcpt", [b"a\0b@example.org", b"\0",
                                  b"u" * 988 + b"@example.org"])
def test_recipient_that_cannot_be(home, rcpt):
    got = answers(home, qmtp(b"\nb", b"s@x", rcpt, b"u@example.org"))
    assert got[0] == BAD_RECIPIENT and is_k(got[1])
    assert home.messages()[0][2] == [b"Fs@x", b"Tu@example.org"]


def test_longest_recipient(home):
    rcpt = b"u" * 987 + b"@example.org"
    assert is_k(answers(home, qmtp(b"\nb", b"s" * 999, rcpt))[0])
    assert home.messages()[0][2] == [b"F" + b"s" * 999, b"T" + rcpt]


@pytest.mark.parametrize("rcpt, taken", [
    (b"u@EXAMPLE.org", True), (b"u@a.sub.example.org", True),
    (b"u@sub.example.org", False), (b"u", True), (b"", True),
    (b"u@other@example.org", True), (b"u@example.org@other", False)])
def test_rcpthosts(home, rcpt, taken):
    [answer] = answers(home, qmtp(b"\nb", b"s@x", rcpt))
    assert is_k(answer) if taken else answer == RCPTHOSTS


def test_no_rcpthosts_is_everybody(home):
    home.control("rcpthosts", None)
    assert is_k(answers(home, qmtp(b"\nb", b"s@x", b"u@other"))[0])


def test_relayclient(home):
    got = answers(home, qmtp(b"\nb", b"s@x", b"u@other", b"v"),
                  RELAYCLIENT=".relay")
    assert all(map(is_k, got))
    assert home.messages()[0][2] == [b"Fs@x", b"Tu@other.relay", b"Tv.relay"]


@pytest.mark.parametrize("length, taken", [(993, True), (994, False)])
def test_relayclient_counts(home, length, taken):
    [answer] = answers(home, qmtp(b"\nb", b"s@x", b"u" * length),
                       RELAYCLIENT=".relay")
    assert is_k(answer) if taken else answer == BAD_RECIPIENT


@pytest.mark.parametrize("env, sender, rcpts, want", [
    ({"DATABYTES": "1"}, b"\0", [b"u@example.org", b"u@other", b"\0"],
     [TOO_LARGE, RCPTHOSTS, BAD_RECIPIENT]),
    ({"QQ_EXIT": "53"}, b"\0", [b"u@example.org", b"u@other"],
     [BAD_SENDER, RCPTHOSTS]),
    ({"QQ_EXIT": "53"}, b"s", [b"u@other", b"\0"],
     [RCPTHOSTS, BAD_RECIPIENT]),
    ({"QQ_EXIT": "31"}, b"s", [b"u@other", b"u@example.org"],
     [RCPTHOSTS, b"Dmail server permanently rejected message (#5.3.0)"]),
    ({"QQ_EXIT": "82", "QQ_TEXT": "Dnot you"}, b"s", [b"u@example.org"],
     [b"Dnot you"])])
def test_which_answer(home, env, sender, rcpts, want):
    assert answers(home, qmtp(b"\nbcd", sender, *rcpts), **env) == want
    assert "DATABYTES" not in env or home.messages() == []


def test_many_recipients(home):
    rcpts = [b"u%d@example.org" % i for i in range(50002)]
    got = answers(home, qmtp(b"\nb", b"s@x", *rcpts))
    assert all(map(is_k, got[:50000]))
    assert got[50000:] == 2 * [b"Zsorry, too many recipients (#4.5.3)"]
    assert len(home.messages()[0][2]) == 50001


@pytest.mark.parametrize("name", ["rcpthosts", "databytes"])
def test_unreadable_control(home, name):
    home.control(name, None)
    (home.path / "control" / name).mkdir()
    assert talk(home, qmtp(b"\nb", b"s@x", b"u")) == (b"", 111)


def test_no_home(home):
    assert talk(home, b"", QMAILHOME="/nonexistent") == (b"", 111)


def test_answer_before_the_next_message(home):
    """Whoever waits for an answer gets it; and nobody is greeted."""
    ours, theirs = socket.socketpair()
    ours.settimeout(WAIT)
    with subprocess.Popen([BIN / "qmail-qmtpd"], stdin=theirs, stdout=theirs,
                          env=home.env(**PEER)) as p:
        theirs.close()
        for _ in range(3):
            for byte in qmtp(b"\nb", b"s@x", b"u@example.org"):
                ours.send(bytes([byte]))
            assert is_k(split(ours.recv(1000))[0])
        ours.close()
        assert p.wait(WAIT) == 0


def test_info_and_odd_bytes(home):
    talk(home, qmtp(b"\nb", b"s@x", b"u@example.org"), TCPREMOTEINFO="a b(",
         TCPREMOTEHOST=None, TCPLOCALHOST=None, TCPLOCALIP="192.0.2.1")
    assert home.messages()[0][0].startswith(
        b"Received: from unknown (a?b?@192.0.2.7)\n"
        b"  by 192.0.2.1 with QMTP; ")


def test_no_queue_service(home):
    got = answers(home, qmtp(b"\nb", b"s@x", b"u@example.org"),
                  QMAILQUEUE=None)
    assert got == [b"Zqq trouble creating files in queue (#4.3.0)"]

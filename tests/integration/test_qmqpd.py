"""qmail-qmqpd, one connection at a time (contract edges.md 3.2, 10.5)."""
import functools
import re

import pytest

import qmtprig
from qmtprig import BAD_ADDRESS, is_k, net, qmqp, split
from smtpdrig import Home

talk = functools.partial(qmtprig.talk, "qmail-qmqpd")


@pytest.fixture
def home():
    with Home(rcpthosts="example.org\n", databytes="1\n") as h:
        yield h


def answer(home, data, **env):
    out, code = talk(home, data, **env)
    assert code == 0
    [text] = split(out)
    return text


def test_q8_one_message(home):
    out, code = talk(home,
                     b"36:14:Subject: x\n\nb\n,3:s@x,3:a@b,3:c@d,,")
    assert code == 0
    assert re.fullmatch(rb"\d\d:Kok \d+ qp \d+,", out)
    assert is_k(split(out)[0])
    [(received, stored, envelope)] = home.messages()
    assert re.fullmatch(
        rb"Received: from client\.example\.net \(192\.0\.2\.7\)\n"
        rb"  by mx\.example\.org with QMQP; "
        rb"\d{1,2} \w{3} \d{4} \d\d:\d\d:\d\d -0000", received)
    assert stored == b"Subject: x\n\nb\n"
    assert envelope == [b"Fs@x", b"Ta@b", b"Tc@d"]


BAD = [b"a\0b", b"\0", b"a" * 1000, b"a" * 3000]


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("place", range(3))
def test_q9_address(home, bad, place):
    addresses = [b"s@x", b"a@b", b"c@d"]
    addresses[place] = bad
    out, code = talk(home, qmqp(b"b\n", *addresses), QQ_EXIT="53")
    assert (out, code) == (b"51:" + BAD_ADDRESS + b",", 0)
    assert home.messages() == []


def test_q10_last_byte(home):
    whole = qmqp(b"b\n", b"s@x", b"a@b")
    assert talk(home, whole[:-1] + b";") == (b"", 100)
    assert home.messages() == []


VIOLATIONS = {
    "no length": b"x",
    "sign": b"+3:0:,,",
    "nothing inside": b"0:,",
    "no message": b"1:5,",
    "message length reaches the end": b"2:0:,,",
    "message reaches the end": b"4:1:a,,",
    "message over the end": b"5:14:Subject: x\n\nb\n,3:s@x,,",
    "no comma behind the message": b"11:1:a;3:s@x,,",
    "no sender": b"4:1:a,,",
    "sender over the end": b"8:1:a,9:s@x,,",
    "sender without comma": b"10:1:a,3:s@x;,",
    "recipient cut short": b"13:1:a,3:s@x,3:a,",
    "too much inside": net(net(b"a") + net(b"s@x") + b"x"),
    "too little inside": b"12:1:a,3:s@x,,",
    "100 digits": b"0" * 98 + b"10:1:a,3:s@x,,",
}


@pytest.mark.parametrize("name", VIOLATIONS)
def test_violation(home, name):
    # more may follow: what is there decides
    assert talk(home, VIOLATIONS[name] + b"xxxxxxxx") == (b"", 100)
    assert home.messages() == []


def test_99_digits(home):
    assert is_k(answer(home, b"0" * 97 + b"10:1:a,3:s@x,,"))


@pytest.mark.parametrize("data", [
    b"200000001:", b"100:200000001:", b"40000000:1:a,",
    net(b"1:a,200000001:s@x,")])
def test_lengths_over_the_limit(home, data):
    assert talk(home, data) == (b"", 111)


def test_no_recipients(home):
    assert is_k(answer(home, qmqp(b"b\n", b"s@x")))
    assert home.messages()[0][1:] == (b"b\n", [b"Fs@x"])


@pytest.mark.parametrize("cut", range(0, 40, 3))
def test_gone_in_the_middle(home, cut):
    whole = b"36:14:Subject: x\n\nb\n,3:s@x,3:a@b,3:c@d,,"
    assert talk(home, whole[:cut]) == (b"", 0)
    assert home.messages() == []


@pytest.mark.parametrize("text", [
    b"", b"a\r\nb\rc\0\xff\n", b"x" * 16384, b"0123456789abcde\n" * 200000])
def test_verbatim(home, text):
    assert is_k(answer(home, qmqp(text, b"", b"a@b")))
    assert home.messages()[0][1:] == (text, [b"F", b"Ta@b"])


def test_one_message_only(home):
    """What follows is nobody's business."""
    assert is_k(answer(home, 2 * qmqp(b"b\n", b"s@x", b"a@b")))
    assert len(home.messages()) == 1


def test_no_control_over_relaying(home):
    """Neither rcpthosts and databytes, nor RELAYCLIENT and DATABYTES."""
    assert is_k(answer(home, qmqp(b"much\n", b"s@x", b"u@other"),
                       RELAYCLIENT=".relay", DATABYTES="1"))
    assert home.messages()[0][2] == [b"Fs@x", b"Tu@other"]


def test_longest_addresses(home):
    assert is_k(answer(home, qmqp(b"b\n", b"s" * 999, b"r" * 999)))
    assert home.messages()[0][2] == [b"F" + b"s" * 999, b"T" + b"r" * 999]


def test_many_recipients(home):
    rcpts = [b"u%d@example.org" % i for i in range(100000)]
    assert is_k(answer(home, qmqp(b"b\n", b"s@x", *rcpts)))
    assert len(home.messages()[0][2]) == 100001


@pytest.mark.parametrize("env, want", [
    ({"QQ_EXIT": "53"}, b"Zqq write error or disk full (#4.3.0)"),
    ({"QQ_EXIT": "31"}, b"Dmail server permanently rejected message "
                        b"(#5.3.0)"),
    ({"QQ_EXIT": "82", "QQ_TEXT": "Dnot you\n"}, b"Dnot you"),
    ({"QMAILQUEUE": None}, b"Zqq trouble creating files in queue (#4.3.0)")])
def test_queue_failure(home, env, want):
    assert answer(home, qmqp(b"b\n", b"s@x", b"a@b"), **env) == want


def test_no_home(home):
    assert talk(home, b"", QMAILHOME="/nonexistent") == (b"", 111)

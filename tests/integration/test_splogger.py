"""splogger: lines to syslog (contract queue.md 7, oracle 64)."""
import re
import subprocess
import time

import pytest

from facteur import BIN, DEADLINE
from syslogkit import Syslog, can_unshare


@pytest.fixture
def syslog(tmp_path):
    """splogger: (priority, tag, stamp, sign, text) of each message."""
    if not can_unshare(tmp_path):
        pytest.skip("needs a mount namespace of its own for /dev/log")
    here = Syslog(tmp_path)
    yield lambda text, *args: [parse(m) for m in here.splogger(text, *args)]
    here.close()


def parse(message):
    m = re.fullmatch(rb"<(\d+)>(?:\w{3} [ \d]\d \d\d:\d\d:\d\d )?(\S+): "
                     rb"(\d+\.\d{6})([ +])(.*)", message, re.S)
    assert m, message
    return (int(m.group(1)), *(g.decode("latin-1") for g in m.groups()[1:]))


INFO, WARNING, ALERT, MAIL = 6, 4, 1, 2 << 3


def test_priorities(syslog):
    lines = [("new msg 1", INFO), ("warning: x", WARNING), ("alert: y", ALERT),
             ("Warning: x", INFO), (" alert: y", INFO), ("alert", INFO)]
    found = syslog("".join(f"{text}\n" for text, _ in lines).encode())
    assert [(p, tag, sign, text) for p, tag, _, sign, text in found] == [
        (MAIL | level, "splogger", " ", text) for text, level in lines]


def test_long_line(syslog):  # 64
    line = b"warning:" + b"x" * 1591
    found = syslog(line + b"\nnext\n", "qmail")
    assert [(p, tag, sign, len(text)) for p, tag, _, sign, text in found] == [
        (MAIL | WARNING, "qmail", " ", 799),
        (MAIL | WARNING, "qmail", "+", 799),
        (MAIL | WARNING, "qmail", "+", 1),
        (MAIL | INFO, "qmail", " ", 4)]
    assert len({f[2] for f in found[:3]}) == 1
    assert "".join(f[4] for f in found[:3]).encode() == line


@pytest.mark.parametrize("n, pieces", [(798, [798]), (799, [799]),
                                       (800, [799, 1]), (1598, [799, 799])])
def test_bounds(syslog, n, pieces):
    assert [len(f[4]) for f in syslog(b"y" * n + b"\n")] == pieces


def test_longer_than_any_buffer(syslog):
    """Also an alert stays one, and what follows is a line of its own."""
    line = b"alert:" + b"0123456789" * 4000
    found = syslog(line + b"\n+\n")
    assert {f[0] for f in found[:-1]} == {MAIL | ALERT}
    assert {f[2] for f in found[:-1]} == {found[0][2]}
    assert [f[3] for f in found] == \
        [" "] + ["+"] * (len(line) // 799) + [" "]
    assert "".join(f[4] for f in found[:-1]).encode() == line
    assert found[-1][0] == MAIL | INFO and found[-1][4] == "+"


def test_every_byte(syslog):
    [found] = syslog(bytes(c for c in range(256) if c != ord("\n")) + b"\n")
    assert found[4] == "".join(
        chr(c) if 32 <= c <= 126 else "?" for c in range(256)
        if c != ord("\n"))


def test_no_format_is_obeyed(syslog):
    [found] = syslog(b"%s%n%m\r\n", "%s%m")
    assert (found[1], found[4]) == ("%s%m", "%s%n%m?")


def test_stamp(syslog):
    before = time.time()
    found = syslog(b"a\nb\n")
    stamps = [float(f[2]) for f in found]
    assert int(before) <= stamps[0] <= stamps[1] <= time.time()


def test_blank_lines_and_no_end(syslog):
    assert [f[4] for f in syslog(b"\n\na\n\nb\nnot ended")] == ["a", "b"]


@pytest.mark.parametrize("text", [b"", b"\n", b"\n\n\n", b"warning: x"])
def test_nothing_to_say(syslog, text):
    assert syslog(text) == []


def test_cannot_read(tmp_path):
    with open("/proc/self/mem", "rb") as unreadable:
        done = subprocess.run([BIN / "splogger"], stdin=unreadable,
                              stderr=subprocess.PIPE, timeout=DEADLINE)
    assert (done.returncode, done.stderr) == (
        111, b"splogger: fatal: unable to read: input/output error\n")


@pytest.mark.parametrize("arg, facility", [
    ("1", 1), ("16", 16), ("2", 2), ("5x", 5), ("0", 0), ("x", 0), ("", 0),
    ("-1", 0)])
def test_facility(syslog, arg, facility):
    [found] = syslog(b"a\n", "tag", arg)
    assert found[:2] == (facility << 3 | INFO, "tag")


def test_nobody_listens():
    """No syslog, no trouble."""
    done = subprocess.run([BIN / "splogger"], input=b"a\n", timeout=DEADLINE)
    assert done.returncode == 0

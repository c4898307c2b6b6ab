"""splogger: lines to syslog (contract queue.md 7, oracle 64).

The syslog of these tests is a socket dev/log of ours, which takes the place
of /dev in a mount namespace of splogger's own.
"""
import os
import re
import shutil
import socket
import subprocess

import pytest

from facteur import BIN, DEADLINE

UNSHARE = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
WHERE = 'mount --bind "$1" /dev && shift && exec "$@"'


def within(dev):
    return [*UNSHARE, "sh", "-c", WHERE, "sh", str(dev)]


def can_unshare(dev):
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*within(dev), "true"], timeout=DEADLINE,
                          stderr=subprocess.DEVNULL).returncode == 0


@pytest.fixture
def syslog(tmp_path):
    dev = tmp_path / "dev"
    dev.mkdir()
    if not can_unshare(dev):
        pytest.skip("needs a mount namespace of its own for /dev/log")
    here = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    cwd = os.getcwd()
    os.chdir(dev)  # the whole path may be too long for a socket
    here.bind("log")
    os.chdir(cwd)
    here.setblocking(False)

    def feed(text, *args):
        """(priority, tag, stamp, sign, text) of each message."""
        done = subprocess.run([*within(dev), BIN / "splogger", *args],
                              input=text, stderr=subprocess.PIPE,
                              timeout=DEADLINE)
        assert (done.returncode, done.stderr) == (0, b"")
        found = []
        while True:
            try:
                found.append(parse(here.recv(65536)))
            except BlockingIOError:
                return found
    yield feed
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


def test_odd_bytes(syslog):
    found = syslog(b"a\tb\x00c\x7fd\xe9e%s\r\n")
    assert [f[4] for f in found] == ["a?b?c?d?e%s?"]


def test_blank_lines_and_no_end(syslog):
    assert [f[4] for f in syslog(b"\n\na\n\nb\nnot ended")] == ["a", "b"]


@pytest.mark.parametrize("arg, facility", [("1", 1), ("16", 16), ("x", 0)])
def test_facility(syslog, arg, facility):
    [found] = syslog(b"a\n", "tag", arg)
    assert found[:2] == (facility << 3 | INFO, "tag")


def test_nobody_listens():
    """No syslog, no trouble."""
    done = subprocess.run([BIN / "splogger"], input=b"a\n", timeout=DEADLINE)
    assert done.returncode == 0

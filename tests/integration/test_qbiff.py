"""qbiff on terminals of the test's own (contract local.md 4.1).

The list of who is logged in is a file of the test's as well.
"""
import os
import select
import struct
import subprocess
import tty

import pytest

from facteur import BIN, ROOT

USER_PROCESS, DEAD_PROCESS = 7, 8
MESSAGE = b"To: x\nSubject: the subject\n\nthe body\n"
SHOWN = b"\r\n\a*** TO <bob-x> FROM <s@x>\r\n    the subject the body\r\n"


@pytest.fixture(scope="module")
def lib(tmp_path_factory):
    out = tmp_path_factory.mktemp("utmp") / "utmplib.so"
    subprocess.run([os.environ.get("CC", "cc"), "-D_GNU_SOURCE", "-shared", "-fPIC", "-O1", "-o", out,
                    ROOT / "tests/fault/utmplib.c"], check=True)
    return out


class Terminal:
    def __init__(self, mode=0o700):
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        self.path = os.ttyname(self.slave)
        self.line = self.path.removeprefix("/dev/")
        os.chmod(self.path, mode)

    def seen(self):
        got = b""
        while select.select([self.master], [], [], 0)[0]:
            got += os.read(self.master, 65536)
        return got

    def close(self):
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def terminal():
    t = Terminal()
    yield t
    t.close()


class Biff:
    def __init__(self, base, lib):
        self.utmp = base / "utmp"
        self.utmp.touch()
        self.env = {"LD_PRELOAD": str(lib), "TEST_UTMP": str(self.utmp), "USER": "bob", "LOCAL": "bob-x",
                    "SENDER": "s@x"}

    def login(self, line, user=b"bob", kind=USER_PROCESS):
        entry = struct.pack("<hxxi32s4s32s256s", kind, 1, line, b"", user, b"").ljust(384, b"\0")
        with open(self.utmp, "ab") as f:
            f.write(entry)

    def run(self, message=MESSAGE, **env):
        env = {k: v for k, v in {**self.env, **env}.items() if v is not None}
        p = subprocess.run([BIN / "qbiff"], input=message, env=env, capture_output=True, timeout=60)
        assert (p.returncode, p.stdout, p.stderr) == (0, b"", b"")


@pytest.fixture
def biff(tmp_path, lib):
    return Biff(tmp_path, lib)


def test_shown(biff, terminal):
    biff.login(terminal.line.encode())
    biff.run()
    assert terminal.seen() == SHOWN


def test_every_terminal_of_the_user(biff, terminal):
    other = Terminal()
    try:
        biff.login(b"pts/no-such")
        biff.login(terminal.line.encode())
        biff.login(other.line.encode())
        biff.run()
        assert (terminal.seen(), other.seen()) == (SHOWN, SHOWN)
    finally:
        other.close()


@pytest.mark.parametrize("entry", [
    {"user": b"bo"}, {"user": b"bobby"}, {"user": b"Bob"}, {"user": b""}, {"kind": DEAD_PROCESS}])
def test_somebody_else(biff, terminal, entry):
    biff.login(terminal.line.encode(), **entry)
    biff.run()
    assert terminal.seen() == b""


@pytest.mark.parametrize("form", ["/dev/{}", "../dev/{}", "./{}", "pts/../{}", ""])
def test_strange_line(biff, terminal, form):
    biff.login(form.format(terminal.line).encode())
    biff.run()
    assert terminal.seen() == b""


@pytest.mark.parametrize("mode", [0o600, 0o677])
def test_unwilling(biff, terminal, mode):
    os.chmod(terminal.path, mode)
    biff.login(terminal.line.encode())
    biff.run()
    assert terminal.seen() == b""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_terminal_of_another(biff, terminal):
    os.chown(terminal.path, 65534, -1)
    biff.login(terminal.line.encode())
    biff.run()
    assert terminal.seen() == b""


def test_no_terminal(biff):
    """A device that is none is not written to."""
    biff.login(b"null")
    biff.login(b"shm")
    biff.run()


@pytest.mark.parametrize("message, shown", [
    (b"", b""),
    (b"\n\n", b""),
    (b"Subject: \033[2J\x9b\0\x07\r\n\n\x7f\xc3\xa4", b"?[2J??? ???"),
    (b"Subject: a\n b\n\n" + b"x" * 300000, b"a b " + b"x" * 70),
    (b"Subject: " + b"y" * 300000, b"y" * 74),
    (b"X: " + b"y" * 300000, b""),
    (b"no header\r\nat all", b"no header at all"),
])
def test_hostile_message(biff, terminal, message, shown):
    biff.login(terminal.line.encode())
    biff.run(message)
    assert terminal.seen() == SHOWN.replace(b"the subject the body", shown)


def test_hostile_addresses(biff, terminal):
    biff.login(terminal.line.encode())
    biff.run(LOCAL="\033c\r\n", SENDER="\x07" * 3000)
    assert terminal.seen() == SHOWN.replace(b"bob-x", b"?c").replace(b"s@x", b"?" * 1000)


@pytest.mark.parametrize("name", ["USER", "LOCAL", "SENDER"])
def test_unset(biff, terminal, name):
    biff.login(terminal.line.encode())
    biff.run(**{name: None})
    assert terminal.seen() == b""


def test_damaged_list(biff, terminal):
    biff.login(terminal.line.encode())
    with open(biff.utmp, "ab") as f:
        f.write(b"\xff" * 1000)
    biff.run()
    assert terminal.seen() == SHOWN
    biff.utmp.unlink()
    biff.run()
    assert terminal.seen() == b""


def test_stopped_terminal(biff, terminal):
    """Mail does not wait for a terminal that takes nothing."""
    biff.login(terminal.line.encode())
    os.set_blocking(terminal.slave, False)
    try:
        while True:
            os.write(terminal.slave, b"x" * 4096)
    except BlockingIOError:
        pass
    biff.run()

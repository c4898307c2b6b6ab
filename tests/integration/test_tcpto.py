"""qmail-tcpto and qmail-tcpok (contract queue.md 8 and 9)."""
import fcntl
import os
import re
import subprocess
import tempfile
import time

import pytest

from facteur import BIN, DEADLINE, Instance, poll, run
from remote_rig import Home
from rig import become

LINE = re.compile(r"(\d+\.\d+\.\d+\.\d+) timed out (\d+) seconds ago; "
                  r"# recent timeouts: (\d+)")


@pytest.fixture
def home():
    """Where every user can get at it."""
    with tempfile.TemporaryDirectory(prefix="facteur-tcpto-") as top:
        os.chmod(top, 0o755)
        h = Home(top)
        h.tcpto()
        yield h


def path_of(home):
    return home.path / "queue/lock/tcpto"


def tcpto(home, **more):
    done = run(BIN / "qmail-tcpto", env=home.env, **more)
    assert done.stderr == ""
    return done.returncode, done.stdout


def listed(home):
    """[(address, seconds, count)]"""
    code, out = tcpto(home)
    assert code == 0
    found = [LINE.fullmatch(line) for line in out.splitlines()]
    assert all(found), out
    return [(m[1], int(m[2]), int(m[3])) for m in found]


def tcpok(home, **more):
    done = run(BIN / "qmail-tcpok", env=home.env, **more)
    assert done.stdout == ""
    return done.returncode, done.stderr


def test_nothing(home):
    assert tcpto(home) == (0, "")


def test_list(home):
    now = int(time.time())
    home.tcpto([("10.0.0.9", 1, now - 5000), ("0.1.2.255", 10, now - 7),
                ("10.0.0.8", 0, now - 3), ("203.0.113.7", 2, now - 100000)])
    found = listed(home)
    later = int(time.time()) - now
    assert [(ip, count) for ip, _, count in found] == [
        ("10.0.0.9", 1), ("0.1.2.255", 10), ("203.0.113.7", 2)]
    for (_, ago, _), age in zip(found, (5000, 7, 100000)):
        assert age <= ago <= age + later


def test_exact(home):
    home.tcpto([("203.0.113.7", 3, time.time() + 1000)])
    assert tcpto(home) == (0, "203.0.113.7 timed out 0 seconds ago; "
                              "# recent timeouts: 3\n")


def test_times_are_32_bits(home):
    """The last second of the format is in the future, not before 1970."""
    home.tcpto([("10.0.0.1", 1, 0xffffffff), ("10.0.0.2", 1, 0)])
    (_, first, _), (_, second, _) = listed(home)
    assert first == 0
    assert abs(second - time.time()) < 1000


def test_full_table(home):
    now = time.time()
    home.tcpto([(f"10.0.0.{i}", 1 + i % 10, now) for i in range(64)])
    assert [(ip, count) for ip, _, count in listed(home)] == [
        (f"10.0.0.{i}", 1 + i % 10) for i in range(64)]


@pytest.mark.parametrize("size", [0, 16, 1023])
def test_short_file(home, size):
    """A new queue has an empty one."""
    path_of(home).write_bytes(b"\x0a" * size)
    assert tcpto(home) == (0, "")


def test_any_bytes(home):
    path_of(home).write_bytes(b"\xff" * 2000)
    assert tcpto(home) == (0, "255.255.255.255 timed out 0 seconds ago; "
                              "# recent timeouts: 255\n" * 64)


def test_other_home(tmp_path):
    env = {**os.environ, "QMAILHOME": str(tmp_path / "none")}
    done = run(BIN / "qmail-tcpto", env=env)
    assert (done.returncode, done.stdout, done.stderr) == (
        111, "fatal: unable to chdir: file does not exist\n", "")


@pytest.mark.parametrize("words, spoil", [
    ("chdir: file does not exist",
     lambda p: (p.unlink(), p.parent.rmdir())),
    ("open tcpto: file does not exist", lambda p: p.unlink()),
    ("open tcpto: access denied", lambda p: p.chmod(0o200)),
    ("read tcpto: is a directory", lambda p: (p.unlink(), p.mkdir())),
])
def test_tcpto_trouble(home, words, spoil):
    spoil(path_of(home))
    assert tcpto(home, preexec_fn=become) == (
        111, f"fatal: unable to {words}\n")


@pytest.mark.parametrize("words, name, spoil", [
    ("chdir to", "", lambda p: (p.unlink(), p.parent.rmdir())),
    ("write", "/tcpto", lambda p: p.unlink()),
])
def test_tcpok_trouble(home, words, name, spoil):
    spoil(path_of(home))
    assert tcpok(home) == (111, (
        f"qmail-tcpok: fatal: unable to {words} {home.path}/queue/lock{name}: "
        "file does not exist\n"))


def test_tcpok_without_the_right(home):
    path_of(home).chmod(0o444)
    assert tcpok(home, preexec_fn=become) == (
        111, "qmail-tcpok: fatal: unable to write "
             f"{home.path}/queue/lock/tcpto: access denied\n")


def test_tcpok_full_disk(home):
    path_of(home).unlink()
    path_of(home).symlink_to("/dev/full")
    assert tcpok(home) == (
        111, "qmail-tcpok: fatal: unable to clear "
             f"{home.path}/queue/lock/tcpto: out of disk space\n")


@pytest.mark.parametrize("before", [64 * 16, 0, 5])
def test_tcpok(home, before):
    path_of(home).write_bytes(b"\x01" * before)
    assert tcpok(home) == (0, "")
    assert path_of(home).read_bytes() == b"\0" * 1024


@pytest.fixture
def locked(home):
    home.tcpto([("10.0.0.1", 1, time.time())])
    with open(path_of(home), "rb+") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield f


def opened(program, path):
    """Whether a process has the file open."""
    folder = f"/proc/{program.pid}/fd"
    try:
        return any(os.path.realpath(f"{folder}/{n}") == str(path)
                   for n in os.listdir(folder))
    except OSError:
        return False


def start(name, home):
    return subprocess.Popen([BIN / name], env=home.env, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.parametrize("name", ["qmail-tcpto", "qmail-tcpok"])
def test_waits_for_the_lock(home, locked, name):
    p = start(name, home)
    poll(lambda: opened(p, path_of(home)), "it is there")
    # nothing is read or written until the lock is free: what it finds then
    home.tcpto([("10.0.0.2", 4, time.time() + 1000)])
    fcntl.flock(locked, fcntl.LOCK_UN)
    out, err = p.communicate(timeout=DEADLINE)
    assert (p.returncode, err) == (0, "")
    if name == "qmail-tcpto":
        assert out == ("10.0.0.2 timed out 0 seconds ago; "
                       "# recent timeouts: 4\n")
    else:
        assert out == ""
        assert home.read_tcpto() == {}


def test_does_not_wait_for_ever(home, locked):
    """Both at once: each waits five seconds."""
    to, ok = start("qmail-tcpto", home), start("qmail-tcpok", home)
    assert (to.communicate(timeout=DEADLINE), to.returncode) == (
        ("fatal: unable to lock tcpto: timed out\n", ""), 111)
    assert (ok.communicate(timeout=DEADLINE), ok.returncode) == (
        ("", "qmail-tcpok: fatal: unable to lock "
             f"{home.path}/queue/lock/tcpto: timed out\n"), 111)
    assert home.read_tcpto()["10.0.0.1"][0] == 1


def test_in_a_system(tmp_path):
    """A new system has none; doqueue clears the list."""
    with Instance(tmp_path) as box:
        h = Home.__new__(Home)
        h.path, h.env = box.home, box.env
        assert tcpto(h) == (0, "")
        h.tcpto([("203.0.113.7", 3, time.time())])
        [(ip, _, count)] = listed(h)
        assert (ip, count) == ("203.0.113.7", 3)
        assert (box.home / "bin/qmail-tcpok").exists()
        done = box.ctl("doqueue")
        assert done.returncode == 0, done.stderr
        assert tcpto(h) == (0, "")

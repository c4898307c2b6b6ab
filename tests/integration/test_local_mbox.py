"""Delivery into mboxes. Numbers: oracle cases, contract local.md 10."""
import fcntl
import os
import re
import resource
import subprocess
import threading

import pytest

from localrig import FORMS, LocalRig, M

DATE = rb"\w{3} \w{3} \d\d \d\d:\d\d:\d\d \d{4}"
HEAD = rb"From s@x " + DATE + rb"\nReturn-Path: <s@x>\nDelivered-To: u@h\n"


@pytest.fixture(params=FORMS)
def rig(tmp_path, request):
    rig = LocalRig(tmp_path, request.param)
    yield rig
    rig.close()


def body(rig, name="Mailbox"):
    """What follows the three lines of the only message."""
    content = rig.read(name)
    m = re.match(HEAD, content)
    assert m, content
    return content[m.end():]


def test_message(rig):  # 43
    assert rig.deliver(local="bob", sender="s p@x") == (0, "did 1+0+0\n")
    assert (rig.home / "Mailbox").stat().st_mode & 0o7777 == 0o600
    assert re.fullmatch(
        rb'From s-p@x ' + DATE + rb'\nReturn-Path: <"s p"@x>\n'
        rb"Delivered-To: bob@h\nFrom: a@b\nSubject: t\n\nhello\n"
        rb">From here\n>>From there\n>>>From x\nfrom low\nlast\n\n",
        rig.read("Mailbox"))


def test_empty_message(rig):  # 44
    assert rig.deliver(b"").code == 0
    assert body(rig) == b"\n"


def test_no_separator(rig):  # 45
    rig.file("Mailbox", "junk", 0o640)
    assert rig.deliver(b"x\n").code == 0
    assert re.fullmatch(rb"junk" + HEAD + rb"x\n\n", rig.read("Mailbox"))
    assert (rig.home / "Mailbox").stat().st_mode & 0o7777 == 0o640


def test_quoting(rig):  # 46
    rig.deliver(b"From x\n>From y\n\n>>From z\n>From\nFrom\nFrom: \n From a\n")
    assert body(rig) == (b">From x\n>>From y\n\n>>>From z\n>From\nFrom\n"
                         b"From: \n From a\n\n")


def test_any_bytes(rig):
    rig.deliver(b"a\0b\r\n\r\nFrom \xff\r\n")
    assert body(rig) == b"a\0b\r\n\r\n>From \xff\r\n\n"


def test_big_message(rig):
    big = b"Subject: x\n\n" + b"From me to you\n" * 20000 + b"no LF"
    rig.deliver(big)
    assert body(rig) == big.replace(b"\nFrom ", b"\n>From ") + b"\n\n"


def test_line_across_pieces(rig):
    # the "From " lies across the first 64 KiB
    for n in range(65530, 65538):
        rig.deliver(b"x" * (n - 1) + b"\nFrom y\n")
        assert body(rig) == b"x" * (n - 1) + b"\n>From y\n\n"
        (rig.home / "Mailbox").unlink()


@pytest.mark.parametrize("path, text", [
    ("./no/Mailbox", "file does not exist"),
    ("./dd", "is a directory"),
    ("./fifo", "device not configured"),
    ("./loop", "symbolic link loop"),
], ids=["folder", "directory", "fifo", "loop"])
def test_cannot_open(rig, path, text):  # 47
    (rig.home / "dd").mkdir()
    os.mkfifo(rig.home / "fifo")
    os.symlink("loop", rig.home / "loop")
    assert rig.deliver(default=path) == (
        111, f"Unable to open {path}: {text}. (#4.2.1)\n")


def test_link(rig):
    rig.file("real", "")
    os.symlink("real", rig.home / "Mailbox")
    rig.deliver(b"x\n")
    assert body(rig, "real") == b"x\n\n"


def test_dev_null(rig):  # DECISIONS: delivered (discarded)
    assert rig.deliver(default="/dev/null") == (0, "did 1+0+0\n")


def test_fifo_with_reader(rig):
    os.mkfifo(rig.home / "fifo")
    fd = os.open(rig.home / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    assert rig.deliver(b"x\n", default="./fifo") == (0, "did 1+0+0\n")
    assert re.fullmatch(HEAD + rb"x\n\n", os.read(fd, 65536))
    os.close(fd)


def test_dev_full(rig):
    assert rig.deliver(default="/dev/full") == (
        111, "Unable to write /dev/full: out of disk space. (#4.3.0)\n")


def test_full_file_system(rig):  # 48
    if os.geteuid() != 0:
        pytest.skip("needs root: a small file system")
    small = rig.home / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs",
                       small], stderr=subprocess.DEVNULL).returncode != 0:
        pytest.skip("needs to mount a file system")
    try:
        (small / "mbox").write_bytes(b"old\n")
        for part in ("tmp", "new", "cur"):
            (small / "Maildir" / part).mkdir(parents=True)
        big = b"x\n" * 100000
        assert rig.deliver(big, default="./small/mbox") == (
            111, "Unable to write ./small/mbox: out of disk space. "
            "(#4.3.0)\n")
        assert (small / "mbox").read_bytes() == b"old\n"
        assert rig.deliver(big, default="./small/Maildir/") == (
            111, "Temporary error on maildir delivery. (#4.3.0)\n")
        assert not list((small / "Maildir").rglob("*/*"))
        rig.close()
    finally:
        subprocess.run(["umount", small], check=True)


def limited(rig, n):
    """The rig, with files limited to n bytes."""
    if rig.form == "once":
        old = rig.once
        rig.once = lambda fd, who: old(fd, who, preexec_fn=lambda:
            resource.setrlimit(resource.RLIMIT_FSIZE, (n, n)))
    else:
        assert rig.deliver(default="#").code == 0
        resource.prlimit(rig.worker.process.pid, resource.RLIMIT_FSIZE,
                         (n, n))
    return rig


@pytest.mark.parametrize("size", [1500, 200000])
def test_limit_on_files(rig, size):
    old = b"old\n" * 200
    rig.file("Mailbox", old)
    limited(rig, 1000)
    for _ in range(2):
        assert rig.deliver(b"x" * size) == (
            111, "Unable to write ./Mailbox: file too big. (#4.3.0)\n")
        assert rig.read("Mailbox") == old
    assert rig.deliver(b"x\n").code == 0
    assert rig.read("Mailbox").startswith(old)
    assert rig.read("Mailbox").endswith(b"x\n\n")


def test_locked(rig):  # 49; its thirty seconds: test_local_fault
    path = rig.file("Mailbox", "old\n")
    started = threading.Event()
    results = []

    def deliver():
        started.set()
        results.append(rig.deliver(b"x\n"))

    with open(path, "rb") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        thread = threading.Thread(target=deliver)
        thread.start()
        started.wait()
        thread.join(0.5)
        assert not results and path.read_bytes() == b"old\n"
    thread.join(60)
    assert results == [(0, "did 1+0+0\n")]
    assert re.fullmatch(rb"old\n" + HEAD + rb"x\n\n", path.read_bytes())


def test_locks_of_another_kind(rig):
    path = rig.file("Mailbox", "")
    with open(path, "r+b") as f:
        fcntl.lockf(f, fcntl.LOCK_EX)
        assert rig.deliver(b"x\n").code == 0


def test_together(tmp_path):
    """Many at once: no message is torn."""
    rigs = []
    for i in range(4):
        (tmp_path / str(i)).mkdir()
        rigs.append(LocalRig(tmp_path / str(i), FORMS[i % 2]))
    home = rigs[0].home
    text = [b"%d\n" % i * 5000 for i in range(4)]
    codes = []

    def deliver(i):
        for _ in range(5):
            codes.append(rigs[i].deliver(text[i], home=home).code)

    threads = [threading.Thread(target=deliver, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    for rig in rigs:
        rig.close()
    assert codes == [0] * 20
    parts = re.split(HEAD, (home / "Mailbox").read_bytes())
    assert sorted(parts) == sorted([b""] + [t + b"\n" for t in text] * 5)

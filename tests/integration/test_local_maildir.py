"""Delivery into maildirs, and maildirmake.

Numbers: oracle cases, contract local.md 10.
"""
import os
import re
import socket
import subprocess
import threading
import time

import pytest

from facteur import BIN
from localrig import FORMS, LocalRig, M

HEAD = b"Return-Path: <s@x>\nDelivered-To: u@h\n"
CHDIR = (111, "Unable to chdir to maildir. (#4.2.1)\n")
TEMPORARY = (111, "Temporary error on maildir delivery. (#4.3.0)\n")


@pytest.fixture(params=FORMS)
def rig(tmp_path, request):
    rig = LocalRig(tmp_path, request.param)
    yield rig
    rig.close()


def test_missing(rig):  # 50
    assert rig.deliver(default="./Maildir/") == CHDIR
    rig.file("Maildir", "a file")
    assert rig.deliver(default="./Maildir/") == CHDIR
    os.symlink("nowhere", rig.home / "link")
    assert rig.deliver(default="./link/") == CHDIR


@pytest.mark.parametrize("part", ["tmp", "new"])
def test_part_missing(rig, part):  # 50
    rig.maildir()
    (rig.home / "Maildir" / part).rmdir()
    assert rig.deliver(default="./Maildir/") == TEMPORARY
    assert not list(rig.home.glob("Maildir/*/*"))
    (rig.home / "Maildir" / part).write_text("a file")
    assert rig.deliver(default="./Maildir/") == TEMPORARY
    assert not list(rig.home.glob("Maildir/*/*"))


def test_message(rig):  # 51
    rig.maildir()
    before = time.time()
    assert rig.deliver(default="./Maildir/") == (0, "did 1+0+0\n")
    [path] = rig.new()
    assert path.read_bytes() == HEAD + M
    st = path.stat()
    assert (st.st_mode & 0o7777, st.st_nlink) == (0o600, 1)
    assert before - 5 < st.st_mtime < time.time() + 5
    host = socket.gethostname().replace("/", r"\057").replace(":", r"\072")
    m = re.fullmatch(rf"(\d+)\.M\d+P(\d+)Q\d+\.{re.escape(host)},S=(\d+)",
                     path.name)
    assert m and int(m[3]) == len(HEAD + M)
    assert before - 5 < int(m[1]) < time.time() + 5
    if rig.worker is not None:
        assert int(m[2]) == rig.worker.process.pid
    assert os.listdir(rig.home / "Maildir/tmp") == []


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 131072, 1000000])
def test_sizes(rig, size):
    rig.maildir()
    message = os.urandom(size)
    assert rig.deliver(message, default="./Maildir/").code == 0
    [path] = rig.new()
    assert path.read_bytes() == HEAD + message
    assert path.name.endswith(f",S={len(HEAD) + size}")


def test_absolute_path_and_link(rig, tmp_path):
    rig.maildir()
    os.symlink(rig.home / "Maildir", tmp_path / "link")
    assert rig.deliver(default=f"{tmp_path}/link/").code == 0
    assert rig.deliver(default=f"{rig.home}/Maildir///").code == 0
    assert len(rig.new()) == 2


def test_home_without_maildir_is_not_made(rig):
    rig.deliver(default="./Maildir/")
    assert os.listdir(rig.home) == []


def test_several_lines(rig):
    rig.maildir("A")
    rig.maildir("B")
    assert rig.deliver(default="./A/\n./B/\n./Mbox\n./A/\n") == (
        0, "did 4+0+0\n")
    assert len(rig.new("A")) == 2 and len(rig.new("B")) == 1


def test_names_are_unique(tmp_path):
    """Both forms, in parallel, into one maildir."""
    rigs = []
    for i in range(6):
        (tmp_path / str(i)).mkdir()
        rigs.append(LocalRig(tmp_path / str(i),
                             "once" if i == 0 else "resident"))
    home = rigs[0].home
    rigs[0].maildir()
    sent = []

    def deliver(i):
        for n in range(40):
            message = b"%d %d\n" % (i, n)
            result = rigs[i].deliver(message, home=home,
                                     default="./Maildir/")
            if result == (0, "did 1+0+0\n"):
                sent.append(HEAD + message)

    threads = [threading.Thread(target=deliver, args=(i,)) for i in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    for rig in rigs:
        rig.close()
    assert len(sent) == 240
    assert sorted(p.read_bytes() for p in rigs[0].new()) == sorted(sent)
    assert os.listdir(home / "Maildir/tmp") == []


def test_limit_on_files(tmp_path):
    rig = LocalRig(tmp_path)
    rig.maildir()
    with open(tmp_path / "message", "w+b") as f:
        f.write(b"x" * 200000)
        f.flush()
        r = subprocess.run(
            ["/bin/sh", "-c", 'ulimit -f 8; exec "$@"', "sh",
             BIN / "qmail-local", "--", *rig.operands(default="./Maildir/")],
            stdin=f, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=60)
    assert (r.returncode, r.stdout) == TEMPORARY
    assert not list(rig.home.glob("Maildir/*/*"))


# maildirmake


def maildirmake(*argv, cwd):
    r = subprocess.run([BIN / "maildirmake", *argv], cwd=cwd, text=True,
                       capture_output=True, timeout=60)
    return r.returncode, r.stdout, r.stderr


def test_make(tmp_path):
    old = os.umask(0)
    try:
        assert maildirmake("D", cwd=tmp_path) == (0, "", "")
    finally:
        os.umask(old)
    found = {p.relative_to(tmp_path).as_posix(): p.stat().st_mode & 0o7777
             for p in tmp_path.rglob("*")}
    assert found == {"D": 0o700, "D/tmp": 0o700, "D/new": 0o700,
                     "D/cur": 0o700}


def test_make_again(tmp_path):  # 76
    (tmp_path / "D").mkdir()
    assert maildirmake("D", cwd=tmp_path) == (
        111, "", "maildirmake: fatal: unable to mkdir D: "
        "file already exists\n")
    assert os.listdir(tmp_path / "D") == []


@pytest.mark.parametrize("argv, code, err", [
    ([], 100, "maildirmake: usage: maildirmake name\n"),
    (["no/D"], 111,
     "maildirmake: fatal: unable to mkdir no/D: file does not exist\n"),
    ([""], 111, "maildirmake: fatal: unable to mkdir : file does not exist\n"),
])
def test_make_fails(tmp_path, argv, code, err):
    assert maildirmake(*argv, cwd=tmp_path) == (code, "", err)


def test_made_is_delivered_to(rig):
    assert maildirmake(rig.home / "Maildir", cwd="/")[0] == 0
    assert rig.deliver(default="./Maildir/").code == 0
    assert len(rig.new()) == 1

"""maildir2mbox (contract local.md 4.2)."""
import fcntl
import itertools
import mailbox
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from facteur import BIN, DEADLINE, poll
from localrig import LocalRig, M

OLD = 100000000  # Sat Mar 03 09:46:40 1973


class Box:
    def __init__(self, folder):
        self.top = Path(folder)
        for part in ("tmp", "new", "cur"):
            (self.top / "Maildir" / part).mkdir(parents=True)
        self.mail = self.top / "Mailbox"
        self.env = {"PATH": os.environ["PATH"], "MAIL": str(self.mail), "MAILTMP": str(self.top / "Mailbox.tmp"),
                    "MAILDIR": str(self.top / "Maildir")}

    def put(self, name, content, mtime=OLD):
        path = self.top / "Maildir" / name
        path.write_bytes(content)
        os.utime(path, (mtime, mtime))
        return path

    def run(self, *prefix, **env):
        done = subprocess.run([*prefix, BIN / "maildir2mbox"], env={**self.env, **env}, capture_output=True,
                              timeout=DEADLINE, cwd="/")
        assert done.stdout == b""
        return done.returncode, done.stderr.decode()

    def left(self):
        return sorted(str(p.relative_to(self.top / "Maildir")) for p in (self.top / "Maildir").glob("*/*"))


@pytest.fixture
def box(tmp_path):
    return Box(tmp_path)


def test_case77(box):
    box.put("new/1", b"Return-Path: <a b@x>\nDelivered-To: me\n\nFrom me\n>From you\nend\n")
    box.mail.write_text("existing\n")
    assert box.run() == (0, "")
    assert box.mail.read_text() == (
        "existing\nFrom a-b@x Sat Mar 03 09:46:40 1973\nReturn-Path: <a b@x>\nDelivered-To: me\n\n"
        ">From me\n>>From you\nend\n\n")
    assert box.mail.stat().st_mode & 0o777 == 0o600
    assert box.left() == [] and not (box.top / "Mailbox.tmp").exists()


def test_case78(box):
    assert box.run() == (0, "")
    assert not box.mail.exists()


@pytest.mark.parametrize("content, sender", [
    (b"Return-Path: <>\n\n", "MAILER-DAEMON"), (b"Return-Path: <a\tb c@x>\n\n", "a-b-c@x"),
    (b'Return-Path: <"a>b"@x>\n\n', '"a>b"@x'), (b"return-path: <a@x>\n\n", "XXX"), (b"Return-Path:<a@x>\n\n", "XXX"),
    (b"Subject: x\nReturn-Path: <a@x>\n\n", "XXX"), (b"Return-Path: <a@x\n\n", "XXX"), (b"", "XXX"), (b"\n", "XXX"),
    (b"Return-Path: <a@x>", "a@x"), (b"Return-Path: <" + b"y" * 100000 + b">\n\n", "XXX"),
])
def test_sender(box, content, sender):
    box.put("new/1", content)
    assert box.run() == (0, "")
    assert box.mail.read_bytes().startswith(f"From {sender} Sat Mar 03 09:46:40 1973\n".encode() + content)


@pytest.mark.parametrize("content", [b"no end", b"S: x\n\nlast", b"x" * 200000, b"", b"\0\xff\r\n.\n"],
                         ids=["one line", "last line", "long", "empty", "any byte"])
def test_every_byte_is_kept(box, content):
    box.put("cur/1:2,S", content)
    box.put("new/2", b"Subject: next\n\n", OLD + 1)
    assert box.run() == (0, "")
    end = b"" if content.endswith(b"\n") or not content else b"\n"
    assert box.mail.read_bytes() == (b"From XXX Sat Mar 03 09:46:40 1973\n" + content + end + b"\n"
                                     b"From XXX Sat Mar 03 09:46:41 1973\nSubject: next\n\n\n")
    assert len(mailbox.mbox(box.mail)) == 2 and box.left() == []


def test_mailbox_without_end(box):
    box.mail.write_text("From x\n\nno end")
    box.put("new/1", b"Subject: y\n\n")
    assert box.run() == (0, "")
    assert "no end\nFrom XXX " in box.mail.read_text()


def test_order_and_what_is_passed_over(box):
    now = time.time()
    for name, age in (("new/b", 30), ("cur/c", 20), ("new/a", 10), ("cur/later", -3600), ("new/.hidden", 100)):
        box.put(name, f"Subject: {name}\n\n".encode(), now - age)
    os.mkdir(box.top / "Maildir/new/folder")
    assert box.run() == (0, "")
    assert [m["Subject"] for m in mailbox.mbox(box.mail)] == ["new/b", "cur/c", "new/a"]
    assert box.left() == ["cur/later", "new/.hidden", "new/folder"]


def test_tmp_is_swept(box):
    now = time.time()
    box.put("tmp/stale", b"x", now - 129700)
    box.put("tmp/fresh", b"x", now - 129000)
    box.put("tmp/.hidden", b"x", OLD)
    assert box.run() == (0, "")
    assert box.left() == ["tmp/.hidden", "tmp/fresh"]


def test_relative_names(box):
    box.put("new/1", b"Subject: x\n\n")
    assert box.run(MAIL="mbox", MAILTMP="mbox.tmp") == (0, "")
    assert (box.top / "Maildir/mbox").exists()


def test_missing_variables(box):
    for missing in (["MAIL", "MAILTMP", "MAILDIR"], ["MAILTMP", "MAILDIR"], ["MAILDIR"]):
        env = {k: v for k, v in box.env.items() if k not in missing}
        done = subprocess.run([BIN / "maildir2mbox"], env=env, capture_output=True)
        assert (done.returncode, done.stderr.decode()) == (111, f"maildir2mbox: fatal: {missing[0]} not set\n")


def test_troubles(box):
    fatal = "maildir2mbox: fatal: "
    assert box.run(MAILDIR="/nowhere") == (111, fatal + "unable to chdir to /nowhere: file does not exist\n")
    shutil.move(box.top / "Maildir/cur", box.top / "Maildir/other")
    assert box.run() == (111, fatal + "unable to scan $MAILDIR/cur: file does not exist\n")
    shutil.move(box.top / "Maildir/other", box.top / "Maildir/cur")
    box.put("new/1", b"Subject: x\n\n")
    assert box.run(MAIL="/nowhere/at/all") == (
        111, fatal + "unable to lock /nowhere/at/all: file does not exist\n")
    assert box.run(MAILTMP="/nowhere/at/all") == (
        111, fatal + "unable to create /nowhere/at/all: file does not exist\n")
    (box.top / "folder").mkdir()
    assert box.run(MAILTMP="/dev/full") == (111, fatal + "unable to create /dev/full: file already exists\n")
    assert box.run(MAILTMP=str(box.mail)) == (111, fatal + f"unable to create {box.mail}: file already exists\n")
    assert box.run(MAIL="/dev/null") == (111, fatal + "unable to lock /dev/null: invalid argument\n")
    (box.top / "Mailbox.tmp").symlink_to(box.top / "elsewhere")
    assert box.run() == (111, fatal + f"unable to create {box.top}/Mailbox.tmp: file already exists\n")
    assert box.left() == ["new/1"] and box.mail.read_bytes() == b"" and not (box.top / "elsewhere").exists()


def test_full(box):
    """No room: all stays as it was."""
    box.put("new/1", b"Subject: x\n\n" + b"x" * 100000)
    box.mail.write_text("From old\n\n")
    code, text = box.run("sh", "-c", 'trap "" XFSZ; ulimit -f 20; exec "$@"', "sh")
    assert (code, text) == (111, f"maildir2mbox: fatal: unable to write to {box.top}/Mailbox.tmp: file too big\n")
    assert box.left() == ["new/1"] and box.mail.read_text() == "From old\n\n"
    assert box.run() == (0, "") and len(mailbox.mbox(box.mail)) == 2


def test_killed_anywhere(box):
    """At every system call: nothing is lost, and the next run ends it."""
    calls = ["openat", "read", "write", "fsync", "rename", "renameat", "renameat2", "unlinkat", "close", "newfstatat",
             "flock", "getdents64", "exit_group"]
    killed = sum(killed_at_each(box, call) for call in calls)
    assert killed > 50


def killed_at_each(box, call):
    """How often it was killed."""
    for n in itertools.count(1):
        shutil.rmtree(box.top)
        box = Box(box.top)
        box.mail.write_bytes(b"From old\n\nold\n\n")
        for i in range(3):
            box.put(f"new/{i}", b"Subject: %d\n\n%d" % (i, i), OLD + i)
        code, _ = box.run("strace", "-o", "/dev/null", "-e", f"inject={call}:signal=KILL:when={n}")
        there = [m["Subject"] for m in mailbox.mbox(box.mail)]
        assert there in ([None], [None, "0", "1", "2"])
        assert len(there) == 4 or box.left() == ["new/0", "new/1", "new/2"]
        assert box.run() == (0, "")
        last = [m["Subject"] for m in mailbox.mbox(box.mail)]
        assert last[0] is None and set(last[1:]) == {"0", "1", "2"} and box.left() == []
        if code == 0:
            return n - 1


@pytest.mark.parametrize("other", ["maildir2mbox", "qmail-local"])
def test_mailbox_that_is_replaced(box, tmp_path, other):
    """Whoever waits for the lock goes on with what is there then."""
    rig = LocalRig(tmp_path / "rig") if (tmp_path / "rig").mkdir() is None else None
    box.put("new/1", b"Subject: new\n\n")
    box.mail.write_text("From old\n\nold\n\n")
    with open(box.mail) as held, open(tmp_path / "message", "w+b") as message:
        fcntl.flock(held, fcntl.LOCK_EX)
        message.write(M)
        message.flush()
        argv = [BIN / "maildir2mbox"] if other == "maildir2mbox" else [
            BIN / "qmail-local", "--", *map(str, rig.operands(default=str(box.mail)))]
        process = subprocess.Popen(argv, env={**rig.env, **box.env}, stdin=message)
        poll(lambda: any(os.path.realpath(p) == str(box.mail) for p in Path(f"/proc/{process.pid}/fd").iterdir()),
             "it waits")
        (box.top / "Mailbox.other").write_text("From other\n\nother\n\n")
        (box.top / "Mailbox.other").rename(box.mail)
    assert process.wait(DEADLINE) == 0
    content = box.mail.read_text()
    assert content.startswith("From other\n\nother\n\nFrom ") and "old" not in content
    assert ("Subject: new" if other == "maildir2mbox" else "hello") in content


def test_two_at_once(box):
    """And a third delivers: each message is there, and once."""
    for i in range(100):
        box.put(f"new/{i:03}", b"Subject: %d\n\n" % i, OLD + i)
    twins = [subprocess.Popen([BIN / "maildir2mbox"], env={**box.env, "MAILTMP": str(box.top / f"tmp{i}")},
                              stderr=subprocess.PIPE) for i in range(2)]
    for twin in twins:
        assert twin.communicate(timeout=DEADLINE) == (None, b"") and twin.returncode == 0
    assert sorted(int(m["Subject"]) for m in mailbox.mbox(box.mail)) == list(range(100))
    assert box.left() == []

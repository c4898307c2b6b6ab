"""A resident qmail-local: job after job, nothing left of the one before."""
import os
import re
import socket
import struct

import pytest

from facteur import poll
from localrig import DEADLINE, LocalRig, M, Worker, ext_of, work_frame


@pytest.fixture
def rig(tmp_path):
    rig = LocalRig(tmp_path, "resident")
    yield rig
    rig.close()


def entries(text):
    return sorted(line for line in text.split("\n") if "=" in line)


def test_environment_is_new(rig):
    rig.env["DEFAULT"] = "inherited"
    rig.env["KEPT"] = "yes"
    first = rig.deliver(default="|env", sender="one@x").text
    rig.file(".qmail-a-default", "|env; A=1; export A; cd /\n|env; pwd\n")
    rig.file(".qmail-a-b-owner", "#\n")
    rig.deliver(**ext_of("a-b"), domain="p.q.r", sender="two@x")
    rig.deliver(default="&x@y\n|exit 99")  # the environment is swapped once
    again = rig.deliver(default="|env", sender="one@x").text

    def stable(text):
        return [e for e in entries(text) if not e.startswith("UFLINE=")]

    assert stable(first) == stable(again)
    assert "KEPT=yes" in stable(first)
    assert not [e for e in stable(first) if e.startswith("DEFAULT=")]


def test_home_is_new(rig, tmp_path):
    other = tmp_path / "other"
    other.mkdir(mode=0o755)
    assert rig.deliver(default="|pwd").text.startswith(f"{rig.home}\n")
    assert rig.deliver(default="|pwd", home=other).text.startswith(
        f"{other}\n")
    assert rig.deliver(default="&a@b").code == 0  # leaves the home
    assert rig.deliver(default="|pwd").text.startswith(f"{rig.home}\n")
    assert rig.deliver(home="/nonexistent").code == 111
    assert rig.deliver(default="|pwd").text.startswith(f"{rig.home}\n")


def test_flags_are_new(rig):
    rig.file(".qmail-x", "&a@b\n+list\n|p\n", 0o700)
    assert rig.deliver(**ext_of("x")).code == 111
    assert rig.deliver(default="./Mailbox") == (0, "did 1+0+0\n")
    assert rig.runs() == 0
    assert rig.deliver(default="&c@d").code == 0
    assert rig.queued().envelope == b"Fs@x\0Tc@d\0\0"


def test_text_is_new(rig):
    assert rig.deliver(default="|echo secret; exit 100").text == "secret\n"
    assert rig.deliver(default="|exit 100").text == ""


def test_message_is_new(rig):
    rig.maildir()
    for message in (b"x" * 100000, b"short", b"", M):
        assert rig.deliver(message, default="./Maildir/").code == 0
        [path] = rig.new()
        assert path.read_bytes().endswith(b"Delivered-To: u@h\n" + message)
        path.unlink()
    # a loop of the last message is not a loop of this one
    loop = b"Delivered-To: u@h\n\n"
    assert rig.deliver(loop).code == 100
    assert rig.deliver(b"x: y\n\n").code == 0


def test_no_descriptor_is_left(rig):
    rig.maildir()

    def fds():
        return sorted(os.listdir(f"/proc/{rig.worker.process.pid}/fd"))

    rig.deliver(default="#")
    rig.file(".qmail-all", "./Maildir/\n./Mbox\n|echo x\n&a@b\n")
    rig.file(".qmail-bad", "|exit 111\n")
    rig.file(".qmail-gone", "./none/\n./none/mbox\n")
    rig.file(".qmail-w", "#\n", 0o602)
    for ext in ("all", "bad", "gone", "w", "none"):
        rig.deliver(**ext_of(ext))
    # the answer comes before the message is closed
    poll(lambda: fds() == ["0", "1", "2"], "nothing but 0, 1, 2")


def test_much_output_is_cut(rig):
    result = rig.deliver(default="|yes | head -c 5000000; echo end >&2")
    assert result.code == 0
    assert 3000 < len(result.text) < 4000
    assert result.text.startswith("y\ny\n")
    assert rig.deliver(default="|echo ok").text == "ok\ndid 0+0+1\n"


def test_pipe_kept_open(rig):
    """Whoever keeps the pipe keeps the report open, not the next line."""
    os.mkfifo(rig.home / "go")
    result = rig.deliver(default='|(read x <go; echo late) & echo early\n'
                         '|echo second; echo x >go\n')
    assert result.code == 0
    assert result.text in ("early\nsecond\ndid 0+0+2\nlate\n",
                           "early\nsecond\nlate\ndid 0+0+2\n")


def test_a_crash_is_one_delivery(rig):
    assert rig.deliver(default="|kill -9 $$").code == 111
    assert rig.deliver(default="|exit 0") == (0, "did 0+0+1\n")


def test_relative_home(rig):
    result = rig.deliver(home="relative")
    assert result.code == 100
    assert result.text.startswith("qmail-local: usage: ")


def test_no_message(rig):
    assert rig.deliver_fd(None) == (
        111, "Unable to rewind message. (#4.3.0)\n")


def test_message_is_a_pipe(rig):  # 42
    r, w = os.pipe()
    os.write(w, M)
    os.close(w)
    assert rig.deliver_fd(r) == (111, "Unable to rewind message. (#4.3.0)\n")
    os.close(r)


def frame_of(*fields, kind=6, version=1):
    body = bytes([version, kind]) + b"".join(
        struct.pack("<I", len(f)) + f for f in fields)
    return struct.pack("<I", len(body)) + body


GOOD = [b"u", b"/", b"u", b"", b"", b"h", b"s@x", b"#"]


@pytest.mark.parametrize("frame", [
    b"x",
    b"\0\0\0\0",
    b"\xff\xff\xff\xff\1\6",
    frame_of(*GOOD, kind=3),
    frame_of(*GOOD, version=2),
    frame_of(*GOOD[:-1]),
    frame_of(*GOOD)[:-1],
    frame_of(*GOOD[:-2], b"s\0@x", b"#"),
    work_frame("u", "/" + "x" * 200000, *"abcdef"),
], ids=["short", "no length", "long length", "type", "version", "field",
        "cut", "NUL", "too big"])
def test_not_a_job(rig, frame):
    """What qmail-lspawn would never say ends the worker."""
    worker = Worker(rig.env)
    with open("/dev/null", "rb") as f:
        worker.send(frame, f.fileno())
        assert worker.receive() is None
    assert worker.close() == 111


def test_later_fields_are_ignored(rig):
    worker = Worker(rig.env)
    with open("/dev/null", "rb") as f:
        worker.send(frame_of(*GOOD, b"more"), f.fileno())
        assert worker.receive() == (0, "did 0+0+0\n")
    assert worker.close() == 0


def test_ends_with_its_caller(rig):
    worker = Worker(rig.env)
    assert worker.close() == 0


def test_caller_leaves_during_a_job(rig):
    worker = Worker(rig.env)
    os.mkfifo(rig.home / "go")
    rig.file("message", M)
    with open(rig.home / "message", "rb") as f:
        worker.send(work_frame(*rig.operands(default="|echo >go")),
                    f.fileno())
    worker.sock.shutdown(socket.SHUT_RDWR)
    with open(rig.home / "go", "rb") as f:
        f.read()
    assert worker.process.wait(DEADLINE) == 111


def test_offset_of_the_message(rig):
    """Programs find it rewound, wherever its descriptor stands."""
    rig.maildir()
    path = rig.file("message", M)
    with open(path, "rb") as f:
        f.seek(5)
        result = rig.deliver_fd(f.fileno(), default="|cat >copy\n./Maildir/")
    assert result == (0, "did 1+0+1\n")
    assert rig.read("copy") == M
    assert rig.new()[0].read_bytes().endswith(M)


def test_many_jobs(rig):
    rig.maildir()
    for i in range(100):
        assert rig.deliver(b"%d" % i, default="./Maildir/").code == 0
    names = [p.name for p in rig.new()]
    assert len(names) == 100
    counts = sorted(int(re.search(r"Q(\d+)", n)[1]) for n in names)
    assert counts == list(range(1, 101))

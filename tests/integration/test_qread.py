"""qmail-qread, qmail-qstat, mailq (contract queue.md 8, oracle 63)."""
import os
import re
import socket
import subprocess

import pytest

from facteur import BIN, DEADLINE, Instance, poll, run
from sendkit import Rig, message, note

MESSAGE = "Subject: x\n\nhi\n"


def closed_port():
    """Bound, so that nobody else gets it, and deaf."""
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    return s


@pytest.fixture
def waiting(tmp_path):
    """A system that reaches no other host."""
    with closed_port() as deaf:
        route = f":127.0.0.1:{deaf.getsockname()[1]}\n"
        with Instance(tmp_path, control={"smtproutes": route}) as box:
            yield box


def size(box, number):
    [path] = (box.home / "queue/mess").glob(f"*/{number}")
    return path.stat().st_size


HEAD = re.compile(
    r"(\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT)  #(\d+)  (\d+)  "
    r"<(.*?)> ( bouncing)?")


def test_deferred(waiting):  # 63
    sender = "joe@mail.test"
    done = waiting.sendmail("-f", sender, "later@far.test", "alice@mail.test",
                            input=MESSAGE)
    assert done.returncode == 0, done.stderr
    waiting.wait_log("deferral:")
    waiting.wait_mail("alice")

    def listed():
        out = run(BIN / "qmail-qread", env=waiting.env)
        assert (out.returncode, out.stderr) == (0, "")
        return out.stdout if "done" in out.stdout else None
    out = poll(listed)
    head, *rest = out.splitlines()
    m = HEAD.fullmatch(head)
    assert m, out
    assert int(m.group(3)) == size(waiting, m.group(2))
    assert (m.group(4), m.group(5)) == (sender, None)
    assert head.endswith("<joe@mail.test> ")
    assert rest == ["  done\tlocal\talice@mail.test",
                    "\tremote\tlater@far.test"]

    # the same by its other names
    assert waiting.sendmail("-bp", input="").stdout == out
    link = waiting.home / "run/mailq"
    os.symlink(waiting.home / "bin/sendmail", link)
    assert run(link, env=waiting.env).stdout == out

    out = run(BIN / "qmail-qstat", env=waiting.env)
    assert (out.returncode, out.stderr) == (0, "")
    assert out.stdout == ("messages in queue: 1\n"
                          "messages in queue but not yet preprocessed: 0\n")


def test_bouncing(waiting):
    waiting.sendmail("-f", "joe@mail.test", "later@far.test",
                     "nobody-here@mail.test", input=MESSAGE)
    waiting.wait_log("failure:")

    def bouncing():
        out = run(BIN / "qmail-qread", env=waiting.env).stdout
        return out if "bouncing" in out else None
    out = poll(bouncing)
    assert "> " + " bouncing\n" in out
    assert "  done\tlocal\tnobody-here@mail.test\n" in out


# queues made by hand

@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path / "home", {"me": "mail.test\n", "locals": None,
                                   "virtualdomains": "virtual.test:vu\n"})


def qread(rig):
    out = run(BIN / "qmail-qread", env=rig.env)
    assert (out.returncode, out.stderr) == (0, "")
    return out.stdout


def qstat(rig):
    out = run(BIN / "qmail-qstat", env=rig.env)
    assert (out.returncode, out.stderr) == (0, "")
    return [int(line.rsplit(": ", 1)[1]) for line in out.stdout.splitlines()]


NOON = 1795358058000000  # 22 Nov 2026 14:34:18
BODY = b"x" * 89


def test_exact(rig):  # 63
    message(rig, b"joe@local.example", [b"later@far.example",
                                        b"ok@far.example"], BODY, NOON)
    note(rig, NOON, [False, True], remote=NOON // 1000000 + 400)
    assert qread(rig) == (
        "22 Nov 2026 14:34:18 GMT  #1795358058000000  89  "
        "<joe@local.example> \n"
        "\tremote\tlater@far.example\n"
        "  done\tremote\tok@far.example\n")
    assert qstat(rig) == [1, 0]


def test_bouncing_exactly(rig):
    message(rig, b"", [b"a@mail.test"], BODY, NOON)
    note(rig, NOON, [True], bounce=b"<a@mail.test>:\nno\n\n")
    assert qread(rig) == (
        "22 Nov 2026 14:34:18 GMT  #1795358058000000  89  <>  bouncing\n"
        "  done\tlocal\ta@mail.test\n")


def test_not_attempted_yet(rig):
    message(rig, b'o"\x01d\n@d.test', [
        b"x@far.test", b"bob", b"a@virtual.test", b"\xe9%d@far.test"], BODY,
        NOON)
    assert qread(rig) == (
        "22 Nov 2026 14:34:18 GMT  #1795358058000000  89  "
        '<o"_d_@d.test> \n'
        "\tlocal\tbob@mail.test\n"
        "\tlocal\tvu-a@virtual.test\n"
        "\tremote\tx@far.test\n"
        "\tremote\t_%d@far.test\n")
    assert qstat(rig) == [1, 1]


def test_to_nobody(rig):
    message(rig, b"a@b.test", [], BODY, NOON)
    assert qread(rig).endswith("<a@b.test> \n")


def test_damaged(rig):
    """One that cannot be read hides no other."""
    for i in range(3):
        message(rig, b"a@b.test", [b"bob@mail.test"], BODY, NOON + i)
    rig.file("todo", NOON).write_bytes(b"nonsense")
    note(rig, NOON + 1, [True])
    rig.file("info", NOON + 1).write_bytes(b"nonsense")
    out = qread(rig)
    # a note that cannot be read counts for nothing
    assert out.count("\n\tlocal\tbob@mail.test\n") == 2
    assert re.findall(r"^warning: trouble with #(\d+): .+$", out, re.M) == [
        str(NOON + n) for n in (0, 1)]
    assert qstat(rig) == [3, 2]


def test_empty(rig):
    assert qread(rig) == ""
    assert qstat(rig) == [0, 0]


def test_reader_goes_away(rig):
    """mailq | head must not hang or crash."""
    message(rig, b"a@b.test", [b"bob@mail.test"] * 5000, BODY, NOON)
    with subprocess.Popen([BIN / "qmail-qread"], env=rig.env,
                          stdout=subprocess.PIPE) as p:
        p.stdout.close()
        assert p.wait(DEADLINE) == 111


def test_no_home():
    env = {**os.environ, "QMAILHOME": "/nonexistent"}
    out = run(BIN / "qmail-qread", env=env)
    assert (out.returncode, out.stdout, out.stderr) == (
        111, "fatal: unable to chdir: file does not exist\n", "")
    out = run(BIN / "qmail-qstat", env=env)
    assert out.returncode == 0
    assert out.stdout == ("messages in queue: 0\n"
                          "messages in queue but not yet preprocessed: 0\n")
    assert out.stderr == (
        "qmail-qstat: unable to read the queue: file does not exist\n")


def test_no_queue(tmp_path):
    env = {**os.environ, "QMAILHOME": str(tmp_path)}
    (tmp_path / "control").mkdir()
    out = run(BIN / "qmail-qread", env=env)
    assert out.returncode == 111
    assert out.stdout.startswith("fatal: unable to read controls: ")
    (tmp_path / "control/me").write_text("mail.test\n")
    out = run(BIN / "qmail-qread", env=env)
    assert (out.returncode, out.stdout) == (
        111, "fatal: unable to opendir queue: file does not exist\n")

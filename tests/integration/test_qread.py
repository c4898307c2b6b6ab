"""qmail-qread, qmail-qstat, mailq (contract queue.md 8, oracle 63)."""
import os
import re
import socket
import subprocess

import pytest

from facteur import BIN, DEADLINE, Instance, poll, run
from rig import make_queue

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


@pytest.fixture
def accepting(tmp_path):
    """A queue that takes messages and delivers none."""
    home = tmp_path / "home"
    home.mkdir()
    make_queue(home)
    (home / "control/me").write_text("mail.test\n")
    (home / "control/virtualdomains").write_text("virtual.test:vu\n")
    env = {**os.environ, "QMAILHOME": str(home)}
    os.symlink(BIN, home / "bin")
    service = subprocess.Popen([BIN / "qmail-queue", "--resident"], env=env)
    try:
        poll(lambda: (home / "run/queue").exists(), "the queue service")
        yield home, env
    finally:
        service.terminate()
        service.wait(DEADLINE)


def test_not_attempted_yet(accepting):
    home, env = accepting
    done = run(BIN / "sendmail", "-f", 'o"\x01d@d.test', "x@far.test",
               "bob", "a@virtual.test", "\xe9@far.test", input=MESSAGE,
               env=env)
    assert done.returncode == 0, done.stderr
    out = run(BIN / "qmail-qread", env=env)
    assert (out.returncode, out.stderr) == (0, "")
    head, *rest = out.stdout.splitlines()
    assert HEAD.fullmatch(head).group(4) == 'o"_d@d.test'
    assert rest == ["\tlocal\tbob@mail.test",
                    "\tlocal\tvu-a@virtual.test",
                    "\tremote\tx@far.test",
                    "\tremote\t__@far.test"]
    out = run(BIN / "qmail-qstat", env=env)
    assert out.stdout == ("messages in queue: 1\n"
                          "messages in queue but not yet preprocessed: 1\n")


def test_damaged(accepting):
    """One that cannot be read hides no other."""
    home, env = accepting
    for _ in range(3):
        assert run(BIN / "sendmail", "bob", input=MESSAGE,
                   env=env).returncode == 0
    paths = sorted((home / "queue/todo").glob("*/*"))
    os.chmod(paths[0], 0o600)
    with open(paths[0], "r+b") as f:
        f.write(b"?")
    out = run(BIN / "qmail-qread", env=env)
    assert out.returncode == 0
    assert out.stdout.count("\tlocal\tbob@mail.test\n") == 2
    assert re.search(rf"^warning: trouble with #{paths[0].name}: .+$",
                     out.stdout, re.M)


def test_empty(accepting):
    home, env = accepting
    out = run(BIN / "qmail-qread", env=env)
    assert (out.returncode, out.stdout, out.stderr) == (0, "", "")
    out = run(BIN / "qmail-qstat", env=env)
    assert out.stdout == ("messages in queue: 0\n"
                          "messages in queue but not yet preprocessed: 0\n")


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


def test_reader_goes_away(accepting):
    """mailq | head must not hang or crash."""
    home, env = accepting
    for _ in range(3):
        run(BIN / "sendmail", *["bob"] * 500, input=MESSAGE, env=env)
    p = subprocess.Popen([BIN / "qmail-qread"], env=env,
                         stdout=subprocess.PIPE)
    p.stdout.close()
    assert p.wait(DEADLINE) == 111

"""qmail-lspawn itself, the part that is root: a script is qmail-lsched.

It starts a process as the account it is told, says how one ended, and
believes nothing else.
"""
import os
import signal
import subprocess

import pytest

from accounts import ANN, JOE, JOES, NOFILES, QMAIL, QMAILP, System, \
    needs_accounts
from facteur import NOBODY, Programs, poll
from lspawn_rig import Lspawn

# what a plan can use; it is the process that has our end as descriptor 3
STUB = r'''#!/usr/bin/python3 -u
import json, os, signal, socket, struct, sys, time

mode, delivery = sys.argv[1:]
root = socket.socket(fileno=3)
root.settimeout(60)

def frame(kind, *numbers, version=1):
    body = struct.pack("<%dI" % len(numbers), *numbers)
    return struct.pack("<IBB", len(body) + 2, version, kind) + body

def start(slot, uid, gid, kind=10):
    """Our end of the worker's socket."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    socket.send_fds(root, [frame(kind, slot, uid, gid)], [theirs.fileno()])
    theirs.close()
    ours.settimeout(60)
    return ours

def kill(slot):
    root.send(frame(11, slot))

def gone():
    data = root.recv(1000)
    assert len(data) == 18 and data[4:6] == b"\1\14", data
    return struct.unpack("<3I", data[6:])

def is_over():
    """Whether qmail-lspawn has gone."""
    try:
        return root.recv(1000) == b""
    except ConnectionResetError:
        return True

exec(open(os.environ["STUB_TOP"] + "/plan").read())
'''

# says who it is, then does as it is told
WORKER = r'''#!/usr/bin/python3 -u
import os, signal, socket, sys
sock = socket.socket(fileno=0)
status = dict(line.split(":\t") for line in
              open("/proc/self/status").read().splitlines() if ":\t" in line)
sock.send(" ".join([*status["Uid"].split(), *status["Gid"].split(), "groups",
                    *status["Groups"].split()]).encode())
word = sock.recv(1000).split()
if word and word[0] == b"exit":
    os._exit(int(word[1]))
if word and word[0] == b"die":
    os.kill(os.getpid(), int(word[1]))
signal.pause() if word else sys.exit(0)
'''


class Root:
    """A home where bin/qmail-lsched and bin/qmail-local are scripts."""

    def __init__(self, as_root):
        self.as_root = as_root
        self.system = System(accounts=[("ann", ANN)])
        self.top, home = self.system.top, self.system.home
        self.bin = home / "bin"
        self.bin.unlink()
        self.bin.mkdir()
        (self.bin / "qmail-lspawn").symlink_to(
            Programs.folder() / "qmail-lspawn")
        self.script("qmail-lsched", STUB)
        self.script("qmail-local", WORKER)
        self.env = {**self.system.env, "STUB_TOP": str(self.top)}
        self.uid, self.gid = (JOE, JOES) if as_root else \
            (NOBODY, NOBODY) if os.geteuid() == 0 else \
            (os.geteuid(), os.getegid())

    def script(self, name, text):
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def start(self, plan):
        (self.top / "plan").write_text(
            plan.replace("ME", f"{self.uid}, {self.gid}"))
        argv, more = [self.bin / "qmail-lspawn", "./Maildir/"], {}
        if self.as_root:
            argv = self.system.command(*argv)
        elif os.geteuid() == 0:
            more = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        return subprocess.Popen(
            argv, env=self.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, **more)

    def run(self, plan):
        """Exit code, output of the plan, complaints."""
        process = self.start(plan)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def says(self, plan):
        """The same, of a plan that works."""
        code, out, err = self.run(plan)
        assert (code, err) == (0, ""), err
        return out.split("\n")[:-1]


@pytest.fixture(params=[
    pytest.param(True, marks=needs_accounts, id="root"),
    pytest.param(False, id="one user")])
def any_root(request):
    if not request.param and os.geteuid() != 0:
        pytest.skip("homes of accounts are made by root")
    it = Root(request.param)
    yield it
    it.system.close()


@pytest.fixture
def root():
    it = Root(True)
    yield it
    it.system.close()


def test_what_qmail_lsched_gets(any_root):
    process = any_root.start(
        'print(mode, delivery)\n'
        'print(*sorted(int(n) for n in os.listdir("/proc/self/fd")\n'
        '      if os.path.exists("/proc/self/fd/" + n)))\n'
        'print(sys.stdin.readline().strip())\n')
    out, err = process.communicate("hello\n", timeout=60)
    assert (process.returncode, err) == (0, "")
    mode = "any" if any_root.as_root else "own"
    assert out == f"{mode} ./Maildir/\n0 1 2 3\nhello\n"


def test_starts_a_worker_and_says_how_it_ended(any_root):
    u, g = any_root.uid, any_root.gid
    lines = any_root.says(
        'for slot, word in ((0, b"exit 0"), (199, b"exit 111"),\n'
        '                   (7, b"die 9"), (7, b"")):\n'
        '    s = start(slot, ME)\n'
        '    print(s.recv(1000).decode())\n'
        '    s.send(word) if word else s.close()\n'
        '    print(*gone())\n')
    who = " ".join([str(u)] * 4 + [str(g)] * 4 + ["groups"])
    assert [x[:len(who)] for x in lines[::2]] == [who] * 4
    assert lines[1::2] == ["0 0 0", "199 0 111", "7 1 9", "7 0 0"]
    if any_root.as_root:
        assert lines[0] == f"{who} {g}"


def test_kill(any_root):
    assert any_root.says(
        'kill(3)\n'  # there is none: no fault
        's = start(3, ME)\n'
        's.recv(1000)\n'
        'kill(3)\n'
        'print(*gone())\n'
        'kill(3)\n') == ["3 1 9"]


def test_a_worker_is_not_there(any_root):
    (any_root.bin / "qmail-local").unlink()
    assert any_root.says('s = start(3, ME)\nprint(*gone())\n') == ["3 0 126"]


def test_it_holds_no_end_of_a_worker(any_root):
    """Else nobody would see that one has ended, or that nobody asks."""
    assert any_root.says(
        's = start(3, ME)\n'
        't = start(4, ME)\n'
        's.recv(1000), t.recv(1000)\n'
        's.send(b"exit 1")\n'
        'print(s.recv(1000) == b"")\n'
        'print(*gone())\n') == ["True", "3 0 1"]


@pytest.mark.parametrize("exits", [0, 100, 111, 3])
def test_exit_code_is_that_of_qmail_lsched(any_root, exits):
    assert any_root.run(f"sys.exit({exits})") == (exits, "", "")


def test_no_qmail_lsched(any_root):
    (any_root.bin / "qmail-lsched").unlink()
    assert any_root.run("") == (
        111, "", "qmail-lspawn: fatal: unable to run bin/qmail-lsched\n")


def test_qmail_lsched_dies_of_a_signal(any_root):
    assert any_root.run("os.kill(os.getpid(), 9)") == (
        111, "", "qmail-lspawn: qmail-lsched crashed\n")


WORDS = "qmail-lspawn: fatal: refusing an order of qmail-lsched: "


@pytest.mark.parametrize("plan, why", [
    ('root.send(b"x")', "rubbish"),
    ('root.send(b"x" * 64)', "rubbish"),
    ('root.send(frame(10, 1, ME, version=2))', "rubbish"),
    ('root.send(frame(9, 1, ME))', "rubbish"),
    ('root.send(frame(12, 1, 0, 0))', "rubbish"),
    ('root.send(frame(10, 1))', "rubbish"),
    ('root.send(frame(11))', "rubbish"),
    ('root.send(frame(10, 200, ME))', "rubbish"),
    ('root.send(frame(11, 200))', "rubbish"),
    ('root.send(frame(10, 4294967295, ME))', "rubbish"),
    ('root.send(frame(11, 1) + frame(11, 1))', "rubbish"),
    ('root.send(frame(11, 1) + b"x")', "rubbish"),
    ('root.send(frame(10, 1, ME))', "without a socket"),
    ('s = start(1, ME)\nstart(1, ME)', "a slot in use"),
], ids=lambda x: x[:40] if "(" in x else None)
def test_bad_orders(any_root, plan, why):
    """It ends, and so does all else."""
    code, out, err = any_root.run(plan + "\nprint(is_over())\n")
    assert (code, err) == (111, WORDS + why + "\n")
    # nobody waited for the other one, whose output may be late
    assert out in ("True\n", "")


def test_an_order_that_is_too_long(any_root):
    """It is lost, and the one who sent it is lost too."""
    code, _, err = any_root.run(
        'root.send(b"x" * 65)\nprint(is_over())\n')
    assert code == 111 or err == "", err


@needs_accounts
@pytest.mark.parametrize("uid, gid, why", [
    (0, JOES, "to deliver as root"), (JOE, 0, "to deliver as root"),
    (0, 0, "to deliver as root"), (2**32 - 1, JOES, "no account"),
    (JOE, 2**32 - 1, "no account")])
def test_never_root(root, uid, gid, why):
    (root.bin / "qmail-local").write_text(
        f"#!/bin/sh\ntouch {root.top}/started\n")
    code, _, err = root.run(f"s = start(1, {uid}, {gid})\nis_over()\n")
    assert (code, err) == (111, WORDS + why + "\n")
    assert not (root.top / "started").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="homes are made by root")
def test_one_user_cannot_become_another():
    it = Root(False)
    try:
        for ids in (f"{JOE}, {JOES}", f"0, {it.gid}", f"{it.uid}, {JOES}"):
            assert it.run(f"s = start(1, {ids})\nis_over()\n")[::2] == (
                111, WORDS + "not our own account\n")
    finally:
        it.system.close()


# --- what is whose ---

@pytest.fixture
def box():
    system = System(accounts=[("ann", ANN)])
    it = Lspawn(system)
    yield it
    it.close()
    system.close()


def status(pid):
    with open(f"/proc/{pid}/status") as f:
        return dict(line.rstrip("\n").split(":\t") for line in f
                    if ":\t" in line)


def links(pid):
    return {n: os.readlink(f"/proc/{pid}/fd/{n}")
            for n in os.listdir(f"/proc/{pid}/fd")}


@needs_accounts
def test_qmail_lsched_is_qmailp(box):
    """qmailp, which can read messages, and nothing besides."""
    s = status(box.scheduler())
    assert s["Uid"].split() == [str(QMAILP)] * 4
    assert s["Gid"].split() == [str(x) for x in (
        NOFILES, QMAIL, QMAIL, QMAIL)]
    assert s["Groups"].split() == [str(NOFILES)]
    assert int(s["CapPrm"], 16) == int(s["CapEff"], 16) == 0


@needs_accounts
def test_qmail_getpw_cannot_look_into_it(box):
    """They have one uid, and what it holds is not for both."""
    box.facts("joe@h")
    pid = box.scheduler()
    for what in ("environ", "maps", "fd/0", "mem"):
        done = subprocess.run(
            ["setpriv", "--clear-groups", f"--reuid={QMAILP}",
             f"--regid={NOFILES}", "head", "-c1", f"/proc/{pid}/{what}"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert done.returncode != 0 and "ermission denied" in done.stderr


@needs_accounts
def test_root_holds_nothing_of_the_conversation(box):
    box.facts("joe@h")
    box.facts("ann@h")
    fds = links(box.process.pid)
    assert fds.pop("0") == fds.pop("1") == "/dev/null"
    assert fds.pop("2") == str(box.top / "log")
    assert sorted(v.split(":")[0] for v in fds.values()) == [
        "/dev/null", "anon_inode", "socket"]


def is_gone(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


@pytest.fixture(params=[pytest.param(True, marks=needs_accounts, id="root"),
                        pytest.param(False, id="one user")])
def any_box(request):
    system = System(accounts=[("ann", ANN)]) if request.param else None
    it = Lspawn(system)
    yield it
    it.close()
    if system:
        system.close()


def test_root_dies_and_all_go(any_box):
    box = any_box
    box.facts("joe@h")
    held = box.send("joe@h", sender="hold go")
    poll(lambda: len(box.workers()) == 1)
    pids = [box.scheduler(), *box.workers(), *box.getpw()]
    assert len(pids) == 3
    box.process.kill()
    poll(lambda: is_gone(pids[0]), "qmail-lsched has gone")
    box.release("go")  # the delivery under way is finished
    poll(lambda: all(map(is_gone, pids)), "all have gone")
    assert held not in box.results
    assert "unable to talk to qmail-lspawn" in box.text()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGABRT])
def test_scheduler_dies_and_all_go(any_box, how):
    box = any_box
    box.facts("joe@h")
    pids = [*box.workers(), *box.getpw()]
    os.kill(box.scheduler(), how)
    assert box.process.wait(60) == 111
    poll(lambda: all(map(is_gone, pids)), "all have gone")
    assert "qmail-lsched crashed" in box.text()


def test_the_end_is_passed_on(any_box):
    if any_box.system and b"__asan_init" in (
            Programs.folder() / "qmail-lsched").read_bytes():
        pytest.skip("a process of two groups is closed to leak checkers")
    any_box.facts("joe@h")
    assert any_box.finish() == 0


def test_by_hand():
    """It is of no use without the one who starts it."""
    done = subprocess.run(
        [Programs.folder() / "qmail-lsched", "own", "./Mailbox"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (111, "")
    assert done.stderr.startswith(
        "qmail-lsched: fatal: unable to talk to qmail-lspawn")
    done = subprocess.run([Programs.folder() / "qmail-lsched"],
                          stdin=subprocess.DEVNULL, capture_output=True)
    assert done.returncode == 100

"""qmail-rspawn: jobs, workers, classic programs. Contract queue.md 5.3, 5.6."""
import os
import signal
import subprocess
import tempfile
import threading

import pytest

from remote_rig import (BIN, WAIT, Home, Rspawn, Server, frame, make_queue,
                        poll, replies)

ID = 1700000000000000
OK = ("K", b"127.0.0.2 accepted message.\nRemote host said: 250 ok\n")


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


def program(home, text, name="stub"):
    path = home.path / name
    path.write_text("#!/bin/sh\n" + text + "\n")
    path.chmod(0o755)
    return str(path)


def stop(pid):
    os.kill(pid, signal.SIGKILL)


def test_hello(home):
    with Rspawn(home) as r:
        poll(lambda: r.hello == 1000)


def test_one_job(home):
    with Server() as server, Rspawn(home) as r:
        home.route_to(server)
        r.message(ID, b"a\n.b\n")
        assert r.deliver(ID, "r@far.test") == [OK]
        assert server.bodies() == [b"a\r\n..b\r\n.\r\n"]


def test_verdict_per_recipient(home):
    with Server(replies({b"RCPT TO:<b@h>": b"550 no\r\n"})) as server, \
            Rspawn(home) as r:
        home.route_to(server)
        r.message(ID)
        got = r.deliver(ID, "a@h", "nohost", "b@h", "c@h")
        assert got == [
            OK, ("D", b"Sorry, address must include host name. (#5.1.3)\n"),
            ("D", b"127.0.0.2 does not like recipient.\n"
             b"Remote host said: 550 no\n"), OK]
        assert r.deliver(ID, "nohost") == got[1:2]


def test_message_checks(home):
    with Rspawn(home) as r:
        assert r.deliver(ID, "r@h") == [
            ("Z", b"qmail-spawn unable to open message. (#4.3.0)\n")]
        os.mkdir(r.message(ID).with_name(str(ID + 23)))
        os.symlink(r.message(ID), r.message(ID).with_name(str(ID + 46)))
        for ident in (ID + 23, ID + 46):
            assert r.deliver(ident, "r@h") == [
                ("Z", b"Sorry, message has wrong owner. (#4.3.5)\n")]


def test_affinity(home):
    """Two hosts in turn: two workers, one connection each."""
    with Server() as a, Server() as b, Rspawn(home) as r:
        home.route("a.test:127.0.0.2:%d" % a.port,
                   "b.test:127.0.0.2:%d" % b.port)
        r.message(ID)
        for _ in range(5):
            assert r.deliver(ID, "x@a.test") == [OK]
            assert r.deliver(ID, "x@B.test") == [OK]
        assert len(a.sessions) == len(b.sessions) == 1
        assert len(r.children()) == 2


def test_worker_without_connection_is_used_again(home):
    with Server(replies({b"DOT": b"554 no\r\n"})) as a, Server() as b, \
            Rspawn(home) as r:
        home.route("a.test:127.0.0.2:%d" % a.port,
                   "b.test:127.0.0.2:%d" % b.port)
        r.message(ID)
        assert r.deliver(ID, "x@a.test")[0][0] == "D"
        assert r.deliver(ID, "x@b.test") == [OK]
        assert len(r.children()) == 1


def test_many_at_once(home):
    with Server() as server, Rspawn(home) as r:
        home.route_to(server)
        r.message(ID)
        jobs = [r.job(ID, "r%d@h" % i) for i in range(200)]
        for n in jobs:
            assert r.result(n) == [OK]
        assert len(server.bodies()) == 200


def test_crashed_worker(home):
    """Its job is deferred; the next one gets a fresh worker."""
    def reply(session, verb, line):
        if verb == b"DATA" and len(server.sessions) == 1:
            stop(r.children()[0])
        return None
    with Server(reply) as server, Rspawn(home) as r:
        home.route_to(server)
        r.message(ID)
        assert r.deliver(ID, "a@h", "b@h") == \
            [("Z", b"qmail-remote crashed.\n")] * 2
        assert r.deliver(ID, "a@h") == [OK]


def test_idle_worker_dies(home):
    with Server() as server, Rspawn(home) as r:
        home.route_to(server)
        r.message(ID)
        assert r.deliver(ID, "a@h") == [OK]
        pid = r.children()[0]
        stop(pid)
        poll(lambda: not os.path.exists("/proc/%d" % pid))
        assert r.deliver(ID, "a@h") == [OK]
        assert r.children() != [pid]


@pytest.mark.parametrize("how", ["missing", "not executable"])
def test_no_qmail_remote(home, how):
    """Temporary: DECISIONS "Queue, local, tools"."""
    path = home.path / "bin" / "qmail-remote"
    path.write_text("")
    with Rspawn(home) as r:
        if how == "missing":
            path.unlink()
        r.message(ID)
        assert r.deliver(ID, "a@h") == \
            [("Z", b"Unable to run qmail-remote.\n")]


class Liar:
    """A worker that is none."""

    def __init__(self, home, data):
        path = home.path / "bin" / "qmail-remote"
        path.write_text("#!/usr/bin/python3\nimport socket\n"
                        "s = socket.socket(fileno=0)\ns.recv(1 << 18)\n"
                        "s.send(%r)\ns.recv(1)\n" % data)
        path.chmod(0o755)


@pytest.mark.parametrize("data", [
    b"x", frame(7, b""), frame(7, b"\0\0\0\0\2\0\0\0" + b"K\0\0\0\0\0\0\0" * 2),
    frame(7, b"\0\0\0\0\1\0\0\0X\0\0\0\0\0\0\0"), frame(6, b""),
    frame(7, b"\0\0\0\0\1\0\0\0K\0\0\0\xff\0\0\0")])
def test_worker_gone_mad(home, data):
    Liar(home, data)
    with Rspawn(home) as r:
        r.message(ID)
        assert r.deliver(ID, "a@h") == [("Z", b"qmail-remote crashed.\n")]
        poll(lambda: not r.children())


def test_workers_hold_nothing_of_ours(home):
    home.tcpto()
    with Server() as server, Rspawn(home) as r:
        home.route_to(server)
        r.message(ID)
        r.deliver(ID, "a@h")
        fds = "/proc/%d/fd" % r.children()[0]
        held = {int(n): os.readlink(os.path.join(fds, n))
                for n in os.listdir(fds)}
        assert held[1] == "/dev/null"
        assert held[3].endswith("/queue/lock/tcpto")
        assert not [x for n, x in held.items()
                    if "/queue" in x and n != 3]
        assert len([x for n, x in held.items() if n != 2
                    and x.startswith(("socket", "pipe"))]) == 2


def test_tcpto_is_cleared(home):
    home.tcpto([("10.1.2.3", 5, 1700000000)])
    with Rspawn(home) as r:
        poll(lambda: r.hello)
        assert home.read_tcpto() == {}


def test_end_of_file_finishes_jobs(home):
    with Server(replies({b"DOT": [b"250 late\r\n"]})) as server, \
            Rspawn(home) as r:
        home.route_to(server)
        r.message(ID)
        n = r.job(ID, "a@h")
        r.p.stdin.close()
        assert r.result(n)[0][0] == "K"
        assert r.p.wait(WAIT) == 0
        poll(lambda: server.sessions[0].is_over)
        assert server.sessions[0].verbs()[-1] == b"QUIT"


def test_sender_gone_altogether(home):
    """qmail-send was killed: what runs is finished (queue.md 1.5)."""
    at_dot, go_on = threading.Event(), threading.Event()

    def reply(session, verb, line):
        if verb == b"DOT":
            at_dot.set()
            assert go_on.wait(WAIT)
        return None
    with Server(reply) as server, Rspawn(home, read=False) as r:
        home.route_to(server)
        r.message(ID)
        r.job(ID, "a@h")
        assert at_dot.wait(WAIT)
        r.p.stdin.close()
        r.p.stdout.close()  # its results meet EPIPE
        go_on.set()
        assert r.p.wait(WAIT) == 0
        assert len(server.bodies()) == 1


def test_nonsense_from_qmail_send(home):
    r = Rspawn(home)
    r.p.stdin.write(b"\xff" * 64)
    r.p.stdin.flush()
    assert r.p.wait(WAIT) == 111


def test_no_queue(home):
    p = subprocess.run([BIN / "qmail-rspawn"], env=dict(
        home.env, QMAILHOME=str(home.path / "control")),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE)
    assert p.returncode == 111
    assert b"unable to open the queue" in p.stderr


# --- classic programs ---

FOLD = [
    (r"rone\0Kok\0", "K", b"oneok"), (r"sone\0Kok\0", "Z", b"one"),
    (r"rone\0Zok\0", "Z", b"oneok"), (r"sone\0Dok\0", "Z", b"oneok"),
    (r"rone\0Dok\0", "D", b"oneok"), (r"sone\0Zok\0", "Z", b"oneok"),
    (r"hone\0Kok\0", "D", b"one"), (r"hone\0Dok\0", "D", b"oneok"),
    (r"hone\0Zok\0", "D", b"one"), (r"Zfoo\0", "Z", b"foo"),
    (r"rone\0", "D", b"one"), (r"rone\0rtwo\0Zlater\0", "Z", b"one"),
]


@pytest.mark.parametrize("output,letter,text", FOLD)
def test_classic_reports(home, output, letter, text):
    stub = program(home, "printf '%s'" % output)
    with Rspawn(home, {"QMAILREMOTE": stub}) as r:
        r.message(ID)
        assert r.deliver(ID, "a@h") == [(letter, text)]


@pytest.mark.parametrize("script,letter,text", [
    ("kill -9 $$", "Z", b"qmail-remote crashed.\n"),
    ("exit 111", "Z", b"Unable to run qmail-remote.\n"),
    ("exit 1", "D", b"Unable to run qmail-remote.\n"),
    ("exit 0", "Z", b"qmail-remote produced no output.\n"),
    ("printf 'Kerr\\0' >&2", "K", b"err"),
])
def test_classic_exits(home, script, letter, text):
    with Rspawn(home, {"QMAILREMOTE": program(home, script)}) as r:
        r.message(ID)
        assert r.deliver(ID, "a@h") == [(letter, text)]


def test_classic_cannot_be_executed(home):
    """Deviation (DECISIONS): temporary, where qmail's was permanent."""
    with Rspawn(home, {"QMAILREMOTE": "/nowhere/at/all"}) as r:
        r.message(ID)
        assert r.deliver(ID, "a@h") == \
            [("Z", b"Unable to run qmail-remote.\n")]


def test_classic_arguments_and_message(home):
    stub = program(home, "printf 'K%s|%s|%s|' \"$@\"; cat; printf '\\0'")
    with Rspawn(home, {"QMAILREMOTE": stub}) as r:
        r.message(ID, b"text\n")
        assert r.deliver(ID, "a@b@Host.Test", "c@Host.Test", "nohost",
                         sender="s d@x") == [
            ("K", b"Host.Test|s d@x|a@b@Host.Test|text\n"),
            ("K", b"Host.Test|s d@x|c@Host.Test|text\n"),
            ("D", b"Sorry, address must include host name. (#5.1.3)\n")]


def test_remotecommand_is_read_again(home):
    one = program(home, "printf 'Kone\\0'", "one")
    two = program(home, "printf 'Ktwo\\0'", "two")
    with Server() as server, Rspawn(home) as r:
        home.route_to(server)
        r.message(ID)
        assert r.deliver(ID, "a@h") == [OK]
        home.control("remotecommand", one)
        assert r.deliver(ID, "a@h") == [("K", b"one")]
        home.control("remotecommand", two + " ")
        assert r.deliver(ID, "a@h") == [("K", b"two")]
        (home.path / "control" / "remotecommand").unlink()
        assert r.deliver(ID, "a@h") == [OK]


def test_classic_report_waits_for_the_pipe(home):
    """A grandchild that holds the pipe delays the report."""
    stub = program(home, "printf 'Kfirst'; (read x <fifo; printf 'then\\0')&")
    os.mkfifo(home.path / "fifo")
    with Rspawn(home, {"QMAILREMOTE": stub}) as r:
        r.message(ID)
        n = r.job(ID, "a@h")
        with open(home.path / "fifo", "w") as f:
            assert n not in r.results
            f.write("go\n")
        assert r.result(n) == [("K", b"firstthen")]


def test_classic_long_output(home):
    stub = program(home, "printf K; head -c 3000000 /dev/zero | tr '\\0' x;"
                         " printf '\\0'")
    with Rspawn(home, {"QMAILREMOTE": stub}) as r:
        r.message(ID)
        (letter, text), = r.deliver(ID, "a@h")
        assert letter == "K" and text == b"x" * 9998


def test_classic_many(home):
    stub = program(home, "printf 'K%s\\0' \"$3\"")
    with Rspawn(home, {"QMAILREMOTE": stub}) as r:
        r.message(ID)
        jobs = [r.job(ID, *["r%d.%d@h" % (i, k) for k in range(10)])
                for i in range(30)]
        for i, n in enumerate(jobs):
            assert r.result(n) == [("K", b"r%d.%d@h" % (i, k))
                                   for k in range(10)]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: several uids")
def test_group_of_the_queue_is_given_up():
    """Real group nofiles, effective group qmail: the children have only the
    first. Numeric ids stand for the accounts."""
    if b"__asan_init" in (BIN / "qmail-rspawn").read_bytes():
        pytest.skip("a process with two groups cannot search itself for leaks")
    uid, real, group = 61001, 61002, 61003
    with tempfile.TemporaryDirectory() as d:
        os.chmod(d, 0o755)
        home = Home(d)
        stub = program(home, "printf 'K'; grep -E '^(Uid|Gid)' "
                             "/proc/self/status; printf '\\0'")
        helper = ("import os, sys; os.setgroups([]); "
                  "os.setresgid(%d, %d, %d); os.setresuid(%d, %d, %d); "
                  "os.execv(sys.argv[1], sys.argv[1:])"
                  % (real, group, group, uid, uid, uid))
        make_queue(home)
        for path in [home.path / "queue", *home.path.glob("queue/mess/**")]:
            os.chown(path, 0, group)
            path.chmod(0o750)
        with Rspawn(home, {"QMAILREMOTE": stub},
                    before=["/usr/bin/python3", "-c", helper]) as r:
            r.message(ID).chmod(0o640)
            os.chown(r.message(ID), 0, group)
            (letter, text), = r.deliver(ID, "a@h")
            assert letter == "K"
            assert text.split() == [b"Uid:"] + [b"%d" % uid] * 4 + \
                [b"Gid:"] + [b"%d" % real] * 4

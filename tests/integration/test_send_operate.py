"""qmail-send: what an operator asks of one message, and the control socket
(qmail-send(8), doc/protocols.md)."""
import os
import signal
import subprocess
import sys
import threading

import pytest

from sendkit import (NOBODY, answer, ask, connect, mail_of, message, note, note_of, poll, say)
from worldkit import (GONE, OK, UNREACHED, attempts, delivered, dest, held, inject, let_go, place, queue, restart,
                      suspend, wait_dest, world)

ME = os.geteuid()
RETURNED = b"I'm not going to try again; the administrator has returned this message.\n"


@pytest.fixture
def rig():
    with world() as r:
        r.mails = []

        def verdict(d):
            if place(d) == "sender.example":
                r.mails.append(mail_of(r, d)[1])
            return r.world.get(place(d), OK)

        r.verdict = verdict
        yield r


def info(rig, n):
    """Stage, held, next local and remote attempt, jobs, and its line."""
    words = ask(rig, f"info {n}").split(" ", 5)
    return [words[0], *map(int, words[1:5]), words[5]]


def stage(rig, n):
    return ask(rig, f"info {n}").split(" ")[0]


def deferred(rig, *rcpts):
    """A message that was tried and waits; its ID."""
    rig.world["later.example"] = ("Z", b"busy\n")
    n = message(rig, b"s@sender.example", rcpts or [b"r@later.example"])
    rig.start()
    rig.wait_log("deferral: busy/\n")
    poll(lambda: stage(rig, n) == "waiting", "it waits")
    return n


def under_way(rig):
    """Two local recipients one after the other: the first one's job, the ID."""
    rig.control("concurrencylocal", "1\n")
    rig.world.update({"one": None, "two": OK})
    n = message(rig, b"s@sender.example", [b"one@local.example", b"two@local.example"])
    rig.start()
    poll(lambda: rig.held, "a job")
    assert stage(rig, n) == "active"
    return rig.held[0], n


def unseen(rig):
    """A message whose bytes cannot be read yet; its ID."""
    n = message(rig, b"s@sender.example", [b"r@far.example"])
    rig.file("mess", n).chmod(0)
    rig.start()
    rig.wait_log(f"warning: trouble opening mess/{n % 23}/{n}; will try again later\n")
    assert stage(rig, n) == "new"
    return n


def bounce_left(rig, script):
    """A message of which only the bounce is left, which script takes."""
    path = rig.home / "script"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    rig.env["QMAILQUEUE"] = str(path)
    rig.world["no.example"] = ("D", b"no such user (#5.1.1)\n")
    n = message(rig, b"s@sender.example", [b"r@no.example"])
    rig.start()
    rig.wait_log("failure")
    return n


def gone(rig, n):
    """It is over, and nothing of it is left."""
    rig.wait_log(f"end msg {n}\n")
    poll(lambda: ask(rig, f"info {n}") == "error no such message", "it is forgotten")
    poll(lambda: not any(rig.file(kind, n).exists() for kind in ("todo", "mess", "info")), "its files are gone")


# --- hold and release ---

def test_hold_before_the_first_attempt(rig):
    rig.control("concurrencyremote", "1\n")
    rig.world["slow.example"] = None
    queue(rig, 1, "slow.example")
    n, = queue(rig, 1, "far.example")
    with rig:
        poll(lambda: rig.held and stage(rig, n) == "waiting", "it waits for a slot")
        assert ask(rig, f"hold {n}") == "ok"
        assert note_of(rig, n)["k"] == b"1"
        assert info(rig, n)[:2] == ["waiting", 1]
        let_go(rig, "slow.example")
        inject(rig, 1, "near.example")
        rig.wait_log("success", 2)
        assert not attempts(rig, "far.example")
        assert ask(rig, f"release {n}") == "ok"
        rig.wait_empty()
    assert len(delivered(rig, "far.example")) == 1
    assert f"held msg {n} by uid {ME}\n" in rig.log
    assert f"released msg {n} by uid {ME}\n" in rig.log


def test_hold_between_attempts(rig):
    """Whatever hurries the others; across a restart; then at once."""
    n = deferred(rig)
    assert ask(rig, f"hold {n}") == "ok"
    for is_new in (False, True):
        if is_new:
            restart(rig, n, signal.SIGKILL)
            assert info(rig, n)[1] == 1
        rig.send.send_signal(signal.SIGALRM)
        assert ask(rig, "flush") == "ok"
        assert ask(rig, f"flush {n}") == "error the message is held"
        inject(rig, 1, "near.example")
        rig.wait_log("success")
        assert len(attempts(rig, "later.example")) == 1
    rig.world.clear()
    assert ask(rig, f"release {n}") == "ok"
    gone(rig, n)


def test_release_is_for_now(rig):
    """Not for the time the message had before it was held."""
    n = deferred(rig)
    later = info(rig, n)[3]
    assert ask(rig, f"hold {n}") == "ok"
    rig.world.clear()
    assert ask(rig, f"release {n}") == "ok"
    gone(rig, n)
    assert later > 0


def test_release_of_one_that_is_not_held(rig):
    """It waits as before."""
    n = deferred(rig)
    before = info(rig, n)
    assert ask(rig, f"release {n}") == "ok"
    assert info(rig, n) == before
    assert "released" not in rig.log


def test_hold_during_an_attempt(rig):
    """What is under way ends; the rest is not begun."""
    job, n = under_way(rig)
    assert ask(rig, f"hold {n}") == "ok"
    assert info(rig, n)[:2] == ["active", 1]
    answer(rig, job)
    poll(lambda: stage(rig, n) == "waiting", "it has ended")
    got = note_of(rig, n)
    assert (got["k"], got["d"]) == (b"1", b"01")
    rig.send.send_signal(signal.SIGALRM)
    rig.inject(b"s@x", [b"ann@local.example"])
    rig.wait_log("success", 2)
    assert not attempts(rig, "two")
    assert ask(rig, f"release {n}") == "ok"
    gone(rig, n)
    assert len(attempts(rig, "one")) == len(attempts(rig, "two")) == 1


def test_hold_and_release_during_an_attempt(rig):
    """As if nothing had been."""
    job, n = under_way(rig)
    assert ask(rig, f"hold {n}") == "ok"
    assert ask(rig, f"release {n}") == "ok"
    answer(rig, job)
    gone(rig, n)
    assert len(attempts(rig, "one")) == len(attempts(rig, "two")) == 1


def test_hold_in_line(rig):
    """It leaves the line of a suspended destination, and comes back."""
    ids = suspend(rig, waiting=3)
    n = ids[2]
    assert ask(rig, f"hold {n}") == "ok"
    assert dest(rig, "far.example").waiting == 2
    assert info(rig, n)[5] == "- -"
    assert ask(rig, f"release {n}") == "ok"
    poll(lambda: info(rig, n)[5] == "remote far.example", "in line again")
    assert dest(rig, "far.example").waiting == 3
    rig.world.clear()
    assert ask(rig, "flush") == "ok"
    rig.wait_empty()


def test_hold_of_one_that_expires(rig):
    """It stays, whatever its age."""
    rig.control("queuelifetime", "100\n")
    n = message(rig, b"s@sender.example", [b"r@far.example"], age=1000)
    rig.file("mess", n).chmod(0)
    with rig:
        rig.wait_log("trouble opening mess")
        assert ask(rig, f"hold {n}") == "ok"
        rig.file("mess", n).chmod(0o600)
        restart(rig, n)
        rig.send.send_signal(signal.SIGALRM)
        inject(rig, 1, "near.example")
        rig.wait_log("success")
        assert not attempts(rig, "far.example")
        assert stage(rig, n) == "waiting"
        rig.world["far.example"] = ("Z", b"busy\n")
        assert ask(rig, f"release {n}") == "ok"
        rig.wait_log("failure: busy/I'm_not_going_to_try_again;")


# --- delete ---

def deleted(rig, n, reply="ok"):
    assert ask(rig, f"delete {n}") == reply
    rig.wait_log(f"deleted msg {n} by uid {ME}\n")


def test_delete_a_new_one(rig):
    n = unseen(rig)
    deleted(rig, n)
    gone(rig, n)
    assert not rig.started


def test_delete_one_that_waits(rig):
    n = deferred(rig, b"r@later.example", b"l@local.example")
    deleted(rig, n)
    gone(rig, n)
    assert "bounce" not in rig.log


def test_delete_a_held_one(rig):
    n = deferred(rig)
    assert ask(rig, f"hold {n}") == "ok"
    deleted(rig, n)
    gone(rig, n)


def test_delete_one_in_line(rig):
    ids = suspend(rig, waiting=3)
    deleted(rig, ids[2])
    gone(rig, ids[2])
    assert dest(rig, "far.example").waiting == 2
    rig.world.clear()
    assert ask(rig, "flush") == "ok"
    rig.wait_empty()
    assert len(delivered(rig, "far.example")) == 3


@pytest.mark.parametrize("letter", ["K", "Z", "D"])
def test_delete_an_active_one(rig, letter):
    """As soon as no delivery is under way, however that ended."""
    job, n = under_way(rig)
    deleted(rig, n, "later")
    assert stage(rig, n) == "active"
    answer(rig, job, letter)
    gone(rig, n)
    assert not attempts(rig, "two")
    assert "bounce" not in rig.log


def test_delete_one_that_waits_for_the_jobs_of_others(rig):
    """What it has under way is nothing."""
    rig.world["slow.example"] = None
    queue(rig, 5, "slow.example")
    with rig:
        poll(lambda: len(rig.held) == 5, "a full window")
        inject(rig, 2, "slow.example", "near.example")
        rig.wait_log("success", 2)
        mine = [n for n in rig.ids() if stage(rig, n) == "active" and info(rig, n)[4] == 0]
        assert len(mine) == 2
        deleted(rig, mine[1])
        gone(rig, mine[1])
        assert ask(rig, f"bounce {mine[0]}") == "ok"
        rig.wait_log(f"bounce msg {mine[0]} ")
        gone(rig, mine[0])
        assert len(rig.held) == 5
        assert dest(rig, "slow.example").waiting == 0
        let_go(rig, "slow.example")
        rig.wait_empty()


def test_hold_one_that_waits_for_the_jobs_of_others(rig):
    rig.world["slow.example"] = None
    queue(rig, 5, "slow.example")
    with rig:
        poll(lambda: len(rig.held) == 5, "a full window")
        inject(rig, 2, "slow.example", "near.example")
        rig.wait_log("success", 2)
        mine = [n for n in rig.ids() if stage(rig, n) == "active" and info(rig, n)[4] == 0]
        assert ask(rig, f"hold {mine[0]}") == "ok"
        assert info(rig, mine[0])[:2] == ["waiting", 1]
        assert dest(rig, "slow.example").waiting == 1
        assert ask(rig, f"release {mine[0]}") == "ok"
        wait_dest(rig, "slow.example", waiting=2)
        rig.world.clear()
        let_go(rig, "slow.example")
        rig.wait_empty()
    assert len(attempts(rig, "slow.example")) == 7
    assert len(attempts(rig, "near.example")) == 2


def test_delete_one_whose_bounce_waits(rig):
    n = bounce_left(rig, "exit 81")
    rig.wait_log("warning: trouble injecting bounce message, will try later\n")
    assert stage(rig, n) == "finishing"
    deleted(rig, n)
    gone(rig, n)
    assert "bounce msg" not in rig.log


@pytest.mark.parametrize("code", [0, 81])
def test_delete_one_whose_bounce_is_on_its_way(rig, code):
    """It is too late to stop it; but not to try it again."""
    n = bounce_left(rig, f"until [ -e go ]; do sleep 0.05; done; exit {code}")
    poll(lambda: stage(rig, n) == "finishing", "its bounce is made")
    deleted(rig, n, "later")
    (rig.home / "go").touch()
    gone(rig, n)
    assert rig.log.count("bounce msg") == (code == 0)


# --- bounce ---

def returned(rig, n, reply="ok"):
    """It is asked for; the paragraphs of the bounce."""
    assert ask(rig, f"bounce {n}") == reply
    rig.wait_log(f"returned msg {n} by uid {ME}\n")


def paragraphs(rig, n):
    """What the bounce says, once it has come."""
    rig.wait_log(f"bounce msg {n} ")
    gone(rig, n)
    [text] = poll(lambda: rig.mails, "a bounce")
    assert b"\nTo: s@sender.example\nSubject: failure notice\n" in text
    return text.split(b"work out.\n\n")[1].split(b"--- Below")[0]


def test_bounce_a_new_one(rig):
    """Its sender gets it back, though nobody has tried."""
    n = unseen(rig)
    rig.file("mess", n).chmod(0o600)
    returned(rig, n)
    assert paragraphs(rig, n) == b"<r@far.example>:\n" + RETURNED + b"\n"
    assert not attempts(rig, "far.example")


def test_bounce_one_that_waits(rig):
    """With the last trouble of those who are left, and with the failures."""
    rig.world["no.example"] = ("D", b"no such user\n")
    n = deferred(rig, b"a@later.example", b"b@no.example", b"c@local.example", b"d@later.example")
    returned(rig, n)
    said = paragraphs(rig, n)
    assert said.split(b"\n\n")[:-1] == [
        b"<b@no.example>:\nno such user",
        b"<a@later.example>:\nbusy\n" + RETURNED[:-1],
        b"<d@later.example>:\nbusy\n" + RETURNED[:-1]]
    assert len(attempts(rig, "later.example")) == 2


def test_bounce_one_in_line(rig):
    suspend(rig, waiting=0)
    assert rig.inject(b"s@sender.example", [b"r@far.example"]) == 0
    wait_dest(rig, "far.example", waiting=1)
    n = rig.ids()[-1]
    returned(rig, n)
    assert paragraphs(rig, n) == b"<r@far.example>:\n" + RETURNED + b"\n"
    assert dest(rig, "far.example").waiting == 0


def test_bounce_an_active_one(rig):
    job, n = under_way(rig)
    returned(rig, n, "later")
    answer(rig, job, "Z", b"1.2.3.4 busy\n\nvery\n")
    assert paragraphs(rig, n) == (b"<one@local.example>:\n1.2.3.4 busy\n/very\n" + RETURNED + b"\n" +
                                  b"<two@local.example>:\n" + RETURNED + b"\n")


def test_bounce_one_that_was_delivered_meanwhile(rig):
    rig.world["far.example"] = None
    n, = queue(rig, 1, "far.example")
    with rig:
        poll(lambda: rig.held, "a job")
        returned(rig, n, "later")
        let_go(rig, "far.example")
        gone(rig, n)
    assert "bounce msg" not in rig.log


def test_bounce_of_a_bounce(rig):
    """contract 4.6: to the postmaster, as any other."""
    rig.world["later.example"] = ("Z", b"busy\n")
    n = message(rig, b"", [b"r@later.example"])
    with rig:
        rig.wait_log("deferral")
        returned(rig, n)
        rig.wait_log("to remote postmaster@mail.example.org\n")
        gone(rig, n)


def test_bounce_left_alone(rig):
    """What has ended cannot be held or returned any more."""
    n = bounce_left(rig, "exit 81")
    rig.wait_log("warning: trouble injecting bounce message, will try later\n")
    for command in ("hold", "bounce"):
        assert ask(rig, f"{command} {n}") == "error only its bounce is left"
    assert "by uid" not in rig.log


@pytest.mark.parametrize("command, reply", [("delete", "later"), ("hold", "ok")])
def test_one_in_line_to_be_checked(rig, command, reply):
    """Large messages are read piece by piece before they are tried; behind
    them one that was tried by an earlier qmail-send."""
    body, many = b"Subject: t\n\n" + bytes(64 * 1024 * 1024), 100
    first = message(rig, b"s@sender.example", [b"r@near.example"], body)
    for _ in range(many - 1):  # a second's work, or more
        message(rig, b"s@sender.example", [b"r@near.example"], body, like=first)
    n = message(rig, b"s@sender.example", [b"r@far.example"], body[:3 * 1024 * 1024])
    note(rig, n, [0], remote=1)
    with rig:
        os.setpriority(os.PRIO_PROCESS, rig.send.pid, 19)  # no race for us
        poll(lambda: ask(rig, "status")[0] == f"messages {many + 1}", "all are known")
        for _ in range(5):
            ask(rig, "status")  # some turns of the loop: now they stand in line
        assert ask(rig, f"{command} {n}") == reply
        assert ask(rig, f"{command} {n}") == reply
        rig.wait_log("to remote r@near.example", many)
        if command == "hold":
            poll(lambda: info(rig, n)[:2] == ["waiting", 1], "it is held")
            assert ask(rig, f"release {n}") == "ok"
        gone(rig, n)
        assert len(attempts(rig, "far.example")) == (reply == "ok")
        rig.wait_empty()


# --- messages that there is nothing to be done about ---

COMMANDS = ("hold", "release", "flush", "delete", "bounce")


def refused(rig, n, why):
    for command in COMMANDS:
        assert ask(rig, f"{command} {n}") == f"error {why}"
    assert "by uid" not in rig.log


def test_unknown(rig):
    with rig:
        for n in (0, 1, 2**64 - 1, message(rig, b"s@x", [b"r@far.example"]) + 1):
            refused(rig, n, "no such message")
            assert ask(rig, f"info {n}") == "error no such message"


def test_damaged(rig):
    n = message(rig, b"s@x", [b"r@far.example"])
    rig.file("mess", n).write_bytes(b"something else\n")
    # it is not to be moved away, and so stays known
    (rig.home / "queue/quarantine").rmdir()
    with rig:
        rig.wait_log(f"alert: message {n} damaged: ")
        assert stage(rig, n) == "quarantined"
        refused(rig, n, "the message is damaged")


def test_unreadable(rig):
    n = message(rig, b"s@x", [b"r@far.example"])
    rig.file("todo", n).chmod(0)
    with rig:
        rig.wait_log("warning: trouble opening todo/")
        refused(rig, n, "unable to read the message")
        rig.file("todo", n).chmod(0o600)
        assert ask(rig, f"flush {n}") == "ok"
        rig.wait_empty()


def test_ended(rig):
    n = message(rig, b"s@x", [b"l@local.example"])
    rig.world["l"] = None
    with rig:
        poll(lambda: rig.held, "a job")
        rig.file("todo", n).parent.chmod(0o500)
        let_go(rig, "l")
        rig.wait_log("unable to clean up")
        assert stage(rig, n) == "removing"
        refused(rig, n, "the message has ended")
        rig.file("todo", n).parent.chmod(0o700)


def test_note_that_cannot_be_written(rig):
    """It is held as long as qmail-send remembers; the operator is told."""
    n = deferred(rig)
    rig.file("info", n).parent.chmod(0o500)
    assert ask(rig, f"hold {n}") == "error unable to write its note"
    rig.wait_log(f"warning: trouble writing to info/{n % 23}/{n}; will try again later\n")
    rig.send.send_signal(signal.SIGALRM)
    inject(rig, 1, "near.example")
    rig.wait_log("success")
    assert len(attempts(rig, "later.example")) == 1
    rig.file("info", n).parent.chmod(0o700)
    assert ask(rig, f"hold {n}") == "ok"
    assert note_of(rig, n)["k"] == b"1"


# --- who may ask ---

CLIENT = """
import socket, sys
with socket.socket(socket.AF_UNIX) as s:
    s.connect(sys.argv[1])
    s.sendall(sys.argv[2].encode() + b"\\n")
    data = b""
    while data != b"\\n" and not data.endswith(b"\\n\\n"):
        data += s.recv(4096)
    sys.stdout.write(data.decode())
"""


def ask_as(rig, uid, command):
    p = subprocess.run(["/usr/bin/python3", "-c", CLIENT, "run/send", command], cwd=rig.home, user=uid, group=uid,
                       extra_groups=[], capture_output=True, text=True, check=True)
    return p.stdout


@pytest.mark.skipif(ME != 0, reason="needs root: several uids")
def test_who_may(rig):
    """Everybody who can connect may look; qmail-send and root may act."""
    n = deferred(rig)
    (rig.home / "run/send").chmod(0o666)
    changes = [f"{c} {n}" for c in COMMANDS] + ["flush", "reload", "routes"]
    for command in changes:
        assert ask_as(rig, NOBODY - 1, command) == "error not permitted\n\n"
    for command in (f"info {n}", "status", "dests", "dest remote later.example"):
        assert not ask_as(rig, NOBODY - 1, command).startswith("error")
    assert ask_as(rig, NOBODY - 1, "nonsense") == "error not understood\n\n"
    assert "by uid" not in rig.log
    for command in changes[:2] + changes[5:]:
        assert ask_as(rig, NOBODY, command).startswith("ok")
    assert ask_as(rig, NOBODY, f"delete {n}") == "ok\n\n"
    rig.wait_log(f"deleted msg {n} by uid {NOBODY}\n")
    gone(rig, n)


# --- conversations ---

def read_answers(s, count):
    """So many answers; each ends with an empty line."""
    data = b""
    while data.count(b"\n\n") < count:
        got = s.recv(65536)
        assert got, data[-200:]
        data += got
    return data.decode().split("\n\n")[:-1]


def test_many_questions_at_once(rig):
    n = deferred(rig)
    with connect(rig) as s:
        asking = threading.Thread(target=s.sendall, args=[f"info {n}\ninfo 1\n".encode() * 5000])
        asking.start()
        got = read_answers(s, 10000)
        asking.join()
    assert set(got[::2]) == {ask(rig, f"info {n}")}
    assert got[1::2] == ["error no such message"] * 5000


def test_question_in_pieces(rig):
    with rig, connect(rig) as s:
        for piece in (b"sta", b"t", b"us\nno", b"nsense", b"\n"):
            s.sendall(piece)
            # another conversation shows that it was read
            ask(rig, "dests")
        got = read_answers(s, 2)
        assert got[0].startswith("messages 0\n") and got[1] == "error not understood"


def test_end_of_questions(rig):
    """What was asked before is answered, and half a question is none."""
    with rig, connect(rig) as s:
        s.sendall(b"routes\nstatus")
        s.shutdown(1)
        data = b""
        while got := s.recv(4096):
            data += got
        assert data == b"ok 0\n\n"


def test_long_lines(rig):
    with rig:
        assert say(rig, b"x" * 4095 + b"\n") == "error not understood\n\n"
        assert say(rig, b"dest remote " + b"x" * 4083 + b"\n") == "error no such destination\n\n"
        for end in (b"", b"\n"):
            assert say(rig, b"x" * 5000 + end) == ""
        assert ask(rig, "routes") == "ok 0"


GARBAGE = [b"", b" ", b"\0", b"\r", b"\xff\xfe" * 100, b"STATUS", b" status", b"status ", b"status x", b"statu",
           b"status\0", b"info", b"info ", b"info -1", b"info 1 2", b"info x", b"info 18446744073709551616",
           b"info  1", b"flush x", b"flush ", b"hold", b"release 1x", b"delete", b"delete *", b"bounce ", b"dests x",
           b"dest", b"dest remote", b"dest nowhere x", b"routes 1", b"reload 1"]


def test_garbage(rig):
    """Each line has an answer, and nothing else comes of it."""
    with rig, connect(rig) as s:
        s.sendall(b"".join(line + b"\n" for line in GARBAGE) + b"routes\n")
        got = read_answers(s, len(GARBAGE) + 1)
        assert dict(zip(GARBAGE, got)) == dict.fromkeys(GARBAGE, "error not understood")
        assert got[-1] == "ok 0"
        rig.stop_send()
    assert rig.log == "status: local 0/10 remote 0/20\nstatus: exiting\n"


def test_one_that_never_listens(rig):
    """It is not written to for ever, and holds nobody up."""
    n = deferred(rig)
    with connect(rig) as deaf:
        deaf.settimeout(1)
        sent = 0
        with pytest.raises(TimeoutError):
            while True:
                sent += deaf.send(f"info {n}\n".encode() * 1000)
        assert sent < 10e6
        inject(rig, 3, "near.example")
        rig.wait_log("success", 3)
        assert stage(rig, n) == "waiting"
        with open(f"/proc/{rig.send.pid}/status") as f:
            assert int(f.read().split("VmRSS:")[1].split()[0]) < 100000
    assert stage(rig, n) == "waiting"


def test_twenty_at_once(rig):
    """More than it talks to at a time: the others wait for their turn."""
    with rig:
        waiting = [connect(rig) for _ in range(20)]
        for s in waiting:
            s.sendall(b"status\n")
        for s in waiting:
            [got] = read_answers(s, 1)
            assert got.startswith("messages 0\n")
            s.close()
        answers = []
        talkers = [threading.Thread(target=lambda: answers.extend(ask(rig, "routes") for _ in range(20)))
                   for _ in range(20)]
        for t in talkers:
            t.start()
        for t in talkers:
            t.join()
        assert answers == ["ok 0"] * 400


def test_those_who_hang_up(rig):
    """In the middle of a question or an answer."""
    n = deferred(rig)
    for words in (b"", b"sta", b"status\n", f"info {n}\n".encode() * 500):
        for _ in range(20):
            with connect(rig) as s:
                s.sendall(words)
    inject(rig, 1, "near.example")
    rig.wait_log("success")
    assert stage(rig, n) == "waiting"

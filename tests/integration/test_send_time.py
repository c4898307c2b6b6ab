"""qmail-send over days: what is tried again, and when (contract queue.md
4.4). The program's clock is set ahead by the test."""
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from sendkit import BIN, denying, fresh_rig, ident, message, note_of, poll

pytestmark = [
    pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler"),
    pytest.mark.skipif(b"__asan_init" in (BIN / "qmail-send").read_bytes(),
                       reason="sanitizers want to be loaded first"),
]


@pytest.fixture(scope="module")
def library():
    with tempfile.TemporaryDirectory(prefix="facteur-shift-") as folder:
        os.chmod(folder, 0o755)
        out = Path(folder, "shift.so")
        subprocess.run(["cc", "-shared", "-fPIC", "-o", str(out),
                        str(Path(__file__).with_name("shift.c"))], check=True)
        out.chmod(0o755)
        yield out


@pytest.fixture
def rig(library):
    with fresh_rig() as r:
        r.ahead = 0
        r.preload["qmail-send"] = {"LD_PRELOAD": str(library),
                                   "SHIFT": str(r.home / "shift")}
        yield r


def pass_time(rig, seconds):
    rig.ahead += seconds
    # whole at any time: its reader does not wait for us
    new = rig.home / "shift.new"
    new.write_text(str(rig.ahead))
    new.chmod(0o644)
    new.rename(rig.home / "shift")
    rig.send.send_signal(signal.SIGHUP)  # wakes it up


def test_deferred_until_it_expires(rig):
    rig.verdict = lambda d: ("Z", b"later\n") if d.addr[:1] == b"r" else \
        ("K", b"")
    n = message(rig, b"s@far.example", [b"r@far.example"])
    birth = n // 1000000
    with rig:
        for count in range(1, 40):
            rig.wait_log("deferral: later/\n", count)
            due = int(note_of(rig, n)["m"])
            # the squares of 20, 40, 60...: attempts are made on time
            root = (due - birth) ** 0.5
            assert 20 * count <= root < 20 * count + 10
            if due > birth + 604800:
                break
            pass_time(rig, due - int(time.time()) - rig.ahead + 1)
        pass_time(rig, due - int(time.time()) - rig.ahead + 1)
        rig.wait_log("failure: later/I'm_not_going_to_try_again;_this_message"
                     "_has_been_in_the_queue_too_long./\n")
        rig.wait_empty()
    assert count >= 38
    assert rig.log.count(f"bounce msg {n} ") == 1


def test_not_a_second_early(rig):
    rig.verdict = lambda d: ("Z", b"later\n")
    message(rig, b"s@x", [b"l@local.example"], n=ident())
    with rig:
        rig.wait_log("deferral")
        pass_time(rig, 60)
        # something else shows that the loop has turned
        rig.inject(b"s@x", [b"m@local.example"])
        rig.wait_log("deferral", 2)
        assert rig.log.count("to local l@") == 1
        pass_time(rig, 60)
        rig.wait_log("deferral", 3)
        assert rig.log.count("to local l@") == 2


def test_bounce_is_tried_again(rig):
    rig.verdict = lambda d: ("D", b"no\n") if d.addr[:1] == b"r" else \
        ("K", b"")
    n = message(rig, b"s@far.example", [b"r@far.example"])
    rig.start_send()  # and no queue service
    for i in range(3):
        rig.wait_log("warning: trouble injecting bounce message", i + 1)
        pass_time(rig, 124)
    rig.start_queue()
    rig.wait_log("warning: trouble injecting bounce message", 4)
    pass_time(rig, 124)
    rig.wait_log(f"bounce msg {n}")
    rig.wait_empty()
    assert rig.log.count("to remote r@") == 1


def test_removal_is_tried_again(rig):
    n = ident() | 1
    n += 2 * (n % 23 == 0)  # the queue service looks whether 0 is writable
    message(rig, b"s@x", [b"l@local.example"], n=n)
    folder = rig.file("todo", n).parent
    folder.chmod(0o500)
    with rig:
        rig.wait_log(f"warning: qmail-clean unable to clean up foop/{n}\n")
        pass_time(rig, 124)
        rig.wait_log(f"warning: qmail-clean unable to clean up todo/{n}\n")
        folder.chmod(0o700)
        pass_time(rig, 124)
        rig.wait_empty()
        poll(lambda: not rig.ids("info"), "no note")
    assert len(rig.started) == 1
    assert rig.log.count("end msg") == 1


def test_envelope_that_cannot_be_read(rig):
    n = message(rig, b"s@x", [b"l@local.example"])
    m = message(rig, b"s@x", [b"m@local.example"])
    rig.file("todo", n).chmod(0)
    rig.file("mess", m).chmod(0)
    with rig:
        rig.wait_log(f"warning: trouble opening todo/{n % 23}/{n}; "
                     "will try again later\n")
        rig.wait_log(f"warning: trouble opening mess/{m % 23}/{m}; "
                     "will try again later\n")
        rig.file("todo", n).chmod(0o600)
        rig.file("mess", m).chmod(0o600)
        pass_time(rig, 124)
        rig.wait_empty()
    assert rig.log.count(f"new msg {m}\n") == 1
    assert "alert" not in rig.log


def test_it_looks_by_itself(rig):
    """contract 2.6: every 1500 seconds, if nobody pulls the trigger."""
    with rig:
        n = message(rig, b"s@x", [b"l@local.example"])
        pass_time(rig, 1400)
        rig.inject(b"s@x", [b"m@local.example"])
        poll(lambda: rig.ids("todo") == [n], "only the one it was told of")
        pass_time(rig, 101)
        rig.wait_empty()


def test_bounce_that_cannot_be_started(rig):
    """contract 7: no pipe, no child."""
    rig.verdict = lambda d: None if d.addr[:1] == b"r" else ("K", b"")
    n = message(rig, b"s@far.example", [b"r@far.example"])
    env = rig.preload["qmail-send"]
    deny = denying(rig.home)
    deny["LD_PRELOAD"] += ":" + env["LD_PRELOAD"]
    rig.preload["qmail-send"] = {**env, **deny}
    with rig:
        poll(lambda: rig.held, "a job")
        (rig.home / "pipe").touch()
        [[d]] = rig.held
        rig.spawners["remote"].answer(0, [(d, ("D", b"no\n"))])
        rig.wait_log("warning: unable to start qmail-queue, will try later\n")
        poll(lambda: rig.ids("info") == [n], "its failure is noted")
        (rig.home / "pipe").unlink()
        pass_time(rig, 124)
        rig.wait_log(f"bounce msg {n} ")
        rig.wait_empty()
    assert rig.log.count("to remote r@") == 1


def test_times_of_local_attempts(rig):
    """contract 4.4: local attempts, at 100, 400, 900... seconds."""
    rig.verdict = lambda d: ("Z", b"")
    n = message(rig, b"s@x", [b"l@local.example"])
    birth = n // 1000000
    with rig:
        for i in range(1, 12):
            rig.wait_log("deferral", i)
            due = poll(lambda: rig.ids("info") and
                       int(note_of(rig, n)["l"])) - birth
            root = round(due ** 0.5)
            # ten more each time, and what the machine took
            assert root ** 2 == due and 10 * i <= root < 10 * i + 8
            pass_time(rig, due + birth - int(time.time()) - rig.ahead + 1)

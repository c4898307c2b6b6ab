"""control/queuemin: no message comes in when the disk is nearly full."""
import os
import signal

import pytest

from rig import Rig, poll


def free(rig):
    v = os.statvfs(rig.home / "queue")
    return v.f_bavail * v.f_frsize, v.f_favail


def take(rig):
    return rig.inject(b"s@x", [b"joe@local.example"])


def log(rig):
    return (rig.home / "queue.log").read_text()


@pytest.fixture
def rig(tmp_path):
    made = Rig(tmp_path / "home")
    yield made
    made.stop()


def test_absent(rig):
    rig.start_queue()
    assert take(rig) == 0


def test_enough(rig):
    rig.control("queuemin", "1M 10\n")
    rig.start_queue()
    assert take(rig) == 0


@pytest.mark.parametrize("line", ["9999T", "1 99999999999999999"], ids=["bytes", "files"])
def test_too_little(rig, line):
    rig.control("queuemin", line + "\n")
    rig.start_queue()
    for _ in range(3):
        assert take(rig) == 53
    assert rig.ids("mess") == rig.ids("todo") == []
    # once a minute, not once a message
    assert log(rig).count("less is free than control/queuemin wants") == 1


def test_message_counts(rig):
    """What is left after the message was taken."""
    size = 64 * 1024 * 1024
    rig.control("queuemin", f"{free(rig)[0] - size // 2}\n")
    rig.start_queue()
    assert rig.inject(b"s@x", [b"joe@local.example"], b"x" * size) == 53
    assert rig.ids("mess") == []


def test_read_again(rig):
    rig.control("queuemin", "9999T\n")
    rig.start_queue()
    assert take(rig) == 53
    rig.control("queuemin", "nonsense\n")
    rig.queue.send_signal(signal.SIGHUP)
    poll(lambda: "unable to reread control/queuemin" in log(rig))
    assert take(rig) == 53
    (rig.home / "control/queuemin").unlink()
    rig.queue.send_signal(signal.SIGHUP)
    poll(lambda: take(rig) == 0, "mail comes in again")


@pytest.mark.parametrize("line", ["x", "1G x", "-1", "1G 1 1"])
def test_nonsense(rig, line):
    rig.control("queuemin", line + "\n")
    with open(rig.home / "queue.log", "ab") as f:
        p = rig.popen("qmail-queue", ["--resident"], stderr=f)
    assert p.wait(60) == 111
    assert "control/queuemin" in log(rig)

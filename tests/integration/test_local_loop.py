"""Loops, and messages that cannot be read. Oracle: contract local.md 10."""
import os

import pytest

from localrig import FORMS, LocalRig, M

LOOP = (100, "This message is looping: it already has my Delivered-To line. "
        "(#5.4.6)\n")
REWIND = (111, "Unable to rewind message. (#4.3.0)\n")
OK = (0, "did 1+0+0\n")


@pytest.fixture(params=FORMS)
def rig(tmp_path, request):
    rig = LocalRig(tmp_path, request.param)
    yield rig
    rig.close()


LONG = b"X: " + b"y" * 100 + b"\n"


@pytest.mark.parametrize("message, expected", [
    (b"Delivered-To: bob@h\n" + M, LOOP),
    (b"delivered-to: bob@h\n" + M, OK),
    (b"Delivered-To: BOB@h\n" + M, OK),
    (b"Delivered-To: bob@h \n" + M, OK),
    (b"Delivered-To: bob@h", OK),
    (b"x: y\n\nDelivered-To: bob@h\n", OK),
    (b"x: y\r\n\r\nDelivered-To: bob@h\n", LOOP),
    (LONG * 10000 + b"Delivered-To: bob@h\n" + M, LOOP),
    (LONG * 10000 + b"\nDelivered-To: bob@h\n" + M, OK),
], ids=["41", "41 field", "41 address", "41 blank", "no LF", "body", "CRLF",
        "far down", "far down in the body"])
def test_loop(rig, message, expected):  # 41
    assert rig.deliver(message, local="bob") == expected


def test_loop_comes_before_the_mailbox(rig):
    message = b"Delivered-To: bob-x@h\n\n"
    assert rig.deliver(message, local="bob-x", dash="-", ext="x") == LOOP


@pytest.mark.parametrize("n", range(65510, 65542))
def test_loop_across_pieces(tmp_path, n):
    rig = LocalRig(tmp_path)
    message = b"x" * n + b"\nDelivered-To: bob@h\n\n"
    assert rig.deliver(message, local="bob") == LOOP


def test_pipe(rig):  # 42
    r, w = os.pipe()
    os.write(w, M)
    os.close(w)
    assert rig.deliver_fd(r) == REWIND
    assert not (rig.home / "Mailbox").exists()
    os.close(r)


def test_closed(tmp_path):  # 42
    rig = LocalRig(tmp_path)
    assert rig.once(None, rig.operands(), preexec_fn=lambda: os.close(0)) == (
        REWIND)


def test_directory(rig, tmp_path):
    fd = os.open(tmp_path, os.O_RDONLY)
    assert rig.deliver_fd(fd) == (
        111, "Unable to read message: is a directory. (#4.3.0)\n")
    os.close(fd)

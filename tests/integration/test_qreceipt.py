"""qreceipt (contract local.md 4.1, oracle case 83)."""
import re
import subprocess

import pytest

from facteur import BIN, DEADLINE
from localrig import LocalRig

ASKED = b"Notice-Requested-Upon-Delivery-To: me@h\nMessage-ID: <1@x>\n\nbody\n"


@pytest.fixture
def box(tmp_path):
    return LocalRig(tmp_path)


def qreceipt(box, message=ASKED, *args, sender="s@x"):
    env = {**box.env, "SENDER": sender}
    if sender is None:
        del env["SENDER"]
    done = subprocess.run([BIN / "qreceipt", *(args or ["me@h"])], input=message, env=env, capture_output=True,
                          timeout=DEADLINE)
    assert done.stdout == b""
    return done.returncode, done.stderr


def test_case83_notice(box):
    assert qreceipt(box) == (0, b"")
    message, envelope = box.queued()
    assert envelope == b"F\0Ts@x\0\0"
    assert re.fullmatch(
        rb"Date: \d+ \w+ \d+ [\d:]+ -0000\nFrom: DELIVERY NOTICE SYSTEM <s@x>\nTo: <s@x>\nSubject: success notice\n"
        rb"Auto-Submitted: auto-replied\n\n.*\nme@h\n.*\nMessage-ID: <1@x>\n", message, re.S)


@pytest.mark.parametrize("field", [
    b"notice-requested-upon-delivery-to: me@h", b"NOTICE-REQUESTED-UPON-DELIVERY-TO:me@h",
    b"Notice-Requested-Upon-Delivery-To: a@b, Me <me@h>, c@d", b'Notice-Requested-Upon-Delivery-To: "me" (x) @ h',
    b"Notice-Requested-Upon-Delivery-To: group: a@b, me@h;", b"Notice-Requested-Upon-Delivery-To: a@b,\n me@h",
    b"Notice-Requested-Upon-Delivery-To: a@b\nNotice-Requested-Upon-Delivery-To: me@h",
    b"Notice-Requested-Upon-Delivery-To: \\me@h",
])
def test_case83_asked_for(box, field):
    assert qreceipt(box, field + b"\n\n") == (0, b"")
    assert box.runs() == 1
    assert b"Message-ID" not in box.queued().message


@pytest.mark.parametrize("message", [
    b"Notice-Requested-Upon-Delivery-To: ME@h\n\n", b"Notice-Requested-Upon-Delivery-To: me@H\n\n",
    b"Notice-Requested-Upon-Delivery-To: notme@h\n\n", b"Notice-Requested-Upon-Delivery-To:\n\n",
    b"\nNotice-Requested-Upon-Delivery-To: me@h\n", b"Subject: x\n\n" + ASKED, b"", b"\n", b"no field\n" + ASKED,
    b"X" * 3000000 + b": x\n" + ASKED,
], ids=lambda m: repr(m[:30]))
def test_case83_not_asked_for(box, message):
    assert qreceipt(box, message) == (0, b"")
    assert box.runs() == 0


@pytest.mark.parametrize("sender", ["", "#@[]"])
def test_case83_nobody_to_tell(box, sender):
    assert qreceipt(box, sender=sender) == (0, b"")
    assert qreceipt(box, b'Notice-Requested-Upon-Delivery-To: "x\n\n', sender=sender) == (0, b"")
    assert box.runs() == 0


@pytest.mark.parametrize("body", [b' "me@h', b" me@h (", b" me@[h"])
def test_case83_not_a_list(box, body):
    field = b"Notice-Requested-Upon-Delivery-To:" + body
    assert qreceipt(box, b"Subject: x\n" + field + b"\n\n") == (
        100, b"qreceipt: fatal: unable to parse this: " + field + b"\n")
    assert box.runs() == 0


def test_misused(box):
    assert qreceipt(box, sender=None) == (100, b"qreceipt: fatal: SENDER not set\n")
    done = subprocess.run([BIN / "qreceipt"], env=box.env, capture_output=True, input=b"")
    assert (done.returncode, done.stderr) == (100, b"qreceipt: usage: qreceipt deliveryaddress\n")


@pytest.mark.parametrize("stub, code, words", [(31, 100, b"permanent"), (53, 111, b"temporary")])
def test_not_queued(box, stub, code, words):
    (box.stub / "code").write_text(f"{stub}\n")
    assert qreceipt(box) == (code, b"qreceipt: fatal: " + words + b" qmail-queue error\n")


def test_strange_sender(box):
    """It is quoted in the header, and cannot add to it."""
    assert qreceipt(box, sender="a b\nBcc: c@d") == (0, b"")
    message, envelope = box.queued()
    assert envelope == b"F\0Ta b\nBcc: c@d\0\0"
    assert b"\nBcc" not in message.partition(b"\n\n")[0]


def test_in_a_qmail_file(box):
    box.file(".qmail", f"|{BIN}/qreceipt me@h\n./Mailbox\n")
    assert box.deliver(ASKED) == (0, "did 1+0+1\n")
    assert box.queued().envelope == b"F\0Ts@x\0\0" and b"body" in box.read("Mailbox")

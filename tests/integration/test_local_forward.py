"""Forwarding: one run of the queue at the end, with the right envelope.

Numbers are those of the oracle cases, contract local.md 10.
"""
import re
import subprocess

import pytest

from facteur import BIN
from localrig import DEADLINE, FORMS, LocalRig, M, ext_of
from rig import Rig


@pytest.fixture(params=FORMS)
def rig(tmp_path, request):
    rig = LocalRig(tmp_path, request.param)
    yield rig
    rig.close()


def envelope(sender, *recipients):
    return b"".join(b"%s\0" % s.encode() for s in
                    ["F" + sender, *("T" + r for r in recipients)]) + b"\0"


def test_99_after_forward(rig):  # 32
    rig.file(".qmail", "&a@b\n|exit 99\n&c@d\n./Mbox\n")
    result = rig.deliver()
    assert result.code == 0
    assert re.fullmatch(r"did 0\+1\+1\nqp \d+\n", result.text)
    assert rig.queued() == (b"Delivered-To: u@h\n" + M,
                            envelope("s@x", "a@b"))
    assert not (rig.home / "Mbox").exists()


def test_failure_sends_nothing(rig):  # 33
    rig.file(".qmail", "&a@b\n|exit 1\n")
    assert rig.deliver() == (111, "")
    assert rig.runs() == 0


@pytest.mark.parametrize("local, files, sender, newsender", [
    ("list", [], "s@x", "s@x"),
    ("List", ["-owner"], "s@x", "bob-List-owner@h"),
    ("list", ["-owner", "-owner-default"], "s@x", "bob-list-owner-@h-@[]"),
    ("list", ["-owner", "-owner-default"], "", ""),
    ("list", ["-owner", "-owner-default"], "#@[]", "#@[]"),
    ("list", ["-owner-default"], "s@x", "s@x"),
], ids=["none", "owner", "both", "empty sender", "double bounce",
        "only default"])
def test_newsender(rig, local, files, sender, newsender):  # 36
    rig.file(".qmail-list", "&r1@x\n|printenv NEWSENDER\n")
    for f in files:
        rig.file(".qmail-list" + f, "#\n")
    result = rig.deliver(local=f"bob-{local}", dash="-", ext=local,
                         sender=sender)
    assert result.code == 0
    assert result.text.split("\n")[0] == newsender
    assert rig.queued().envelope == envelope(newsender, "r1@x")


def test_owner_of_the_address_itself(rig):  # 37
    for name in (".qmail-owner", ".qmail-default-owner"):
        rig.file(name, "#\n")
    rig.file(".qmail-default", "&a@b\n")
    who = {"local": "bob-zzz", "dash": "-", "ext": "zzz"}
    assert rig.deliver(**who).code == 0
    assert rig.queued().envelope == envelope("s@x", "a@b")
    (rig.home / ".qmail-zzz-owner").mkdir()  # any kind of file will do
    assert rig.deliver(**who).code == 0
    assert rig.queued().envelope == envelope("bob-zzz-owner@h", "a@b")


def test_owner_without_extension(rig):
    rig.file(".qmail-owner", "#\n")
    rig.file(".qmail", "&a@b\n")
    assert rig.deliver(local="Bob").code == 0
    assert rig.queued().envelope == envelope("Bob-owner@h", "a@b")


def test_order_and_repetition(rig):  # 38
    rig.file(".qmail", "&r1\nr2\n&r1\n")
    assert rig.deliver().text.startswith("did 0+3+0\nqp ")
    assert rig.runs() == 1
    assert rig.queued().envelope == envelope("s@x", "r1", "r2", "r1")


@pytest.mark.parametrize("stub, code, reason", [
    (11, 100, "envelope address too long for qq (#5.1.3)"),
    (12, 100, "qq permanent problem (#5.3.0)"),
    (31, 100, "mail server permanently rejected message (#5.3.0)"),
    (40, 100, "qq permanent problem (#5.3.0)"),
    (41, 111, "qq temporary problem (#4.3.0)"),
    (51, 111, "qq out of memory (#4.3.0)"),
    (53, 111, "qq write error or disk full (#4.3.0)"),
    (54, 111, "qq read error (#4.3.0)"),
    (62, 111, "qq trouble creating files in queue (#4.3.0)"),
    (71, 111, "mail server temporarily rejected message (#4.3.0)"),
    (81, 111, "qq internal bug (#4.3.0)"),
    (91, 111, "qq internal bug (#4.3.0)"),
    (111, 111, "qq temporary problem (#4.3.0)"),
    (115, 100, "envelope address too long for qq (#5.1.3)"),
    (120, 111, "unable to exec qq (#4.3.0)"),
])
def test_refused(rig, stub, code, reason):  # 39
    rig.file(".qmail", "&a@b\n")
    (rig.stub / "code").write_text(f"{stub}\n")
    assert rig.deliver() == (code, f"Unable to forward message: {reason}.\n")


@pytest.mark.parametrize("said, code, reason", [
    ("Dmy custom reason", 100, "my custom reason"),
    ("Zmy temp", 111, "my temp"),
    ("D", 111, "qq temporary problem (#4.3.0)"),
])
def test_custom_text(rig, said, code, reason):  # 40
    rig.file(".qmail", "&a@b\n")
    (rig.stub / "code").write_text("82\n")
    (rig.stub / "text").write_text(said)
    assert rig.deliver() == (code, f"Unable to forward message: {reason}.\n")


def test_many(rig):  # 52
    rig.file(".qmail", "".join(f"&r{i}@x\n" for i in range(3000)))
    assert rig.deliver().text.startswith("did 0+3000+0\nqp ")
    assert rig.runs() == 1
    assert rig.queued().envelope == envelope(
        "s@x", *(f"r{i}@x" for i in range(3000)))


def test_big_message(rig):
    big = b"Subject: x\n\n" + b"0123456789abcde\n" * 40000
    assert rig.deliver(big, default="&a@b").code == 0
    assert rig.queued().message == b"Delivered-To: u@h\n" + big


def test_address_ends_at_nul(rig):
    rig.file(".qmail", b"&a@b\0c\n&\n")
    assert rig.deliver().code == 0
    assert rig.queued().envelope == envelope("s@x", "a@b", "")


def test_queue_program_sees_the_delivery(rig):
    rig.file(".qmail-x", "&a@b\n")
    assert rig.deliver(**ext_of("x")).code == 0
    env = (rig.stub / "env").read_text().splitlines()
    assert "EXT=x" in env and "NEWSENDER=s@x" in env
    assert f"PWD={rig.qh}" in env


def test_no_queue(rig, tmp_path):
    del rig.env["QMAILQUEUE"]
    rig.file(".qmail", "&a@b\n")
    assert rig.deliver() == (111, "Unable to forward message: "
                             "qq trouble creating files in queue (#4.3.0).\n")
    rig.close()
    rig.env["QMAILHOME"] = str(tmp_path / "gone")
    assert rig.deliver() == (111, "Unable to forward message: "
                             "qq trouble in home directory (#4.3.0).\n")


def test_queue_service(rig, tmp_path):
    """Into a real queue: both files, and the number that is logged."""
    core = Rig(tmp_path / "core")
    core.start_queue()
    try:
        del rig.env["QMAILQUEUE"]
        rig.env["QMAILHOME"] = str(core.home)
        big = M + b"x" * 400000
        for message in (M, big):
            result = rig.deliver(message, default="&a@b\n&c@d")
            assert result.code == 0
            qp = re.fullmatch(r"did 0\+2\+0\nqp (\d+)\n", result.text)[1]
            [mess] = core.home.glob("queue/mess/*/*")
            [todo] = core.home.glob("queue/todo/*/*")
            content = mess.read_bytes()
            received, _, rest = content.partition(b"\n")
            assert b"qmail %s invoked by" % qp.encode() in received
            assert rest == b"Delivered-To: u@h\n" + message
            assert b"a@b" in todo.read_bytes() and b"c@d" in todo.read_bytes()
            mess.unlink()
            todo.unlink()
    finally:
        core.stop()


# the program


def forward(rig, *addresses, input=M, **env):
    return subprocess.run(
        [BIN / "forward", *addresses], input=input, timeout=DEADLINE,
        env={**rig.env, **env}, capture_output=True)


LINES = {"NEWSENDER": "new@x", "DTLINE": "Delivered-To: me@h\n"}


@pytest.fixture
def box(tmp_path):
    return LocalRig(tmp_path)


def test_program(box):  # 75
    r = forward(box, "a@b", "c", **LINES)
    assert (r.returncode, r.stdout) == (0, b"")
    assert re.fullmatch(rb"forward: qp \d+\n", r.stderr)
    assert box.queued() == (b"Delivered-To: me@h\n" + M,
                            envelope("new@x", "a@b", "c"))


@pytest.mark.parametrize("missing", ["NEWSENDER", "DTLINE"])
def test_program_without_variables(box, missing):  # 75
    r = forward(box, "a@b", **{k: v for k, v in LINES.items()
                               if k != missing})
    assert (r.returncode, r.stderr) == (
        100, b"forward: fatal: %s not set\n" % missing.encode())


def test_program_without_addresses(box):
    assert forward(box, **LINES).returncode == 0
    assert box.queued().envelope == envelope("new@x")


@pytest.mark.parametrize("stub, code, reason", [
    (31, 100, "mail server permanently rejected message (#5.3.0)"),
    (53, 111, "qq write error or disk full (#4.3.0)"),
])
def test_program_refused(box, stub, code, reason):
    (box.stub / "code").write_text(f"{stub}\n")
    r = forward(box, "a@b", **LINES)
    assert (r.returncode, r.stderr.decode()) == (
        code, f"forward: fatal: {reason}\n")


def test_program_reads_from_where_it_stands(rig):
    rig.file(".qmail", f"|head -c 10 >/dev/null; {BIN}/forward a@b\n"
             f"|dd bs=1 count=10 of=/dev/null 2>/dev/null; {BIN}/forward a\n")
    result = rig.deliver()
    assert result.code == 0
    assert re.fullmatch(r"(forward: qp \d+\n){2}did 0\+0\+2\n", result.text)
    assert rig.runs() == 2
    assert rig.queued() == (b"Delivered-To: u@h\n" + M[10:],
                            envelope("s@x", "a"))

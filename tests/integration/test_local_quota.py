"""Quotas of maildirs (Maildir++): maildirsize and control/maildirquota."""
import os
import re
import subprocess
import time

import pytest

from facteur import ROOT
from localrig import FORMS, M, LocalRig, ext_of

SIZE = len(b"Return-Path: <s@x>\nDelivered-To: u@h\n" + M)
OK = (0, "did 1+0+0\n")
LATER = (111, "Sorry, mailbox full. (#4.2.2)\n")
NEVER = (100, "Sorry, mailbox full. (#5.2.2)\n")
MAILDIR = {"default": "./Maildir/"}


@pytest.fixture(params=FORMS)
def rig(tmp_path, request):
    rig = LocalRig(tmp_path, request.param)
    (rig.qh / "control").mkdir()
    rig.maildir()
    yield rig
    rig.close()


def control(rig, text):
    (rig.qh / "control/maildirquota").write_text(text)


def maildirsize(rig, text, age=0, name="Maildir"):
    path = rig.home / name / "maildirsize"
    path.write_text(text)
    os.utime(path, (time.time() - age,) * 2)
    return path


def lines(rig):
    return (rig.home / "Maildir/maildirsize").read_text().splitlines()


def test_none(rig):
    assert rig.deliver(**MAILDIR) == OK
    assert sorted(os.listdir(rig.home / "Maildir")) == ["cur", "new", "tmp"]


def test_appended(rig):
    maildirsize(rig, "1000000S,1000C\n100 1\n")
    assert rig.deliver(**MAILDIR) == OK
    assert rig.deliver(b"", **MAILDIR) == OK
    assert lines(rig) == ["1000000S,1000C", "100 1", f"{SIZE} 1",
                          f"{SIZE - len(M)} 1"]


@pytest.mark.parametrize("quota, used, fits", [
    (f"{SIZE}S", "0 0", True), (f"{SIZE - 1}S", "0 0", False),
    (f"{SIZE + 5}S", "5 1", True), (f"{SIZE + 5}S", "6 1", False),
    ("2C", "5 1", True), ("2C", "5 2", False), ("2C", "5 9\n-1 -8", True),
    (f"{SIZE}S,0C", "0 99", True), ("0S,1C", "9999999 0", True),
    ("1X", "5 5", True), ("", "5 5", True),
    ("281474976710656S", "281474976710656 1", False),
])
def test_limits(rig, quota, used, fits):
    maildirsize(rig, f"{quota}\n{used}\n")
    assert rig.deliver(**MAILDIR) == (OK if fits else LATER)
    assert len(rig.new()) == fits
    assert len(lines(rig)) == 1 + len(used.split("\n")) + fits


def test_big_message(rig):
    maildirsize(rig, "100000S\n0 0\n")
    assert rig.deliver(b"x" * 200000, **MAILDIR) == LATER
    assert rig.deliver(b"x" * 99900, **MAILDIR) == OK


@pytest.mark.parametrize("text", ["bounce\n", "1C bounce", "bounce 1C\n"])
def test_bounce(rig, text):
    control(rig, text)
    maildirsize(rig, "1C\n1 1\n")
    assert rig.deliver(**MAILDIR) == NEVER


@pytest.mark.parametrize("text", ["2C\n", "2C defer", "defer 2C  # x\n"[:9]])
def test_default(rig, text):
    control(rig, text)
    old = rig.home / "Maildir/cur/1.x:2,S"
    old.write_bytes(b"1234")
    assert rig.deliver(**MAILDIR) == OK
    assert lines(rig) == ["2C", "4 1", f"{SIZE} 1"]
    assert rig.deliver(**MAILDIR) == LATER
    assert not os.listdir(rig.home / "Maildir/tmp")


def test_own_quota_wins(rig):
    control(rig, "1C bounce")
    maildirsize(rig, "3C\n1 1\n")
    assert rig.deliver(**MAILDIR) == OK
    assert rig.deliver(**MAILDIR) == OK
    assert rig.deliver(**MAILDIR) == NEVER


@pytest.mark.parametrize("text", ["x", "1S,2", "1S 2C", "-1S", "1S,",
                                  "bounce defer", "1000M", "9" * 30 + "S"])
def test_bad_control(rig, text):
    control(rig, text)
    if text == "1S,":  # a comma at the end is no mistake
        assert rig.deliver(**MAILDIR) == LATER
        return
    assert rig.deliver(**MAILDIR) == (
        111, "Uh-oh: control/maildirquota is malformed. (#4.3.5)\n")
    assert rig.new() == []


def test_control_is_a_folder(rig):
    (rig.qh / "control/maildirquota").mkdir()
    assert rig.deliver(**MAILDIR) == (
        111, "Unable to read control/maildirquota: is a directory. "
        "(#4.3.0)\n")
    (rig.qh / "control/maildirquota").rmdir()
    assert rig.deliver(**MAILDIR) == OK


@pytest.mark.parametrize("text", ["x\n", "1S,x\n1 1\n", "12\n", "S\n"])
def test_bad_file(rig, text):
    maildirsize(rig, text)
    assert rig.deliver(**MAILDIR) == (
        111, "Uh-oh: maildirsize is malformed. (#4.3.5)\n")
    assert rig.new() == []


def test_file_of_another_kind(rig):
    os.mkfifo(rig.home / "Maildir/maildirsize")
    assert rig.deliver(**MAILDIR) == (
        111, "Uh-oh: maildirsize is malformed. (#4.3.5)\n")


@pytest.mark.parametrize("body", ["junk\n", "1 x\n", "5\n", "1 1 1\n"])
def test_bad_lines_are_counted_anew(rig, body):
    maildirsize(rig, "10C\n" + body)
    assert rig.deliver(**MAILDIR) == OK
    assert lines(rig) == ["10C", "0 0", f"{SIZE} 1"]


def fill(rig):
    """What counts is 1000 + 20 + 7 bytes in 3 files."""
    maildir = rig.home / "Maildir"
    rig.maildir("Maildir/.Sub")
    rig.maildir("Maildir/.Trash")
    for name, content in [("new/1.a,S=1000", "x"),
                          ("cur/2.b,S=20,W=21:2,FS", ""),
                          ("cur/3.c,S=5000:2,ST", ""),
                          (".Sub/cur/4.d:2,S", "1234567"),
                          (".Trash/cur/5.e,S=9000:2,S", ""),
                          ("tmp/6.f,S=9000", ""), ("new/.hidden", "xx")]:
        (maildir / name).write_text(content)
    (maildir / ".file").write_text("x")


@pytest.mark.parametrize("text, age", [
    ("10C\n" + "10 1\n" * 1100, 0),
    ("10C\n99999 99\n", 1000),
], ids=["long", "full and old"])
def test_counted_anew(rig, text, age):
    fill(rig)
    maildirsize(rig, text, age)
    assert rig.deliver(**MAILDIR) == OK
    assert lines(rig) == ["10C", "1027 3", f"{SIZE} 1"]
    assert os.listdir(rig.home / "Maildir/tmp") == ["6.f,S=9000"]


def test_full_and_fresh(rig):
    fill(rig)
    maildirsize(rig, "10C\n99999 99\n", 60)
    assert rig.deliver(**MAILDIR) == LATER
    assert lines(rig) == ["10C", "99999 99"]


def test_full_after_all(rig):
    fill(rig)
    maildirsize(rig, "3C\n99 99\n", 1000)
    assert rig.deliver(**MAILDIR) == LATER
    assert lines(rig) == ["3C", "1027 3"]


def test_folder_counts_for_its_maildir(rig):
    fill(rig)
    (rig.home / "Maildir/.Sub/maildirfolder").touch()
    maildirsize(rig, "1C\n0 0\n")
    assert rig.deliver(default="./Maildir/.Sub/") == OK
    assert lines(rig) == ["1C", "0 0", f"{SIZE} 1"]
    assert rig.deliver(default="./Maildir/.Sub//") == LATER


def test_hidden_maildir_is_no_folder(rig):
    rig.maildir(".mail")
    maildirsize(rig, "1C\n0 0\n", name=".mail")
    assert rig.deliver(default="./.mail/") == OK
    assert rig.deliver(default="./.mail/") == LATER


def test_cannot_be_replaced(rig):
    """Counted, even if it cannot be written down."""
    maildirsize(rig, "1C\njunk\n")
    (rig.home / "Maildir/tmp").rmdir()
    assert rig.deliver(**MAILDIR)[0] == 111
    (rig.home / "Maildir/new/1.x").touch()
    assert rig.deliver(**MAILDIR) == LATER


def test_no_maildir(rig):
    control(rig, "1C")
    assert rig.deliver(default="./none/") == (
        111, "Unable to chdir to maildir. (#4.2.1)\n")
    rig.file("file", "")
    assert rig.deliver(default="./file/") == (
        111, "Unable to chdir to maildir. (#4.2.1)\n")


def test_together_with_other_lines(rig):
    maildirsize(rig, "1C\n1 1\n")
    rig.file(".qmail-x", "./Mbox\n./Maildir/\n&a@b\n")
    assert rig.deliver(**ext_of("x")) == LATER
    assert (rig.home / "Mbox").exists() and rig.runs() == 0


def test_corrected(rig):
    control(rig, "1000M")
    assert rig.deliver(**MAILDIR)[0] == 111
    control(rig, "1C")
    assert rig.deliver(**MAILDIR) == OK
    assert lines(rig)[0] == "1C"


def test_worker_reads_the_control_file_once_a_minute(tmp_path):
    lib, shift = tmp_path / "shift.so", tmp_path / "shift"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", lib,
                    ROOT / "tests/integration/shift.c"], check=True)
    rig = LocalRig(tmp_path, "resident",
                   {"LD_PRELOAD": str(lib), "SHIFT": str(shift)})
    (rig.qh / "control").mkdir()
    rig.maildir()
    assert rig.deliver(**MAILDIR) == OK
    control(rig, "1C")
    assert rig.deliver(**MAILDIR) == OK
    shift.write_text("61\n")
    assert rig.deliver(**MAILDIR) == LATER
    rig.close()
    assert re.fullmatch(r"1C\n\d+ 2\n",
                        (rig.home / "Maildir/maildirsize").read_text())

"""Lines "folder:MAILDIR/": the end of an address names a folder."""
import os

import pytest

from localrig import FORMS, LocalRig, ext_of

OK = (0, "did 1+0+0\n")
LINE = "folder:./Maildir/\n"


@pytest.fixture(params=FORMS)
def rig(tmp_path, request):
    rig = LocalRig(tmp_path, request.param)
    for name in ("Maildir", "Maildir/.lists", "Maildir/.Work",
                 "Maildir/.work.boss", "Maildir/.Trash"):
        rig.maildir(name)
    yield rig
    rig.close()


def where(rig):
    """The folder that has got the message, which is removed."""
    [path] = rig.home.rglob("new/*")
    path.unlink()
    return path.parent.parent.relative_to(rig.home).as_posix()


@pytest.mark.parametrize("ext, folder", [
    ("lists", ".lists"), ("LISTS", ".lists"), ("Work", ".Work"),
    ("work", ""), ("work.boss", ".work.boss"), ("Work.Boss", ".work.boss"),
    ("none", ""), ("", ""), (".", ""), ("..", ""), ("../Maildir", ""),
    (".lists", ""), ("lists.", ""), ("lists/new", ""), ("lists/../..", ""),
    ("trash", ""), ("Trash", ""), ("\xe4", ""), ("x" * 64, ""),
    ("x" * 65, ""), ("x" * 5000, ""), ("new", ""), ("lists\n", ""),
])
def test_names(rig, ext, folder):
    rig.file(".qmail-default", LINE)
    before = {p for p in rig.home.rglob("*") if p.is_dir()}
    assert rig.deliver(**ext_of(ext)) == OK
    assert where(rig) == f"Maildir/{folder}".rstrip("/")
    assert {p for p in rig.home.rglob("*") if p.is_dir()} == before


def test_what_default_stands_for(rig):
    rig.file(".qmail-box-default", LINE)
    rig.file(".qmail-lists", LINE)
    assert rig.deliver(**ext_of("box-lists")) == OK
    assert where(rig) == "Maildir/.lists"
    assert rig.deliver(**ext_of("lists")) == OK
    assert where(rig) == "Maildir/.lists"


def test_default_delivery(rig):
    assert rig.deliver(default=LINE) == OK
    assert where(rig) == "Maildir"
    rig.file(".qmail-default", "")
    assert rig.deliver(default=LINE, **ext_of("lists")) == OK
    assert where(rig) == "Maildir/.lists"


def test_no_folder_after_all(rig):
    """A file of that name is no folder."""
    rig.file(".qmail-default", LINE)
    rig.file("Maildir/.x", "")
    assert rig.deliver(**ext_of("x")) == OK
    assert where(rig) == "Maildir"
    os.symlink("nowhere", rig.home / "Maildir/.y")
    assert rig.deliver(**ext_of("y")) == OK
    assert where(rig) == "Maildir"


@pytest.mark.parametrize("line", ["folder:", "folder:Maildir/",
                                  "folder:./Mailbox"])
def test_no_maildir(rig, line):
    assert rig.deliver(default=line) == (
        111, "Uh-oh: .qmail has a folder line without a maildir. (#4.3.5)\n")


def test_described(rig):
    rig.file(".qmail-default", LINE)
    assert rig.describe(**ext_of("lists")) == (
        0, "folder ./Maildir/\ndid 1+0+0\n", "")
    rig.file(".qmail-default", LINE, 0o700)
    assert rig.deliver(**ext_of("lists")) == (
        111, "Uh-oh: .qmail has file delivery but has x bit set. (#4.7.0)\n")


def test_quota_of_the_maildir(rig):
    (rig.home / "Maildir/maildirsize").write_text("1C\n0 0\n")
    (rig.home / "Maildir/.lists/maildirfolder").touch()
    rig.file(".qmail-default", LINE)
    assert rig.deliver(**ext_of("lists")) == OK
    assert rig.deliver(**ext_of("lists")) == (
        111, "Sorry, mailbox full. (#4.2.2)\n")

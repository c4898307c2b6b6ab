"""qmail-local -n: which file is used, and what its lines mean.

Numbers are those of the oracle cases, contract local.md 10.
"""
import os
import shutil
import subprocess
import tempfile

import pytest

from facteur import BIN
from localrig import LocalRig, ext_of

USAGE = ("qmail-local: usage: qmail-local [ -nN ] user homedir local dash "
         "ext domain sender aliasempty\n")
BLANK = "Uh-oh: first line of .qmail file is blank. (#4.2.1)\n"
X_FILE = "Uh-oh: .qmail has file delivery but has x bit set. (#4.7.0)\n"
X_PROG = "Uh-oh: .qmail has prog delivery but has x bit set. (#4.7.0)\n"
NOBODY_HERE = "Sorry, no mailbox here by that name. (#5.1.1)\n"
DEFAULT = "mbox ./Mailbox\ndid 1+0+0\n"


@pytest.fixture
def rig(tmp_path):
    return LocalRig(tmp_path)


def test_no_files(rig):
    assert rig.describe() == (0, DEFAULT, "")  # 1
    assert rig.describe(**ext_of("foo")) == (100, "", NOBODY_HERE)  # 2


@pytest.mark.parametrize("default, expected", [
    ("|dot-forward .forward\n./Mailbox",
     (0, "program dot-forward .forward\nmbox ./Mailbox\ndid 1+0+1\n", "")),
    ("", (111, "", BLANK)),
    ("\n./Mailbox", (111, "", BLANK)),
    ("# only\n# comments", (0, "did 0+0+0\n", "")),
    ("./Maildir/", (0, "maildir ./Maildir/\ndid 1+0+0\n", "")),
], ids=["3", "4", "blank first line", "comments", "maildir"])
def test_default_delivery(rig, default, expected):
    assert rig.describe(default=default) == expected


@pytest.mark.parametrize("content, mode, code, out, err", [
    ("# c\n|cmd x \t\n&a@b\nc@d\n./Mbox\n./Maildir/\n/abs/Mbox\n/abs/Md/  \n"
     "+foo\n\n  \n e@f\n", 0o600, 0,
     "program cmd x\nforward a@b\nforward c@d\nmbox ./Mbox\n"
     "maildir ./Maildir/\nmbox /abs/Mbox\nmaildir /abs/Md/\nforward  e@f\n"
     "did 4+3+1\n", ""),
    ("  \t \n&a@b\n", 0o600, 111, "", BLANK),
    ("#\n\n&a@b\n", 0o600, 0, "forward a@b\ndid 0+1+0\n", ""),
    ("&a@b", 0o600, 0, "forward a@b\ndid 0+1+0\n", ""),
    ("&a@b\n+list\n./Mailbox\n", 0o600, 111, "forward a@b\n", X_FILE),
    ("|p\n+list\n&a@b\n", 0o600, 0, "program p\nforward a@b\ndid 0+1+1\n",
     ""),
    ("|p\n", 0o700, 111, "", X_PROG),
    ("", 0o700, 0, DEFAULT, ""),
    ("|p\n", 0o610, 0, "program p\ndid 0+0+1\n", ""),
    ("|p\n", 0o602, 111, "",
     "Uh-oh: .qmail file is writable. (#4.7.0)\n"),
    ("|p\n", 0o620, 0, "program p\ndid 0+0+1\n", ""),
    (".\n/\n..\n", 0o600, 0, "mbox .\nmaildir /\nmbox ..\ndid 3+0+0\n", ""),
    ("./Mailbox\n", 0o700, 111, "", X_FILE),
    ("&a@b\n", 0o700, 0, "forward a@b\ndid 0+1+0\n", ""),
    ("|p\n+list\n|q\n", 0o600, 111, "program p\n", X_PROG),
    ("\n./Mailbox\n", 0o600, 111, "", BLANK),
    ("\0./Mailbox\n", 0o600, 111, "", BLANK),
    ("#\n\0x\n./a\0b\n", 0o600, 0, "mbox ./a\0b\ndid 1+0+0\n", ""),
    ("./Mailbox\r\n", 0o600, 0, "mbox ./Mailbox\r\ndid 1+0+0\n", ""),
    ("&\n", 0o600, 0, "forward \ndid 0+1+0\n", ""),
], ids=["5", "6", "7", "8", "9", "10", "11", "12", "13", "14 writable",
        "14 group", "17", "x bit and file", "x bit and forward",
        "prog behind +list", "blank", "NUL first", "NUL inside", "CR",
        "empty address"])
def test_file(rig, content, mode, code, out, err):
    rig.file(".qmail", content, mode)
    assert rig.describe() == (code, out, err)


@pytest.mark.parametrize("mode, code, out, err", [
    (0o757, 111, "", "Uh-oh: home directory is writable. (#4.7.0)\n"),
    (0o1757, 111, "", "Uh-oh: home directory is writable. (#4.7.0)\n"),
    (0o1755, 0, "program p\ndid 0+0+1\n",
     "Warning: home directory is sticky.\n"),
    (0o775, 0, "program p\ndid 0+0+1\n", ""),
], ids=["15", "15 sticky, too", "16", "group may write"])
def test_home(rig, mode, code, out, err):
    rig.file(".qmail", "|p\n")
    rig.home.chmod(mode)
    assert rig.describe() == (code, out, err)


def test_search(rig):  # 18
    for name in ("-a-b", "-a-default", "-default"):
        rig.file(".qmail" + name, f"|{name}\n")
    wanted = [("a", "-default"), ("a-b", "-a-b"), ("a-b-", "-a-default"),
              ("a-b-c", "-a-default"), ("a-c", "-a-default"),
              ("x", "-default"), ("", "-default"), ("A-B", "-a-b"),
              ("DEFAULT", "-default")]
    for ext, program in wanted:
        assert rig.describe(**ext_of(ext)) == (
            0, f"program {program}\ndid 0+0+1\n", ""), ext


@pytest.mark.parametrize("files, dash, ext, used", [
    ([".qmail-x:y"], "-", "x.y", ".qmail-x:y"),
    ([".qmail-x:y"], "-", "X.Y", ".qmail-x:y"),
    ([".qmail-x:y"], "-", "x:y", ".qmail-x:y"),
    ([".qmail-UP", ".qmail-default"], "-", "UP", ".qmail-default"),
    ([".qmail-d/e", ".qmail-default"], "-", "d/e", ".qmail-d/e"),
    ([".qmail-d/e", ".qmail-default"], "-", "d", ".qmail-default"),
    ([".qmail-/foo", ".qmail-/default"], "-/", "foo", ".qmail-/foo"),
    ([".qmail-/foo", ".qmail-/default"], "-/", "bar", ".qmail-/default"),
    ([".qmail-/foo", ".qmail-/default"], "-/", "a-b", ".qmail-/default"),
    ([".qmailfoo"], "", "foo", ".qmailfoo"),
    ([".qmaildefault"], "", "", ".qmaildefault"),
    ([".qmail", ".qmaildefault"], "", "", ".qmail"),
    ([".qmail+a"], "+", "A", ".qmail+a"),
    ([".qmail-default"], "-", "a-" * 500, ".qmail-default"),
], ids=["19 x.y", "19 X.Y", "19 x:y", "20", "21", "21 a directory",
        "22 foo", "22 bar", "22 a-b", "23", "default of nothing", "exact",
        "another dash", "a name too long"])
def test_names(rig, files, dash, ext, used):
    for name in files:
        (rig.home / name).parent.mkdir(exist_ok=True)
        rig.file(name, f"|{name}\n")
    assert rig.describe(dash=dash, ext=ext) == (
        0, f"program {used}\ndid 0+0+1\n", "")


def test_no_dash_and_no_file(rig):  # 23
    assert rig.describe(dash="", ext="bar") == (0, DEFAULT, "")


def test_links_are_followed(rig, tmp_path):
    (tmp_path / "elsewhere").write_text("|linked\n")
    (tmp_path / "elsewhere").chmod(0o600)
    os.symlink(tmp_path / "elsewhere", rig.home / ".qmail-list")
    os.symlink("nowhere", rig.home / ".qmail-gone")
    os.symlink(".qmail-loop", rig.home / ".qmail-loop")
    rig.file(".qmail-default", "|default\n")
    os.mkfifo(rig.home / ".qmail-fifo")
    for ext, program in [("list", "linked"), ("gone", "default"),
                         ("loop", "default"), ("fifo", "default")]:
        assert rig.describe(**ext_of(ext)) == (
            0, f"program {program}\ndid 0+0+1\n", "")


def test_unreadable():  # 24
    base = tempfile.mkdtemp()
    try:
        os.chmod(base, 0o755)
        rig = LocalRig(base)
        rig.file(".qmail-perm", "|p\n", 0o000)
        rig.file(".qmail-default", "|p\n", 0o644)
        become = {}
        if os.geteuid() == 0:
            become = {"user": 54321, "group": 54321, "extra_groups": []}
        # the program may stand where that user cannot reach it
        program = shutil.copy(BIN / "qmail-local", base)
        r = subprocess.run(
            [program, "-n", *rig.operands(**ext_of("perm"))],
            capture_output=True, text=True, timeout=60, cwd="/", **become)
        assert (r.returncode, r.stdout, r.stderr) == (
            111, "",
            "Unable to open .qmail-perm: access denied. (#4.3.0)\n")
    finally:
        shutil.rmtree(base)


def test_bad_home(rig):  # 25
    assert rig.describe(home="relative") == (100, "", USAGE)
    assert rig.describe(home="/nonexistent") == (
        111, "", "Unable to switch to /nonexistent: file does not exist. "
        "(#4.3.0)\n")


@pytest.mark.parametrize("argv, code, err", [
    ([], 100, USAGE),
    (["-x"], 100, "qmail-local: illegal option -- x\n" + USAGE),
    (["-n", "1", "/", "3", "4", "5", "6", "7"], 100, USAGE),
    (["-n", "1", "/", "3", "4", "5", "6", "7", "8", "9"], 100, USAGE),
    (["--resident", "more"], 100,
     "qmail-local: illegal option -- -\n" + USAGE),
], ids=["26 none", "26 -x", "seven", "nine", "resident with operands"])
def test_usage(argv, code, err):
    r = subprocess.run([BIN / "qmail-local", *argv], capture_output=True,
                       text=True, stdin=subprocess.DEVNULL, timeout=60)
    assert (r.returncode, r.stdout, r.stderr) == (code, "", err)


def test_last_option_wins(rig):
    assert rig.describe("-Nn")[:2] == (0, DEFAULT)
    r = subprocess.run(
        [BIN / "qmail-local", "-nN", *rig.operands(default="|exit 100")],
        stdin=subprocess.DEVNULL, timeout=60)
    assert r.returncode == 100


def test_describe_needs_no_message(rig):
    r = subprocess.run(
        ["/bin/sh", "-c", '"$@" <&-', "sh", BIN / "qmail-local", "-n",
         *rig.operands()], capture_output=True, text=True, timeout=60)
    assert (r.returncode, r.stdout, r.stderr) == (0, DEFAULT, "")

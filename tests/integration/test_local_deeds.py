"""The oracle cases that qmail-local -n describes, carried out by both forms:
what -n says and what is done are the same. Numbers: contract local.md 10.

Programs are stand-ins that say how they were called; the deeds are the
messages in each mailbox, the addresses forwarded to, and these words.
"""
import os
import shutil
import subprocess
import tempfile

import pytest

from facteur import BIN
from localrig import DEADLINE, FORMS, M, LocalRig, Worker, ext_of, work_frame
from test_local_describe import BLANK, NOBODY_HERE, USAGE, X_FILE, X_PROG

SAYS = '#!/bin/sh\necho "${0##*/} $*"\n'


@pytest.fixture(params=FORMS)
def rig(tmp_path, request):
    bin = tmp_path / "bin"
    bin.mkdir()
    for name in ("p", "q", "cmd", "dot-forward"):
        (bin / name).write_text(SAYS)
        (bin / name).chmod(0o755)
    rig = LocalRig(tmp_path, request.param,
                   {"PATH": f"{bin}:{os.environ['PATH']}"})
    yield rig
    rig.close()


def deeds(rig):
    """{mailbox: messages}, [addresses]"""
    found = {}
    for path in rig.home.rglob("*"):
        name = path.relative_to(rig.home).as_posix()
        if path.name == "new":
            found[name[:-3]] = len(list(path.iterdir()))
        elif path.is_file() and "box" in path.name:
            found[name] = path.read_bytes().count(b"\nDelivered-To: ")
    if rig.runs() == 0:
        return found, []
    _, *to = rig.queued().envelope.split(b"\0")
    return found, [t[1:].decode() for t in to if t]


def without_qp(text):
    return "".join(line for line in text.splitlines(keepends=True)
                   if not line.startswith("qp "))


def check(rig, code, text, mailboxes=(), forwards=(), **who):
    result = rig.deliver(**who)
    assert (result.code, without_qp(result.text)) == (code, text)
    assert deeds(rig) == (dict(mailboxes), list(forwards))


def test_no_files(rig):  # 1, 2
    check(rig, 100, NOBODY_HERE, **ext_of("foo"))
    check(rig, 0, "did 1+0+0\n", {"Mailbox": 1})


@pytest.mark.parametrize("default, code, text, mailboxes", [
    ("|dot-forward .forward\n./Mailbox", 0,
     "dot-forward .forward\ndid 1+0+1\n", {"Mailbox": 1}),
    ("", 111, BLANK, {}),
], ids=["3", "4"])
def test_default_delivery(rig, default, code, text, mailboxes):
    check(rig, code, text, mailboxes, default=default)


def test_every_kind(rig):  # 5
    rig.maildir("Maildir")
    rig.maildir("Md")
    rig.file(".qmail", f"# c\n|cmd x \t\n&a@b\nc@d\n./Mbox\n./Maildir/\n"
             f"{rig.home}/Abox\n{rig.home}/Md/  \n+foo\n\n  \n e@f\n")
    check(rig, 0, "cmd x\ndid 4+3+1\n",
          {"Mbox": 1, "Maildir/": 1, "Abox": 1, "Md/": 1},
          ["a@b", "c@d", " e@f"])


@pytest.mark.parametrize("content, mode, code, text, mailboxes, forwards", [
    ("  \t \n&a@b\n", 0o600, 111, BLANK, {}, []),
    ("#\n\n&a@b\n", 0o600, 0, "did 0+1+0\n", {}, ["a@b"]),
    ("&a@b", 0o600, 0, "did 0+1+0\n", {}, ["a@b"]),
    ("&a@b\n+list\n./Mailbox\n", 0o600, 111, X_FILE, {}, []),
    ("|p\n+list\n&a@b\n", 0o600, 0, "p \ndid 0+1+1\n", {}, ["a@b"]),
    ("|p\n", 0o700, 111, X_PROG, {}, []),
    ("", 0o700, 0, "did 1+0+0\n", {"Mailbox": 1}, []),
    ("|p\n", 0o610, 0, "p \ndid 0+0+1\n", {}, []),
    ("|p\n", 0o602, 111, "Uh-oh: .qmail file is writable. (#4.7.0)\n", {}, []),
    ("|p\n", 0o620, 0, "p \ndid 0+0+1\n", {}, []),
], ids=["6", "7", "8", "9", "10", "11", "12", "13", "14", "14 group"])
def test_file(rig, content, mode, code, text, mailboxes, forwards):
    rig.file(".qmail", content, mode)
    check(rig, code, text, mailboxes, forwards)


@pytest.mark.parametrize("mode, text", [
    (0o757, "Uh-oh: home directory is writable. (#4.7.0)\n"),
    (0o1757, "Uh-oh: home directory is writable. (#4.7.0)\n"),
    (0o1755, "Home directory is sticky: user is editing his .qmail file. "
     "(#4.2.1)\n"),
], ids=["15", "15 sticky, too", "16"])
def test_home(rig, mode, text):
    rig.file(".qmail", "|p\n")
    rig.home.chmod(mode)
    check(rig, 111, text)


@pytest.mark.parametrize("line, text", [
    (".", "Unable to open .: is a directory. (#4.2.1)\n"),
    ("/", "Temporary error on maildir delivery. (#4.3.0)\n"),
    ("..", "Unable to open ..: is a directory. (#4.2.1)\n"),
])
def test_strange_paths(rig, line, text):  # 17
    rig.file(".qmail", line + "\n")
    check(rig, 111, text)


def test_search(rig):  # 18
    for name in ("-a-b", "-a-default", "-default"):
        rig.file(".qmail" + name, f"|p {name}\n")
    for ext, name in [("a", "-default"), ("a-b", "-a-b"),
                      ("a-b-", "-a-default"), ("a-b-c", "-a-default"),
                      ("a-c", "-a-default"), ("x", "-default"),
                      ("", "-default"), ("A-B", "-a-b"),
                      ("DEFAULT", "-default")]:
        check(rig, 0, f"p {name}\ndid 0+0+1\n", **ext_of(ext))


@pytest.mark.parametrize("files, dash, ext, used", [
    ([".qmail-x:y"], "-", "x.y", ".qmail-x:y"),
    ([".qmail-x:y"], "-", "X.Y", ".qmail-x:y"),
    ([".qmail-x:y"], "-", "x:y", ".qmail-x:y"),
    ([".qmail-UP", ".qmail-default"], "-", "UP", ".qmail-default"),
    ([".qmail-d/e", ".qmail-default"], "-", "d/e", ".qmail-d/e"),
    ([".qmail-/foo", ".qmail-/default"], "-/", "foo", ".qmail-/foo"),
    ([".qmail-/foo", ".qmail-/default"], "-/", "bar", ".qmail-/default"),
    ([".qmail-/foo", ".qmail-/default"], "-/", "a-b", ".qmail-/default"),
    ([".qmailfoo"], "", "foo", ".qmailfoo"),
], ids=["19 x.y", "19 X.Y", "19 x:y", "20", "21", "22 foo", "22 bar",
        "22 a-b", "23"])
def test_names(rig, files, dash, ext, used):
    for name in files:
        (rig.home / name).parent.mkdir(exist_ok=True)
        rig.file(name, f"|p {name}\n")
    check(rig, 0, f"p {used}\ndid 0+0+1\n", dash=dash, ext=ext)


def test_no_dash_and_no_file(rig):  # 23
    check(rig, 0, "did 1+0+0\n", {"Mailbox": 1}, dash="", ext="bar")


@pytest.mark.parametrize("form", FORMS)
def test_unreadable(form):  # 24
    base = tempfile.mkdtemp()
    try:
        os.chmod(base, 0o755)
        rig = LocalRig(base, form)
        rig.file(".qmail-perm", "|p\n", 0o000)
        rig.file(".qmail-default", "|p\n", 0o644)
        become = {}
        if os.geteuid() == 0:
            become = {"user": 54321, "group": 54321, "extra_groups": []}
        # the program may stand where that user cannot reach it
        program = shutil.copy(BIN / "qmail-local", base)
        operands = rig.operands(**ext_of("perm"))
        want = (111, "Unable to open .qmail-perm: access denied. (#4.3.0)\n")
        with tempfile.TemporaryFile() as f:
            f.write(M)
            f.flush()
            if form == "once":
                r = subprocess.run([program, "--", *operands], stdin=f,
                                   capture_output=True, text=True, cwd="/",
                                   timeout=DEADLINE, **become)
                assert (r.returncode, r.stderr) == want
            else:
                worker = Worker(rig.env, program, cwd="/", **become)
                worker.send(work_frame(*operands), f.fileno())
                assert worker.receive() == want
                assert worker.close() == 0
    finally:
        shutil.rmtree(base)


@pytest.mark.parametrize("home, code, text", [
    ("relative", 100, USAGE),
    ("/nonexistent", 111, "Unable to switch to /nonexistent: "
     "file does not exist. (#4.3.0)\n"),
])
def test_bad_home(rig, home, code, text):  # 25
    check(rig, code, text, home=home)

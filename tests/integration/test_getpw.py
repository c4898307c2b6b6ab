"""qmail-getpw: whose is a local part?

Numbers are oracle cases of contract local.md 10.
"""
import os
import pwd
import struct
import subprocess

import pytest

from accounts import ALIAS, ANN, JOE, JOES, NOFILES, QMAILP, System, \
    needs_accounts
from facteur import BIN
from rig import Reader, frame, take_frame

ASK, ACCOUNT = 8, 9


def fields(output):
    assert output.endswith(b"\0")
    got = output[:-1].split(b"\0")
    assert len(got) == 6
    return [f.decode("latin-1") for f in got]


@pytest.fixture
def system():
    box = System(accounts=[
        ("joe-sub", ANN),
        ("toor", 0),
        ("Upper", 30003),
        ("a23456789012345678901234567890b", 30004),
        ("a23456789012345678901234567890bc", 30005),
        ("gone", 30006, JOES, "/nonexistent/gone", False),
        ("other", 30007, JOES, "/", False),
        ("flat", 30008, JOES, None, False),
    ])
    flat = box.top / "flat"  # a home need not be a folder
    flat.touch()
    os.chown(flat, 30008, JOES)
    yield box
    box.close()


def getpw(box, local):
    done = box.run(box.home / "bin/qmail-getpw", local)
    assert done.returncode == 0, done
    return fields(done.stdout)


@needs_accounts
@pytest.mark.parametrize("local, user, dash, ext", [
    ("joe", "joe", "", ""),
    ("JOE", "joe", "", ""),
    ("joe-foo", "joe", "-", "foo"),
    ("Joe-Foo-Bar", "joe", "-", "Foo-Bar"),
    ("joe-sub", "joe-sub", "", ""),
    ("joe-sub-x", "joe-sub", "-", "x"),
    ("joe-subx", "joe", "-", "subx"),
    ("joe-", "joe", "-", ""),
    ("joe--", "joe", "-", "-"),
    ("flat", "flat", "", ""),
    ("a23456789012345678901234567890b", "a23456789012345678901234567890b",
     "", ""),
])
def test_53_accounts(system, local, user, dash, ext):
    got = getpw(system, local)
    assert [got[0], got[4], got[5]] == [user, dash, ext]
    if user == "joe":
        assert got[1:4] == [str(JOE), str(JOES), str(system.top / "joe")]


@needs_accounts
@pytest.mark.parametrize("local", [
    "root", "toor", "Upper", "upper", "gone", "other", "nobody-here", "-",
    "-joe", "", "x@y", "a23456789012345678901234567890bc", "joe\xe4",
    "j" * 900])
def test_54_alias(system, local):
    assert getpw(system, local) == [
        "alias", str(ALIAS), str(NOFILES), str(system.home / "alias"), "-",
        local.encode().decode("latin-1")]


@needs_accounts
def test_55_no_alias():
    box = System(alias=False)
    try:
        done = box.run(box.home / "bin/qmail-getpw", "nobody")
        assert (done.returncode, done.stdout) == (116, b"")
        assert getpw(box, "joe")[0] == "joe"
    finally:
        box.close()


def test_55_no_argument():
    done = subprocess.run([BIN / "qmail-getpw"], capture_output=True)
    assert (done.returncode, done.stdout) == (100, b"")


@needs_accounts
def test_more_arguments_are_ignored(system):
    done = system.run(system.home / "bin/qmail-getpw", "joe", "x", "y")
    assert fields(done.stdout)[0] == "joe"


@needs_accounts
def test_accounts_cannot_be_looked_at(system):
    """That is no reason to give joe's mail to alias."""
    os.chmod(system.top / "passwd", 0o600)
    done = system.run("setpriv", "--clear-groups", f"--reuid={QMAILP}",
                      f"--regid={NOFILES}",
                      system.home / "bin/qmail-getpw", "joe")
    assert (done.returncode, done.stdout) == (118, b"")


def ask(*locals_):
    return b"".join(frame(ASK, struct.pack("<I", len(x)) + x)
                    for x in locals_)


def answers(data):
    found = []
    while data:
        kind, body, data = take_frame(data)
        assert kind == ACCOUNT
        r = Reader(body)
        found.append((r.u32(), r.bytes()))
    return found


@needs_accounts
def test_resident(system):
    done = system.run(system.home / "bin/qmail-getpw", "--resident",
                      input=ask(b"joe", b"JOE-Ext", b"nobody", b"a\0b"))
    assert done.returncode == 0
    got = answers(done.stdout)
    assert [code for code, _ in got] == [0, 0, 0, 0]
    assert [fields(r)[0] for _, r in got[:3]] == ["joe", "joe", "alias"]
    assert fields(got[1][1])[5] == "Ext"
    assert got[3][1].startswith(b"alias\0")


@needs_accounts
def test_resident_says_what_the_exit_code_would():
    box = System(alias=False)
    try:
        done = box.run(box.home / "bin/qmail-getpw", "--resident",
                       input=ask(b"nobody", b"joe"))
        got = answers(done.stdout)
        assert got[0] == (116, b"")
        assert got[1][0] == 0 and fields(got[1][1])[0] == "joe"
    finally:
        box.close()


@pytest.mark.parametrize("data", [
    b"\xff\xff\xff\xffrubbish", frame(3, b""), frame(ASK, b"\1\0"),
    struct.pack("<IBB", 2, 9, ASK)])
def test_resident_and_rubbish(data):
    done = subprocess.run([BIN / "qmail-getpw", "--resident"], input=data,
                          capture_output=True, timeout=60)
    assert (done.returncode, done.stdout) == (111, b"")


def private(folder, local):
    """As one user in a home of their own."""
    more, prefix = {}, []
    if os.geteuid() == 0:
        os.chown(folder, 30001, 30101)
        more = {"user": 30001, "group": 30101, "extra_groups": []}
    return subprocess.run(
        [BIN / "qmail-getpw", local], capture_output=True, timeout=60,
        env={**os.environ, "QMAILHOME": str(folder)}, **more)


def test_private_system(tmp_path_factory):
    folder = tmp_path_factory.mktemp("q")
    for up in (folder, folder.parent, folder.parent.parent):
        if os.geteuid() == 0:
            os.chmod(up, 0o755)
    uid, gid = ((30001, 30101) if os.geteuid() == 0
                else (os.geteuid(), os.getegid()))
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = str(uid)
    for local in ("root", name, f"{name}-Ext", "Anything-at-all"):
        done = private(folder, local)
        assert done.returncode == 0, done
        assert fields(done.stdout) == [
            name, str(uid), str(gid), f"{folder}/alias", "-", local]

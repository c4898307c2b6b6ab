"""elq, pinq, qail, maildirwatch (contract local.md 4.2)."""
import os
import subprocess

import pytest

from facteur import BIN, ROOT
from rig import poll

READERS = {"elq": "elm", "pinq": "pine", "qail": "Mail"}


@pytest.fixture
def env(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home/bin").symlink_to(BIN)
    (tmp_path / "path").mkdir()
    for part in ("tmp", "new", "cur"):
        (tmp_path / "Maildir" / part).mkdir(parents=True)
    for name in READERS.values():
        p = tmp_path / "path" / name
        p.write_text('#!/bin/sh\necho "${0##*/}" $#:"$*"\ncat "$MAIL"\nexit 7\n')
        p.chmod(0o755)
    return {"PATH": f"{tmp_path}/path:/usr/bin:/bin", "QMAILHOME": str(tmp_path / "home"),
            "MAILDIR": str(tmp_path / "Maildir"), "MAIL": str(tmp_path / "mbox"),
            "MAILTMP": str(tmp_path / "mbox.tmp")}


def put(env, name, content):
    path = os.path.join(env["MAILDIR"], "new", name)
    with open(path, "wb") as f:
        f.write(content)
    os.utime(path, (100, 100))


@pytest.mark.parametrize("program", READERS)
def test_reader(env, program):
    put(env, "1", b"hello\n")
    p = subprocess.run([BIN / program, "a b", "", "*"], env=env, capture_output=True, text=True)
    assert (p.returncode, p.stderr) == (7, "")
    assert p.stdout.startswith(f"{READERS[program]} 3:a b  *\nFrom XXX ")
    assert p.stdout.endswith("\nhello\n\n")


@pytest.mark.parametrize("program", READERS)
def test_reader_after_failure(env, program):
    del env["MAIL"]
    p = subprocess.run([BIN / program], env=env, capture_output=True, text=True)
    assert (p.returncode, p.stdout, p.stderr) == (111, "", "maildir2mbox: fatal: MAIL not set\n")


class Watch:
    def __init__(self, env):
        self.p = subprocess.Popen([BIN / "maildirwatch"], env=env, stdout=subprocess.PIPE)
        os.set_blocking(self.p.stdout.fileno(), False)
        self.seen = b""

    def sees(self, text):
        self.seen += self.p.stdout.read() or b""
        return text in self.seen

    def close(self):
        self.p.kill()
        self.p.wait()
        self.p.stdout.close()


@pytest.fixture
def haste(env, tmp_path):
    out = tmp_path / "locallib.so"
    subprocess.run([os.environ.get("CC", "cc"), "-D_GNU_SOURCE", "-shared", "-fPIC", "-O1", "-o", out,
                    ROOT / "tests/fault/locallib.c", "-ldl"], check=True)
    return {**env, "LD_PRELOAD": str(out), "LOCAL_HASTE": "100"}


HEAD = b"Return-Path: <s@x>\nDelivered-To: u@h\n"


def test_watch(haste):
    put(haste, "2", HEAD + b"Subject: two\n\nbody\n")
    watch = Watch(haste)
    try:
        screen = b"\033[;H\033[;J\033[1mFROM s@x TO <u@h>\033[0m\ntwo body\n\n"
        poll(lambda: watch.sees(screen), lambda: watch.seen)
        put(haste, "1", HEAD.replace(b"u@", b"\033[2J\x9b\0@") + b"Subject: \a\n\n" + b"x" * 100000)
        screen = b"TO <?[2J??@h>\033[0m\n? " + b"x" * 156 + b"\n\n\033[1mFROM s@x TO <u@h>"
        poll(lambda: watch.sees(screen), lambda: watch.seen)
        os.unlink(os.path.join(haste["MAILDIR"], "new", "1"))
        os.unlink(os.path.join(haste["MAILDIR"], "new", "2"))
        poll(lambda: watch.sees(b"\033[;H\033[;J" * 2), lambda: watch.seen)
    finally:
        watch.close()


@pytest.mark.parametrize("change, text", [
    ({"MAILDIR": None}, "MAILDIR not set"),
    ({"MAILDIR": "/no"}, "unable to chdir to /no: file does not exist"),
    ({"MAILDIR": "/proc/self/fd"}, "unable to scan $MAILDIR/new: file does not exist"),
])
def test_watch_errors(env, change, text):
    env = {k: v for k, v in {**env, **change}.items() if v is not None}
    p = subprocess.run([BIN / "maildirwatch"], env=env, capture_output=True, text=True)
    assert (p.returncode, p.stdout, p.stderr) == (111, "", f"maildirwatch: fatal: {text}\n")


def test_watch_without_a_screen(env):
    r, w = os.pipe()
    os.close(r)
    p = subprocess.run([BIN / "maildirwatch"], env=env, stdout=w, stderr=subprocess.PIPE, text=True)
    os.close(w)
    assert (p.returncode, p.stderr) == (111, "maildirwatch: fatal: unable to write: broken pipe\n")

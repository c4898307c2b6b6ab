"""qmail-newu and qmail-newmrh: text to constant databases.

Numbers are oracle cases of contract local.md 10.
"""
import os
import shutil
import stat
import struct
import subprocess

import pytest

from facteur import BIN

ASSIGN = """=Joe:joe:503:78:/home/joe:::
+Joe-:joe:503:78:/home/joe:-::
+:alias:7790:2108:/var/qmail/alias:-::
.
"""


def cdb_hash(key):
    h = 5381
    for byte in key:
        h = (h * 33 ^ byte) & 0xffffffff
    return h


def cdb(records):
    """The file the reference makes, from the description of the format."""
    body, tables, at = b"", [[] for _ in range(256)], 2048
    for key, value in records:
        h = cdb_hash(key)
        tables[h % 256].append((h, at))
        record = struct.pack("<II", len(key), len(value)) + key + value
        body += record
        at += len(record)
    head, tail = b"", b""
    for table in tables:
        n = 2 * len(table)
        slots = [(0, 0)] * n
        for h, pos in table:
            i = (h >> 8) % n
            while slots[i][1]:
                i = (i + 1) % n
            slots[i] = (h, pos)
        head += struct.pack("<II", at, n)
        tail += b"".join(struct.pack("<II", *slot) for slot in slots)
        at += 8 * n
    return head + body + tail


@pytest.fixture
def home(tmp_path):
    (tmp_path / "users").mkdir()
    (tmp_path / "control").mkdir()
    return tmp_path


def run(name, home, **more):
    return subprocess.run(
        [BIN / name], env={**os.environ, "QMAILHOME": str(home)}, timeout=60,
        capture_output=True, umask=0o077, **more)


def newu(home, text):
    (home / "users/assign").write_bytes(
        text if isinstance(text, bytes) else text.encode())
    return run("qmail-newu", home)


def files(folder):
    return sorted(p.name for p in folder.iterdir())


def test_56_assign(home):
    done = newu(home, ASSIGN)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    want = cdb([
        (b"!joe\0", b"joe\x00503\x0078\0/home/joe\0\0"),
        (b"!joe-", b"joe\x00503\x0078\0/home/joe\0-\0"),
        (b"!", b"alias\x007790\x002108\0/var/qmail/alias\0-\0"),
        (b"", b"-")])
    path = home / "users/cdb"
    assert path.read_bytes() == want
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert files(home / "users") == ["assign", "cdb"]


needs_cdb = pytest.mark.skipif(not shutil.which("cdb"),
                               reason="needs tinycdb's cdb")


def query(path, key):
    """What tinycdb finds; None: nothing."""
    done = subprocess.run(["cdb", "-q", path, key], capture_output=True)
    assert done.returncode in (0, 100), done
    return done.stdout if done.returncode == 0 else None


@needs_cdb
def test_56_seen_by_another_program(home):
    assert newu(home, ASSIGN).returncode == 0
    dump = subprocess.run(["cdb", "-d", home / "users/cdb"],
                          capture_output=True, check=True).stdout
    assert dump == (
        b"+5,22:!joe\0->joe\x00503\x0078\0/home/joe\0\0\n"
        b"+5,23:!joe-->joe\x00503\x0078\0/home/joe\0-\0\n"
        b"+1,35:!->alias\x007790\x002108\0/var/qmail/alias\0-\0\n"
        b"+0,1:->-\n\n")
    # a key with a NUL is no argument
    path = home / "users/cdb"
    assert query(path, "!joe-") == b"joe\x00503\x0078\0/home/joe\0-\0"
    assert query(path, "!") == b"alias\x007790\x002108\0/var/qmail/alias\0-\0"
    assert query(path, "") == b"-"
    assert query(path, "!joe") is None


def test_many_are_like_the_reference(home):
    names = [f"user{i}" for i in range(2000)]
    text = "".join(f"={n}:{n}:{i}:1:/h/{n}:::\n+{n}-:{n}:{i}:1:/h/{n}:-::\n"
                   for i, n in enumerate(names, 1000))
    assert newu(home, text + ".\n").returncode == 0
    want = []
    for i, n in enumerate(names, 1000):
        want += [(b"!%s\0" % n.encode(), f"{n}\0{i}\0001\0/h/{n}\0\0".encode()),
                 (b"!%s-" % n.encode(),
                  f"{n}\0{i}\0001\0/h/{n}\0-\0".encode())]
    want.append((b"", b"-"))
    assert (home / "users/cdb").read_bytes() == cdb(want)


def test_58_nothing_assigned(home):
    assert newu(home, ".\n").returncode == 0
    data = (home / "users/cdb").read_bytes()
    assert len(data) == 2072 and data == cdb([(b"", b"")])


@pytest.mark.parametrize("text, line", [
    ("=a:u:1:2:h:d:e:\n", 2),
    ("", 1),
    ("=a:u:1:2:h:d:e:\n\n.\n", 2),
    ("#x\n.\n", 1),
    ("=a:u:1:2:h:d:e\n.\n", 1),
    (":a:u:1:2:h:d:e:\n.\n", 1),
    (b"=a:u:1:2:h\0:d:e:\n.\n", 1),
    ("=a:u:1:2:h:d:e:", 1),
], ids=["no dot", "empty", "blank", "comment", "five colons", "colon first",
        "NUL", "no newline"])
def test_57_bad_format(home, text, line):
    assert newu(home, ASSIGN).returncode == 0
    before = (home / "users/cdb").read_bytes()
    done = newu(home, text)
    assert done.returncode == 111 and done.stdout == b""
    assert done.stderr.decode() == (
        f"qmail-newu: fatal: bad format in users/assign: line {line}\n")
    assert (home / "users/cdb").read_bytes() == before
    assert files(home / "users") == ["assign", "cdb"]


def test_newu_without_a_file(home):
    done = run("qmail-newu", home)
    assert done.returncode == 111
    assert done.stderr == (b"qmail-newu: fatal: unable to open users/assign: "
                           b"file does not exist\n")
    (home / "users/assign").mkdir()
    done = run("qmail-newu", home)
    assert done.returncode == 111
    assert done.stderr == (b"qmail-newu: fatal: unable to read users/assign: "
                           b"is a directory\n")


def test_newu_elsewhere(home):
    done = run("qmail-newu", home / "nowhere")
    assert done.returncode == 111
    assert done.stderr == (b"qmail-newu: fatal: unable to chdir: "
                           b"file does not exist\n")


def test_newu_cannot_write(home):
    (home / "users/cdb.tmp").mkdir()
    done = newu(home, ASSIGN)
    assert done.returncode == 111
    assert done.stderr.startswith(
        b"qmail-newu: fatal: unable to open users/cdb.tmp")
    (home / "users/cdb.tmp").rmdir()
    (home / "users/cdb").mkdir()
    done = newu(home, ASSIGN)
    assert done.returncode == 111
    assert done.stderr.startswith(
        b"qmail-newu: fatal: unable to move users/cdb.tmp to users/cdb")
    assert files(home / "users") == ["assign", "cdb"]


def test_newu_disk_full(home):
    """Whatever fails, the old file stays and no other is left."""
    assert newu(home, ".\n").returncode == 0
    (home / "users/assign").write_text(ASSIGN)
    done = subprocess.run(
        ["sh", "-c", 'ulimit -f 1; exec "$0"', BIN / "qmail-newu"],
        env={**os.environ, "QMAILHOME": str(home)}, capture_output=True,
        restore_signals=False)  # SIGXFSZ stays ignored: EFBIG
    assert done.returncode == 111
    assert done.stderr == (b"qmail-newu: fatal: unable to write users/cdb.tmp: "
                           b"file too big\n")
    assert files(home / "users") == ["assign", "cdb"]
    assert (home / "users/cdb").read_bytes() == cdb([(b"", b"")])


def test_two_at_once(home):
    """A second one gives up or comes after: the file is always whole."""
    assert newu(home, ASSIGN).returncode == 0
    whole = len((home / "users/cdb").read_bytes())
    env = {**os.environ, "QMAILHOME": str(home)}
    many = [subprocess.Popen([BIN / "qmail-newu"], env=env,
                             stderr=subprocess.PIPE) for _ in range(8)]
    ends = [(p.communicate()[1], p.returncode) for p in many]
    assert any(code == 0 for _, code in ends)
    for words, code in ends:
        assert code == 0 or b"unable to open users/cdb.tmp" in words
    assert len((home / "users/cdb").read_bytes()) == whole
    assert files(home / "users") == ["assign", "cdb"]


def test_68_newmrh(home):
    (home / "control/morercpthosts").write_bytes(
        b"Foo.COM\n.Bar.org \t\n#c\n\n   \n  lead\nfoo.com\nlast")
    done = run("qmail-newmrh", home)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    path = home / "control/morercpthosts.cdb"
    assert path.read_bytes() == cdb([
        (b"foo.com", b""), (b".bar.org", b""), (b"  lead", b""),
        (b"foo.com", b""), (b"last", b"")])
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert files(home / "control") == ["morercpthosts", "morercpthosts.cdb"]


@needs_cdb
def test_68_seen_by_another_program(home):
    (home / "control/morercpthosts").write_bytes(b"Foo.COM\n.Bar.org\n")
    assert run("qmail-newmrh", home).returncode == 0
    path = home / "control/morercpthosts.cdb"
    dump = subprocess.run(["cdb", "-d", path], capture_output=True, check=True)
    assert dump.stdout == b"+7,0:foo.com->\n+8,0:.bar.org->\n\n"
    assert query(path, "foo.com") == query(path, ".bar.org") == b""
    assert query(path, "Foo.COM") is None


def test_newmrh_empty(home):
    (home / "control/morercpthosts").write_bytes(b"")
    assert run("qmail-newmrh", home).returncode == 0
    assert (home / "control/morercpthosts.cdb").read_bytes() == cdb([])


def test_69_newmrh_without_a_file(home):
    done = run("qmail-newmrh", home)
    assert done.returncode == 111
    assert done.stderr == (
        b"qmail-newmrh: fatal: unable to read control/morercpthosts: "
        b"file does not exist\n")


def test_newmrh_troubles(home):
    done = run("qmail-newmrh", home / "nowhere")
    assert done.returncode == 111
    assert done.stderr.decode() == (
        f"qmail-newmrh: fatal: unable to chdir to {home}/nowhere: "
        "file does not exist\n")
    (home / "control/morercpthosts").write_bytes(b"a\n")
    (home / "control/morercpthosts.tmp").mkdir()
    done = run("qmail-newmrh", home)
    assert done.returncode == 111
    assert done.stderr.startswith(b"qmail-newmrh: fatal: unable to write to "
                                  b"control/morercpthosts.tmp: ")
    (home / "control/morercpthosts.tmp").rmdir()
    (home / "control/morercpthosts.cdb").mkdir()
    done = run("qmail-newmrh", home)
    assert done.returncode == 111
    assert done.stderr.startswith(
        b"qmail-newmrh: fatal: unable to move control/morercpthosts.tmp "
        b"to control/morercpthosts.cdb: ")
    assert files(home / "control") == ["morercpthosts", "morercpthosts.cdb"]

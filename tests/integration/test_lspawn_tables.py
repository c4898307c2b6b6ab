"""qmail-lspawn and whom it asks (contract queue.md 5.3 to 5.5), row by row:
every exit code, users/assign and users/cdb, and what an account needs."""
import os
import shutil
import signal
import subprocess

import pytest

from accounts import System, needs_accounts
from facteur import BIN
from lspawn_rig import ID, Lspawn
from sendkit import denying
from test_newu import cdb, needs_cdb, newu

SAID = "did 1+0+0\nand more"

WORDS = {
    112: "ZInternal qmail-lspawn bug.\n",
    113: "ZNot allowed to perform deliveries as root.\n",
    115: "ZNFS failure in qmail-local.\n",
    116: "ZUnable to find alias user!\n",
    117: "ZTrouble reading users/cdb in qmail-lspawn.\n",
    118: "ZTemporary failure in qmail-lspawn.\n",
    119: "ZOut of memory in qmail-lspawn.\n",
    120: "ZUnable to run qmail-local.\n",
    121: "ZUnable to run qmail-getpw.\n",
    126: "DUnable to run qmail-local.\n",
}


@pytest.fixture(scope="module")
def shared():
    it = Lspawn()
    yield it
    it.close()


@pytest.fixture
def box():
    it = Lspawn()
    yield it
    it.close()


def meaning(code):
    if code in WORDS:
        return WORDS[code]
    if code == 0:
        return "K" + SAID
    return ("Z" if code in (71, 74, 75, 111) else "D") + SAID


@pytest.mark.parametrize("code", range(256))
def test_exit_code(shared, code):
    assert shared.deliver("joe@h", sender=f"exit {code} {SAID}") == \
        meaning(code)


@pytest.mark.parametrize("number", [1, 6, 9, 11, 15, 31, 64])
def test_signal(shared, number):
    assert shared.deliver("joe@h", sender=f"exit {256 + number} {SAID}") == \
        "Zqmail-local crashed.\n"


def test_case58_arguments(box):
    """As in the oracle, with the record that has them."""
    box.assign(f"+Joe-:joe:{box.uid}:{box.uid}:/home/joe:-::\n.\n")
    f = box.facts("Joe-Ext@H", sender="s@x")
    assert [f[k] for k in ("user", "home", "local", "dash", "ext", "domain",
                           "sender", "default")] == [
        "joe", "/home/joe", "Joe-Ext", "-", "Ext", "H", "s@x", "./Mailbox"]


# --- users/cdb ---

def assigned(box, local):
    """user/dash/ext, or the verdict."""
    verdict = box.deliver(f"{local}@h")
    if verdict[0] != "K":
        return verdict
    f = box.facts(f"{local}@h")
    return "/".join((f["user"], f["dash"], f["ext"]))


@pytest.mark.parametrize("local, owner", [
    ("joe", "joe//"), ("JOE", "joe//"), ("joe-", "list/-/pre"),
    ("Joe-X", "list/-/preX"), ("jOE-lIST-X", "deep/-/lIST-X"),
    ("joe-list", "list/-/prelist"), ("joe+x", "plus/+/x"),
    ("other", "rest/-/other"), ("", None)])
def test_longest_wildcard(shared, local, owner):
    u = f"{shared.uid}:{shared.uid}"
    shared.assign(f"=joe:joe:{u}:/h:::\n+joe-:list:{u}:/h:-:pre:\n"
                  f"+joe-list-:deep:{u}:/h:-:lIST-:\n+joe+:plus:{u}:/h:+::\n"
                  f"+:rest:{u}:/h:-::\n.\n")
    if owner is None:
        # deviation: an empty local part is nobody's (DECISIONS.md)
        assert assigned(shared, local) == \
            "DSorry, no mailbox here by that name. (#5.1.1)\n"
    else:
        assert assigned(shared, local) == owner


def made_by_tinycdb(path, records):
    dump = b"".join(b"+%d,%d:%s->%s\n" % (len(k), len(v), k, v)
                    for k, v in records)
    subprocess.run(["cdb", "-c", path], input=dump + b"\n", check=True)


def made_here(path, records):
    path.write_bytes(cdb(records))


@pytest.mark.parametrize("make", [
    made_here, pytest.param(made_by_tinycdb, marks=needs_cdb)])
def test_l59_files_of_other_makers(shared, make):
    """users/cdb is a format: vpopmail and others write and read it."""
    def record(*fields):
        uid = b"%d" % shared.uid
        return b"\0".join([fields[0], uid, uid, b"/h", *fields[1:]])
    path = shared.home / "users/cdb"
    path.unlink(missing_ok=True)
    make(path, [(b"!joe\0", record(b"joe", b"", b"")),
                (b"!joe-", record(b"joe", b"-", b"")),
                (b"!joe-list-", record(b"joe", b"-", b"L-")),
                (b"!dom.test-", record(b"virtual", b"-", b"")),
                *((b"!user%d\0" % i, record(b"user%d" % i, b"", b""))
                  for i in range(500)),
                (b"!", record(b"alias", b"-", b"")), (b"", b"-")])
    assert {local: assigned(shared, local) for local in (
        "joe", "joe-", "joe-A", "Joe-List-FoO", "dom.test-Bob", "USER499",
        "user500", "bill")} == {
        "joe": "joe//", "joe-": "joe/-/", "joe-A": "joe/-/A",
        "Joe-List-FoO": "joe/-/L-FoO", "dom.test-Bob": "virtual/-/Bob",
        "USER499": "user499//", "user500": "alias/-/user500",
        "bill": "alias/-/bill"}


def test_only_bytes_that_end_wildcards_are_tried(shared):
    """A record by hand, whose last byte is in no list: not found."""
    uid = shared.uid
    record = b"x\0%d\0%d\0/h\0-\0" % (uid, uid)
    data = cdb([(b"!joe-", record), (b"!ann.", record), (b"", b".")])
    (shared.home / "users/cdb").write_bytes(data)
    assert assigned(shared, "joe-x").endswith("/-/joe-x")
    assert assigned(shared, "ann.x") == "x/-/x"


@pytest.mark.parametrize("uid, gid, is_root", [
    ("%d", "%d", False), ("%dx", "%d ", False), ("0%d", "%d", False),
    ("", "%d", True), ("x%d", "%d", True), ("-%d", "%d", True),
    (" %d", "%d", True), ("0", "%d", True)])
def test_numbers_of_a_record(shared, uid, gid, is_root):
    uid, gid = (x.replace("%d", str(shared.uid)) for x in (uid, gid))
    shared.assign(f"=joe:joe:{uid}:{gid}:/h:::\n.\n")
    verdict = assigned(shared, "joe")
    assert verdict == (WORDS[113] if is_root else "joe//")


@pytest.mark.parametrize("record", [b"", b"x", b"x\x001\x001\0/h\0-"])
def test_too_few_fields(shared, record):
    (shared.home / "users/cdb").write_bytes(
        cdb([(b"!joe\0", record), (b"", b"")]))
    assert assigned(shared, "joe") == WORDS[112]


def test_no_list_of_wildcards(shared):
    record = b"x\0%d\0%d\0/h\0-\0" % (shared.uid, shared.uid)
    (shared.home / "users/cdb").write_bytes(cdb([(b"!joe\0", record)]))
    assert assigned(shared, "joe") == WORDS[117]


@pytest.mark.parametrize("harm", ["folder", "closed", "loop", "no way"])
def test_cdb_that_cannot_be_read(box, harm):
    """Only that it is not there is no trouble."""
    path = box.home / "users/cdb"
    if harm == "folder":
        path.mkdir()
    elif harm == "closed":
        path.write_bytes(cdb([(b"", b"")]))
        path.chmod(0)
    elif harm == "loop":
        path.symlink_to("cdb")
    else:
        (box.home / "users").chmod(0)
    assert assigned(box, "joe") == WORDS[117]
    (box.home / "users").chmod(0o755)
    if harm == "folder":
        path.rmdir()
    else:
        path.unlink(missing_ok=True)
    assert assigned(box, "joe").endswith("/-/joe")


# --- users/assign ---

@pytest.fixture
def home(tmp_path):
    (tmp_path / "users").mkdir()
    return tmp_path


@pytest.mark.parametrize("text, records", [
    # the first of several
    ("=a:one:1:1:h:d:e:\n=A:two:2:2:h:d:e:\n",
     [(b"!a\0", b"one\x001\x001\0h\0d\0e"),
      (b"!a\0", b"two\x002\x002\0h\0d\0e"), (b"", b"")]),
    # what is not + is =
    ("xa:u:1:1:h:d:e:\n#b:u:1:1:h:d:e:\n",
     [(b"!a\0", b"u\x001\x001\0h\0d\0e"),
      (b"!b\0", b"u\x001\x001\0h\0d\0e"), (b"", b"")]),
    # behind the sixth colon
    ("=a:u:1:1:h:d:e:more:and more\n",
     [(b"!a\0", b"u\x001\x001\0h\0d\0e"), (b"", b"")]),
    # wildcards, their last byte as it is written
    ("+A-B:u:1:1:h:d:e:\n+c.:u:1:1:h:d:e:\n+x.:u:1:1:h:d:e:\n",
     [(b"!a-b", b"u\x001\x001\0h\0d\0e"),
      (b"!c.", b"u\x001\x001\0h\0d\0e"),
      (b"!x.", b"u\x001\x001\0h\0d\0e"), (b"", b"B.")]),
], ids=["first", "letter", "sixth colon", "wildcards"])
@pytest.mark.parametrize("rest", ["", "anything at all\nwithout: end"])
def test_assign(home, text, records, rest):
    done = newu(home, text + "." + rest + ("" if rest else "\n"))
    assert (done.returncode, done.stderr) == (0, b"")
    assert (home / "users/cdb").read_bytes() == cdb(records)


def test_the_first_of_several_wins(box):
    u = f"{box.uid}:{box.uid}"
    box.assign(f"=a:one:{u}:/h:::\n=A:two:{u}:/h:::\n.\n")
    assert assigned(box, "a") == "one//"


def test_wildcard_that_ends_in_a_capital(box):
    """Deviation (DECISIONS.md): it matches."""
    box.assign(f"+listA:u:{box.uid}:{box.uid}:/h:-::\n.\n")
    assert assigned(box, "lista-x") == "u/-/-x"
    assert assigned(box, "LISTA-x") == "u/-/-x"


def test_long_local_parts(box):
    """An address of 1,002 bytes behind a prepend of virtualdomains; four
    questions at once must not fill the pipe to qmail-getpw."""
    names = [c * 8192 for c in "abcdefgh"]
    jobs = [box.send(f"{name}@h") for name in names]
    for job, name in zip(jobs, names):
        [(letter, text)] = box.result(job)
        assert letter == "K" and f'"local": "{name[:99]}' in text.decode()
    assert box.deliver("l" * 8193 + "@h") == WORDS[112]


# --- messages ---

def test_case56_wrong_type(box):
    for n, make in ((1, "mkdir"), (2, "mkfifo"), (3, "symlink")):
        path = box.home / "queue/mess" / str((ID + n) % 23) / str(ID + n)
        if make == "mkdir":
            path.mkdir()
        elif make == "mkfifo":
            os.mkfifo(path)
        else:
            path.symlink_to(box.home / "bin/qmail-local")
        assert box.deliver("joe@h", ident=ID + n) == \
            "ZSorry, message has wrong type. (#4.3.5)\n"
    assert box.deliver("joe@h", ident=ID + 4) == \
        "Zqmail-spawn unable to open message. (#4.3.0)\n"


def test_sigpipe(box):
    box.process.send_signal(signal.SIGPIPE)
    assert box.facts("joe@h")["local"] == "joe"


# --- qmail-getpw ---

@needs_accounts
@pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")
def test_home_that_cannot_be_looked_at():
    """A server that is away: wait, and do not give joe's mail to alias."""
    system = System()
    try:
        system.env.update(denying(system.top))
        (system.top / "stat").touch()
        done = system.run(system.home / "bin/qmail-getpw", "joe")
        assert (done.returncode, done.stdout) == (115, b"")
        done = system.run(system.home / "bin/qmail-getpw", "nobody-here")
        assert (done.returncode, done.stdout[:6]) == (0, b"alias\0")
    finally:
        system.close()


def test_getpw_without_argument():
    done = subprocess.run([BIN / "qmail-getpw"], capture_output=True)
    assert (done.returncode, done.stdout) == (100, b"")

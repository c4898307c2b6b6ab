"""qmail-clean (contract queue.md 1.4, 1.5, 2.4, 6): requests and answers, and
what a crash left."""
import os
import signal
import subprocess
import time

import pytest

from sendkit import BIN, fresh_rig, ident, message, note, poll, put
from test_send_time import library  # noqa: F401, a fixture

HOURS_36 = 36 * 3600


class Clean:
    """qmail-clean and our ends of its pipes."""

    def __init__(self, rig):
        self.rig = rig
        self.p = rig.popen("qmail-clean", stdin=subprocess.PIPE,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           bufsize=0)

    def ask(self, *requests):
        """The answers, a byte each."""
        self.p.stdin.write(b"".join(r + b"\0" for r in requests))
        answers = b""
        while len(answers) < len(requests):
            got = os.read(self.p.stdout.fileno(), 4096)
            assert got, "qmail-clean has gone"
            answers += got
        return answers.decode()

    def end(self):
        """End of file; exit code and words."""
        words = self.p.communicate(timeout=60)[1].decode()
        return self.p.returncode, words


@pytest.fixture
def rig():
    with fresh_rig() as r:
        yield r


@pytest.fixture
def clean(rig):
    c = Clean(rig)
    yield c
    c.p.kill()
    c.p.communicate()


def queued(rig, **more):
    return message(rig, b"s@x", [b"r@x"], **more)


def there(rig, n):
    return [kind for kind in ("todo", "mess", "info")
            if rig.file(kind, n).exists()]


@pytest.mark.parametrize("verb, left", [
    (b"foop", ["info"]), (b"todo", ["mess", "info"]),
    (b"mess", ["todo", "info"]), (b"sync", ["todo", "mess", "info"])])
def test_requests(rig, clean, verb, left):
    n, other = queued(rig), queued(rig)
    note(rig, n, [0])
    assert clean.ask(b"%s/%d" % (verb, n)) == "+"
    # the message follows when its envelope is for sure gone
    poll(lambda: there(rig, n) == left, "it is removed")
    assert there(rig, other) == ["todo", "mess"]
    # what is gone already is fine
    assert clean.ask(b"%s/%d" % (verb, n)) == "+"
    assert clean.end() == (0, "")


def test_envelope_first(rig, clean):
    """Of many that are removed, no message goes before its envelope; and with
    the end all have gone."""
    names = [queued(rig) for _ in range(60)]
    for n in names:
        assert clean.ask(b"foop/%d" % n) == "+"
        assert there(rig, n) in ([], ["mess"])
    assert clean.end() == (0, "")
    assert rig.ids("todo") == rig.ids("mess") == []


def test_set_aside(rig, clean):
    n = queued(rig)
    assert clean.ask(b"quar/%d because of \xff/../that" % n) == "+"
    assert there(rig, n) == []
    folder = rig.home / "queue/quarantine"
    assert sorted(p.name for p in folder.iterdir()) == [
        f"{n}.mess", f"{n}.reason", f"{n}.todo"]
    assert (folder / f"{n}.reason").read_bytes() == \
        b"because of \xff/../that\n"


@pytest.mark.parametrize("request_", [
    b"foop/", b"foop", b"foop/x", b"foop/1x", b"foop/-1", b"foop/+1",
    b"foop/ 1", b"foop/1 ", b"foop/1 2", b"foop//1", b"foop/../1",
    b"FOOP/1", b"fooq/1", b"xxxx/1", b"/1", b"1", b"", b"foop/1\n",
    b"foop/99999999999999999999", b"foop/" + b"9" * 97, b"foop/" + b"1" * 900,
    b"x" * 101, b"intd/1", b"todo/0/1"], ids=lambda r: repr(r[:24]))
def test_case61_what_is_no_request(rig, clean, request_):
    n = queued(rig)
    assert clean.ask(request_, b"todo/%d" % n) == "x+"


@pytest.mark.parametrize("length", [1100, 5000, 100000])
def test_case61_what_is_too_long(rig, clean, length):
    """One answer, and what follows is understood."""
    n = queued(rig)
    assert clean.ask(b"foop/" + b"1" * length, b"foop/%d" % n) == "x+"
    assert clean.ask(b"foop/1") == "+"


@pytest.mark.parametrize("kind, verb", [("todo", b"foop"), ("mess", b"foop"),
                                        ("todo", b"todo"), ("mess", b"mess")])
def test_case62_trouble(rig, clean, kind, verb):
    """A folder in its place; and it stops there. The answer does not wait for
    the message: left behind it is garbage."""
    n = queued(rig)
    rig.file(kind, n).unlink()
    rig.file(kind, n).mkdir()
    assert clean.ask(b"%s/%d" % (verb, n)) == "!+"[kind == "mess"]
    assert there(rig, n) == (["mess"] if (kind, verb) == ("mess", b"foop")
                             else ["todo", "mess"])
    assert clean.end() == (
        0, "qmail-clean: unable to clean up: is a directory\n")


def test_many_at_once(rig, clean):
    names = [queued(rig) for _ in range(300)]
    requests = [b"foop/%d" % n for n in names]
    requests[50] = b"nonsense"
    want = ["+"] * 300
    want[50] = "x"
    assert clean.ask(*requests) == "".join(want)
    assert rig.ids("todo") == [names[50]]
    assert clean.end() == (0, "")
    assert rig.ids("mess") == [names[50]]


def test_in_pieces(rig, clean):
    n = queued(rig)
    for byte in b"foop/%d" % n:
        clean.p.stdin.write(bytes([byte]))
    assert clean.ask(b"") == "+"
    assert clean.end() == (0, "")
    assert there(rig, n) == []


# --- its end ---

def test_end_of_file(clean):
    assert clean.end() == (0, "")


def test_half_a_request_is_none(rig, clean):
    n = queued(rig)
    clean.p.stdin.write(b"foop/%d" % n)
    assert clean.end() == (0, "")
    assert there(rig, n) == ["todo", "mess"]


def test_nobody_listens(rig, clean):
    n = queued(rig)
    clean.p.stdout.close()
    clean.p.stdin.write(b"foop/%d\0" % n)
    assert clean.p.wait(60) == 100
    assert there(rig, n) == []


def test_sigpipe(rig, clean):
    assert clean.ask(b"foop/1") == "+"
    clean.p.send_signal(signal.SIGPIPE)
    assert clean.ask(b"foop/1") == "+"


@pytest.mark.parametrize("lost", [".", "queue"])
def test_no_home(rig, lost):
    rig.env["QMAILHOME"] = str(rig.home / "nowhere")
    if lost == "queue":
        (rig.home / "nowhere").mkdir()
    p = subprocess.run([BIN / "qmail-clean"], env=rig.env, input=b"",
                       capture_output=True)
    assert (p.returncode, p.stdout) == (111, b"")
    assert p.stderr.startswith(b"qmail-clean: fatal: unable to ")


# --- what a crash left: 2.4 ---

def swept(rig):
    """After qmail-clean has started and swept."""
    c = Clean(rig)
    # it sweeps before it answers
    assert c.ask(b"sync/1") == "+"
    assert c.end() == (0, "")


def leave(rig, age):
    """A message without envelope, so old; its ID."""
    n = ident(age)
    os.utime(put(rig, "mess", n, b"x"), (n / 1000000,) * 2)
    return n


def test_case49_leftovers(rig):
    """Messages without envelope, by the age in their ID and of the file;
    silently."""
    leave(rig, HOURS_36 + 400)
    young = leave(rig, HOURS_36 - 600)
    imported = ident(HOURS_36 * 2)
    put(rig, "mess", imported, b"x")
    whole = queued(rig, age=HOURS_36 * 2)
    swept(rig)
    assert rig.ids("mess") == sorted([whole, imported, young])
    assert rig.ids("todo") == [whole]


def test_temporary_files(rig):
    """Of a file system without unnamed files."""
    names = {}
    for age in (HOURS_36 + 400, HOURS_36 - 600):
        path = rig.home / "queue/mess/3" / f"{age}.tmp"
        path.write_bytes(b"x")
        os.utime(path, (time.time() - age,) * 2)
        names[age] = path
    rig.own()
    swept(rig)
    assert not names[HOURS_36 + 400].exists()
    assert names[HOURS_36 - 600].exists()


@pytest.mark.parametrize("name", ["README", "012", "-5", "12x", ".hidden",
                                  "99999999999999999999"])
def test_names_that_are_no_number(rig, name):
    path = rig.home / "queue/mess/3" / name
    path.write_bytes(b"x")
    os.utime(path, (0, 0))
    rig.own()
    swept(rig)
    assert path.exists()


def test_todo_and_info_are_not_swept(rig):
    old = ident(HOURS_36 * 3)
    put(rig, "todo", old, b"x")
    put(rig, "info", old, b"x")
    swept(rig)
    assert there(rig, old) == ["todo", "info"]


@pytest.mark.skipif(b"__asan_init" in (BIN / "qmail-clean").read_bytes(),
                    reason="sanitizers want to be loaded first")
def test_sweeps_again(rig, library):  # noqa: F811
    """76431 seconds after the last time."""
    shift = rig.home / "shift"
    shift.write_text("0")
    shift.chmod(0o644)
    rig.preload["qmail-clean"] = {"LD_PRELOAD": str(library),
                                  "SHIFT": str(shift)}
    c = Clean(rig)
    assert c.ask(b"sync/1") == "+"
    left = leave(rig, HOURS_36 * 2)
    for ahead, is_there in ((76000, True), (76500, False)):
        shift.write_text(str(ahead))
        # it looks at the clock when something wakes it
        assert c.ask(b"sync/1", b"sync/1") == "++"
        assert rig.file("mess", left).exists() == is_there
    assert c.end() == (0, "")

"""Whatever is in queue/ and is not what was written is set aside, once, with
a line in the log; everything else is delivered."""
import os
import random

import pytest

from rig import NOBODY, SPLIT, Rig, poll

GOOD = 20


def flip(path, bit=None):
    data = bytearray(path.read_bytes())
    bit = random.Random(path.name).randrange(len(data) * 8) if bit is None else bit
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)


def cut(path):
    path.write_bytes(path.read_bytes()[:-3])


def empty(path):
    path.write_bytes(b"")


def garbage(path):
    path.write_bytes(os.urandom(300))


def grow(path):
    with open(path, "ab") as f:
        f.write(b"more")


def zeros(path):
    path.write_bytes(bytes(path.stat().st_size))


def queued(tmp_path, n=GOOD):
    """A rig with n messages accepted and qmail-send not running."""
    rig = Rig(tmp_path / "home")
    rig.start_queue()
    for i in range(n):
        assert rig.inject(b"s@x", [f"r{i}@local.example".encode()], f"Subject: {i}\n\nbody {i}\n".encode()) == 0
    return rig


@pytest.mark.parametrize("harm", [flip, cut, empty, garbage, grow, zeros], ids=lambda f: f.__name__)
@pytest.mark.parametrize("kind", ["todo", "mess"])
def test_damaged(tmp_path, harm, kind):
    rig = queued(tmp_path)
    try:
        victim = rig.ids()[7]
        harm(rig.file(kind, victim))
        rig.start_send()
        poll(lambda: len(rig.delivered) == GOOD - 1, "all others are delivered")
        poll(lambda: not rig.ids("todo") and not rig.ids("mess"), "the queue is empty")
        assert f"r{7}@local.example".encode() not in [d.addr for d in rig.delivered]
        aside = sorted(p.name for p in (rig.home / "queue/quarantine").iterdir())
        assert f"{victim}.{kind}" in aside and f"{victim}.reason" in aside, aside
        alerts = poll(lambda: rig.lines("alert: "), "an alert")
        assert len(alerts) == 1 and str(victim) in alerts[0], rig.log
        assert rig.stop_send() == 0
        # and that was that: the next start finds nothing to say
        before = rig.log
        rig.start_send()
        rig.wait_log("status: local 0/")
        assert rig.inject(b"s@x", [b"again@local.example"]) == 0
        poll(lambda: rig.delivered[-1].addr == b"again@local.example", "life goes on")
        assert not rig.lines("alert: "), before
    finally:
        rig.stop()


def test_every_bit_of_an_envelope(tmp_path):
    """Not one flipped bit of the record goes unnoticed."""
    rig = queued(tmp_path, 1)
    rig.stop()
    whole = rig.file("todo", rig.ids()[0]).read_bytes()
    ident = rig.ids()[0]
    for bit in range(0, len(whole) * 8, 37):
        for f in (rig.home / "queue/quarantine").iterdir():
            name, kind = f.name.rsplit(".", 1)
            if kind in ("todo", "mess"):
                os.rename(f, rig.file(kind, int(name)))
            else:
                f.unlink()
        data = bytearray(whole)
        data[bit // 8] ^= 1 << bit % 8
        rig.file("todo", ident).write_bytes(data)
        rig.start_send()
        rig.wait_log("alert: ")
        poll(lambda: not rig.ids("todo"), "set aside")
        rig.stop_send()
    assert not rig.delivered


def test_missing_message(tmp_path):
    rig = queued(tmp_path)
    try:
        victim = rig.ids()[3]
        rig.file("mess", victim).unlink()
        rig.start_send()
        poll(lambda: len(rig.delivered) == GOOD - 1, "all others are delivered")
        poll(lambda: not rig.ids("todo"), "the queue is empty")
        assert len(poll(lambda: rig.lines("alert: "), "an alert")) == 1
    finally:
        rig.stop()


@pytest.mark.parametrize("harm", [flip, cut, empty, garbage], ids=lambda f: f.__name__)
def test_damaged_note(tmp_path, harm):
    """A damaged note loses nothing: the delivery begins anew."""
    rig = Rig(tmp_path / "home")
    rig.verdict = lambda d: ("Z", b"later\n")
    with rig:
        assert rig.inject(b"s@x", [b"a@local.example", b"b@local.example"]) == 0
        rig.wait_log("deferral: ", 2)
        poll(lambda: rig.ids("info"), "there is a note")
        rig.stop_send()
        ident = rig.ids()[0]
        harm(rig.file("info", ident))
        rig.verdict = lambda d: ("K", b"")
        rig.start_send()
        # the time of the next attempt was in the note: so it is made now
        poll(lambda: {d.addr for d in rig.delivered} == {b"a@local.example", b"b@local.example"}, "both")
        rig.wait_empty()
        assert len(poll(lambda: rig.lines("warning: "), "a warning")) == 1
        assert any(".info." in p.name for p in (rig.home / "queue/quarantine").iterdir())


def test_damaged_note_that_stays(tmp_path):
    """It goes with its message, not before."""
    rig = Rig(tmp_path / "home")
    rig.verdict = lambda d: ("Z", b"later\n")
    with rig:
        assert rig.inject(b"s@x", [b"a@local.example"]) == 0
        rig.wait_log("deferral: ")
        [n] = poll(lambda: rig.ids("info"), "there is a note")
        rig.stop_send()
        garbage(rig.file("info", n))
        rig.verdict = lambda d: ("K", b"")
        os.chmod(rig.home / "queue/quarantine", 0)
        rig.start_send()
        rig.wait_empty()
        poll(lambda: not rig.ids("info"), "no note is left")
        assert rig.lines("warning: ") == [
            f"warning: damaged info/{n % SPLIT}/{n} could not be set aside; delivery begins anew"]


def test_strangers_in_the_folders(tmp_path):
    """Names that are no IDs, folders, links and pipes disturb nothing."""
    rig = queued(tmp_path, 3)
    try:
        todo = rig.home / "queue/todo"
        (todo / "0/README").write_bytes(b"hello")
        (todo / "1/007").write_bytes(b"leading zeros")
        (todo / "2/-5").write_bytes(b"")
        os.mkdir(todo / "3/1000000000000003")
        os.symlink("/etc/passwd", todo / "4/1000000000000004")
        os.mkfifo(todo / "5/1000000000000005")
        for n in range(6):
            for p in (todo / str(n)).iterdir():
                if os.geteuid() == 0:
                    os.chown(p, NOBODY, NOBODY, follow_symlinks=False)
        rig.start_send()
        poll(lambda: len(rig.delivered) == 3, "the mail is delivered")
        assert rig.inject(b"s@x", [b"more@local.example"]) == 0
        poll(lambda: len(rig.delivered) == 4, "and goes on being delivered")
        assert rig.stop_send() == 0
    finally:
        rig.stop()


def test_trigger_takes_garbage(tmp_path):
    with Rig(tmp_path / "home") as rig:
        with open(rig.home / "queue/lock/trigger", "wb", buffering=0) as t:
            t.write(b"\0\0\xff\n99999999999999999999999\n-1\n\n12\n" + b"x" * 3000)
        assert rig.inject(b"s@x", [b"a@local.example"]) == 0
        poll(lambda: rig.delivered, "mail goes on")
        assert rig.send.poll() is None

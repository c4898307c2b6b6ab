"""The queue after a power loss: the harness of tests/power, a sample of what
`make powerfail` does, and what it found."""
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rig import ROOT, SPLIT, Rig, poll

POWER = ROOT / "tests/power"
sys.path.insert(1, str(POWER))

import model  # noqa: E402
import trace  # noqa: E402

STATES = 120  # of each scenario; 40 show what is wrong


# --- the model ---

FILE, FOLDER = ("file", 1), ("folder", "mess/0")
WRITE, NAME = ("write", 1, 0, b"new"), ("names", "mess/0", {"7": 1})
NOTHING, EMPTY, ZEROS, WHOLE = None, b"", b"\0\0\0", b"new"


def sync(what, number=1):
    return [("begin", number, what), ("end", number)]


def found(events, image=()):
    """What may be found of mess/0/7 after these events; None: nothing."""
    world = model.World(image)
    for i, event in enumerate(events, 1):
        world.step(i, event)
    states = list(model.Moment(world).states(random.Random(1)))
    assert all(paths == ("mess/0/7",) for state in states for _, paths in state)
    return {state[0][0] if state else None for state in states}


def number(value):
    """A set is written in another order in each process."""
    return len(value) if isinstance(value, set) else None


@pytest.mark.parametrize("events, states", [
    ([], {NOTHING}),
    ([WRITE], {NOTHING}),
    ([NAME], {NOTHING, EMPTY}),
    ([WRITE, NAME], {NOTHING, EMPTY, ZEROS, WHOLE}),
    ([WRITE, NAME, *sync(FILE)], {NOTHING, WHOLE}),
    ([WRITE, NAME, *sync(FOLDER)], {EMPTY, ZEROS, WHOLE}),
    ([WRITE, NAME, *sync(FILE), *sync(FOLDER)], {WHOLE}),
    ([WRITE, *sync(FILE), NAME], {NOTHING, WHOLE}),
    ([WRITE, NAME, *sync(("all",))], {WHOLE}),
    ([WRITE, ("begin", 1, ("all",)), NAME, ("end", 1)], {NOTHING, WHOLE}),
    ([NAME, ("begin", 1, ("all",)), WRITE, ("end", 1)], {EMPTY, ZEROS, WHOLE}),
    ([WRITE, NAME, ("begin", 1, ("all",))], {NOTHING, EMPTY, ZEROS, WHOLE}),
    ([WRITE, NAME, *sync(("all",)), ("names", "mess/0", {"7": None})], {NOTHING, WHOLE}),
    ([WRITE, NAME, *sync(("all",)), ("write", 1, 0, b"old")], {WHOLE, b"old"}),
    ([WRITE, NAME, *sync(("all",)), ("size", 1, 1)], {WHOLE, b"n", b"n\0\0"}),
], ids=number)
def test_what_may_be_found(events, states):
    assert found(events) == states


def test_rename_is_one_operation():
    """The old note or the new one, and never none."""
    image = ((b"old", ("info/0/7",)),)
    world = model.World(image)
    for i, event in enumerate([("names", "info/0", {"7.tmp": 1}), ("write", 1, 0, b"new"),
                               ("names", "info/0", {"7": 1, "7.tmp": None})], 1):
        world.step(i, event)
    for state in model.Moment(world).states(random.Random(1)):
        content = {path: c for c, paths in state for path in paths}
        assert content["info/0/7"] in (b"old", b"new", b"", b"\0\0\0")


def test_blocks_are_torn():
    a, b, c = b"a" * 512, b"b" * 512, b"c" * 100
    gone = bytes(512)
    got = found([NAME, *sync(FOLDER), ("write", 1, 0, a + b + c)])
    assert {a + b + c, b"", a, a + b, gone + b + c, a + gone + c, a + b + bytes(100)} < got
    assert all(len(x) in (0, 512, 1024, 1124) for x in got)
    # and what was there already is not lost where nothing was written
    got = found([NAME, ("write", 1, 0, a + b + c), *sync(("all",)), ("write", 1, 512, a)])
    assert got == {a + b + c, a + a + c}


def test_operations_are_reordered():
    create, rename, remove = {"7.tmp": 1}, {"7": 1, "7.tmp": None}, {"7": None}
    old, new, tmp, both = {"7": 0}, {"7": 1}, {"7": 0, "7.tmp": 1}, {"7": 1, "7.tmp": 1}
    for ops, listings in [([], [old]), ([create], [old, tmp]), ([create, rename], [old, tmp, both, new]),
                          ([rename, remove], [old, new, {}]), ([remove] * 9, [old, {}])]:
        got = model.listings({"7": 0}, ops)
        assert sorted(map(str, got)) == sorted(map(str, listings))
        assert got[-1] == listings[-1]


def test_sampling():
    """As many different states as are wanted, the same each time; all when
    there are fewer."""
    events = [e for i in range(1, 8) for e in (
        ("write", i, 0, bytes([i]) * 3000), ("names", f"mess/{i}", {"7": i}))]
    some = [list(model.states(model.World(), events, 1, 500)) for _ in range(2)]
    assert some[0] == some[1] and len({key for _, _, key in some[0]}) == 500
    assert {moment for moment, _, _ in some[0]} == set(range(len(events) + 1))
    few = list(model.states(model.World(), [WRITE, NAME], 1, 500))
    assert len({key for _, _, key in few}) == 4


# --- the recording ---

def hexed(text):
    return "".join(f"\\x{c:02x}" for c in text.encode())


def recorded(*lines):
    return trace.Tracer("/home").read(["1 getpid() = 1", *(f"2 {line}" for line in lines)])


QUEUE = f"3<{hexed('/home/queue/mess/0')}>"
FILE_FD = f"4<{hexed('/home/queue/mess/0/7')}>"
CREATE = f'openat({QUEUE}, "{hexed("7")}", 0x80241, 0640) = {FILE_FD}'


def test_recording():
    assert recorded(CREATE, f'write({FILE_FD}, "{hexed("ab")}", 2) = 1',
                    f'write({FILE_FD}, "{hexed("b")}", 1) = 1', f"fsync({FILE_FD} <unfinished ...>",
                    f'write({FILE_FD}, "{hexed("c")}", 1) = -1 EIO (Input/output error)',
                    "<... fsync resumed>) = 0 (DELAYED)", f"fsync({QUEUE}) = 0",
                    f'unlinkat({QUEUE}, "{hexed("7")}", 0) = 0') == [
        ("names", "mess/0", {"7": 0}), ("write", 0, 0, b"a"), ("write", 0, 1, b"b"),
        ("begin", 1, ("file", 0)), ("end", 1), ("begin", 2, ("folder", "mess/0")), ("end", 2),
        ("names", "mess/0", {"7": None})]


@pytest.mark.parametrize("line", [
    f'pwritev({FILE_FD}, [{{iov_base="{hexed("a")}", iov_len=1}}], 1, 0) = 1',
    f"copy_file_range({FILE_FD}, NULL, {FILE_FD}, NULL, 1, 0) = 1",
    f"fallocate({FILE_FD}, 0, 0, 4096) = 0",
    f"mmap(NULL, 4096, 0x3, 0x1, {FILE_FD}, 0) = 0x7f0000000000",
    f"dup({FILE_FD}) = 5<{hexed('/home/queue/mess/0/7')}>",
    f'write(9<{hexed("/home/queue/mess/0/8")}>, "{hexed("a")}", 1) = 1',
    f'write({FILE_FD}, "{hexed("a")}"..., 100) = 100',
    f'renameat2({QUEUE}, "{hexed("7")}", {QUEUE}, "{hexed("8")}", 0x2) = 0',
    f'mkdirat({QUEUE}, "{hexed("d")}", 0700) = 0',
    f'unlink("{hexed("queue/mess/0/7")}") = 0',
    f'chmod("{hexed("/home/queue/mess/0/7")}", 0600) = 0',
    f"syncfs(5<{hexed('/tmp')}>) = 0",
    "io_uring_setup(8, 0x7ffc00000000) = 5",
    "+++ killed by SIGSEGV +++",
])
def test_nothing_is_passed_over(line):
    with pytest.raises(trace.NotUnderstood):
        recorded(CREATE, line)


# --- the system ---

def powerfail(*args):
    """Exit code, and {scenario: {what: number}}."""
    done = subprocess.run(["/usr/bin/python3", str(POWER / "powerfail.py"), *args],
                          capture_output=True, text=True)
    table = {name: {what: int(n) for n, what in re.findall(r"(\d+) (\w+)", rest)}
             for name, rest in re.findall(r"(?m)^(\w+): (.*)$", done.stdout)}
    assert table, done.stderr
    return done.returncode, table, done.stderr


def test_power_fails():
    code, table, errors = powerfail("--states", str(STATES))
    for name, counts in table.items():
        assert counts["states"] >= counts["distinct"] >= STATES / 2, name
        assert not any(counts[what] for what in ("lost", "corrupt", "unclean", "repeated")), errors
    assert code == 0 and len(table) == 8


@pytest.mark.parametrize("wrong, scenario, what", [
    ("unsynced", "accept", "lost"),
    ("nameless", "apart", "lost"),
    ("hasty", "accept", "lost"),
    ("backwards", "deliver", "unclean"),
])
def test_what_is_wrong_is_seen(wrong, scenario, what):
    code, table, _ = powerfail("--states", "40", "--spoil", wrong, scenario)
    assert code == 1 and table[scenario][what] > 0


def build(source, folder):
    """A library to be preloaded."""
    out = folder / f"{source.stem}.so"
    subprocess.run([os.environ.get("CC", "cc"), "-D_GNU_SOURCE", "-shared", "-fPIC", "-O1",
                    "-o", str(out), str(source), "-ldl"], check=True)
    return out


def test_own_names_that_were_left(tmp_path):
    """Without O_TMPFILE a message has another name for a moment: PID.tmp. A
    power loss may leave both, and the PID comes again. Then the next message
    is no part of the first."""
    rig = Rig(tmp_path / "home")
    faultlib = build(ROOT / "tests/fault/faultlib.c", tmp_path)
    os.chmod(tmp_path, 0o755)
    rig.preload["qmail-queue"] = {"LD_PRELOAD": str(faultlib), "FAULT_NO_TMPFILE": "1"}
    rig.verdict = lambda d: ("Z", b"later\n")
    with rig:
        assert rig.inject(b"s@x", [b"first@local.example"], b"first\n") == 0
        [first] = rig.ids()
        before = rig.file("mess", first).read_bytes()
        master = rig.queue.pid
        workers = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        for n in range(SPLIT):
            for pid in workers:
                for kind in ("mess", "todo"):
                    os.link(rig.file(kind, first), rig.home / f"queue/{kind}/{n}/{pid}.tmp")
        for i in range(20):
            assert rig.inject(b"s@x", [b"next@local.example"], b"next\n") == 0
        assert rig.file("mess", first).read_bytes() == before
        poll(lambda: len(rig.started) == 21, "all are tried")
        assert not rig.lines("alert: ")

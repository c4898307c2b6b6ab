"""qmail-qimport: what is pending in a classic queue comes into ours.

The classic queues are made by hand, from contract queue.md 2 and 10.
"""
import contextlib
import errno
import fcntl
import functools
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

from rig import NOBODY
from sendkit import BIN, Rig, fresh_rig, mail_of, message, note, note_of, poll
from test_fault import Plan, faultlib  # noqa: F401 (a fixture)

HEAD = b"Received: (qmail %d invoked by uid 1001); 22 Nov 2026 14:32:10 -0000\n"
SPLIT = ("mess", "info", "local", "remote")


class Classic:
    """A classic queue, without its programs."""

    def __init__(self, path, split=23, big=False):
        self.path, self.split, self.big = path, split, big
        for kind in ("pid", "lock", "bounce", "intd", "todo", *SPLIT):
            (path / kind).mkdir(parents=True)
        for kind in (*SPLIT, *(("todo", "intd") if big else ())):
            for n in range(split):
                (path / kind / str(n)).mkdir()
        (path / "lock/sendmutex").touch()
        self.bodies = {}

    def file(self, kind, n):
        if kind in SPLIT or self.big and kind in ("todo", "intd"):
            return self.path / kind / str(n % self.split) / str(n)
        return self.path / kind / str(n)

    def put(self, kind, n, data, age=0):
        path = self.file(kind, n)
        path.write_bytes(data)
        at = int(time.time()) - age
        os.utime(path, (at, at))
        return at

    def mess(self, n, body=None):
        body = HEAD % (n % 30000) + (body or b"Subject: %d\n\nhi\n" % n)
        self.bodies[n] = body
        self.put("mess", n, body)

    def accepted(self, n, sender, rcpts, body=None, age=0):
        """S4: not yet looked at by qmail-send. Its birth."""
        self.mess(n, body)
        at = self.put("intd", n, b"u1001\0p%d\0F%s\0" % (n % 30000, sender) +
                      b"".join(b"T" + r + b"\0" for r in rcpts), age)
        os.link(self.file("intd", n), self.file("todo", n))
        return at

    def pending(self, n, sender, local=(), remote=(), bounce=None, body=None, age=0):
        """S5. Recipients begin with their letter. Its birth."""
        self.mess(n, body)
        for kind, rcpts in (("local", local), ("remote", remote)):
            if rcpts:
                self.put(kind, n, b"".join(r + b"\0" for r in rcpts))
        if bounce is not None:
            self.put("bounce", n, bounce)
        return self.put("info", n, b"F" + sender + b"\0", age)

    def own(self):
        """Give it to the user the rig runs as."""
        if os.geteuid() == 0:
            for top, dirs, files in os.walk(self.path):
                for path in (os.path.join(top, name) for name in (".", *dirs, *files)):
                    if os.lstat(path).st_uid != NOBODY:
                        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)

    def state(self):
        """All there is to be changed by somebody."""
        def of(path):
            st = path.lstat()
            content = path.read_bytes() if path.is_file() else None
            return st.st_mode, st.st_uid, st.st_gid, st.st_nlink, st.st_mtime_ns, st.st_ctime_ns, content
        return {p: of(p) for p in sorted(self.path.rglob("*"))}


@pytest.fixture
def rig():
    with fresh_rig() as r:
        yield r


@pytest.fixture
def classic(rig):
    return Classic(rig.home.parent / "classic")


@pytest.fixture
def small(rig):
    """Few folders to be opened."""
    return Classic(rig.home.parent / "classic", 2)


def qimport(rig, classic, *options, code=0):
    """Its lines, without the last; that one is in qimport.total."""
    path = classic.path if isinstance(classic, Classic) else classic
    if isinstance(classic, Classic):
        classic.own()
    p = rig.popen("qmail-qimport", [*options, str(path)],
                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = p.communicate(timeout=120)
    assert p.returncode == code, (p.returncode, out, err)
    assert err == b"" or code != 0 and not out, err
    qimport.error = err.decode()
    *lines, qimport.total = out.decode().splitlines() or [""]
    return lines


def total(taken=0, before=0, nothing=0, never=0, left=0, rcpts=0, files=0):
    return (f"total: taken {taken}, taken before {before}, nothing to do {nothing}, never accepted {never}, "
            f"left: messages {left}, recipients {rcpts}, other files {files}")


def envelope(rig, ident):
    """[(letter, text)] of an envelope, its seal left out."""
    records = rig.file("todo", ident).read_bytes().split(b"\0")[:-2]
    return [(r[:1].decode(), r[1:]) for r in records]


def sender_of(rig, ident):
    return dict(envelope(rig, ident))["F"]


def rcpts_of(rig, ident):
    return [text for letter, text in envelope(rig, ident) if letter == "T"]


def taken(rig):
    """{sender: [recipients]} of all messages in our queue."""
    found = [(sender_of(rig, i), rcpts_of(rig, i)) for i in rig.ids()]
    assert len(dict(found)) == len(found), f"taken twice: {found}"
    return dict(found)


def fill(c):
    """One message in each state, and what is to be in our queue of them."""
    c.mess(100)                                                # S2
    c.mess(101)                                                # S3
    c.put("intd", 101, b"u1\0p1\0Fs3@x\0Ta@b\0")
    c.accepted(102, b"s4@x", [b"a@local.example", b"b@far.example"], age=3000)
    c.accepted(103, b"", [b"c@local.example"])
    c.put("info", 103, b"Fstale@x\0")                          # todo wins
    c.put("local", 103, b"Dc@local.example\0")
    c.put("remote", 103, b"Tstale@far.example\0")
    c.put("bounce", 103, b"<stale@x>:\nno\n\n")
    c.pending(104, b"s5@x", [b"Tl@local.example", b"Ddone@local.example"],
              [b"Dd@far.example", b"Tr@far.example"], age=86400)
    c.pending(105, b"local@x", [b"Tonly@local.example"], age=200000)
    c.pending(106, b"over@x", [b"Dl@local.example"], [b"Dr@far.example"])
    c.pending(107, b"nobody@x")
    c.accepted(108, b"empty@x", [])
    return {b"s4@x": [b"a@local.example", b"b@far.example"], b"": [b"c@local.example"],
            b"s5@x": [b"l@local.example", b"r@far.example"], b"local@x": [b"only@local.example"]}


@pytest.mark.parametrize("big", [False, True], ids=["todo", "big-todo"])
@pytest.mark.parametrize("split", [23, 7, 1, 40])
def test_states(rig, split, big):
    c = Classic(rig.home.parent / "classic", split, big)
    want = fill(c)
    c.own()
    before = c.state()
    dry = qimport(rig, c, "-n")
    assert qimport.total == total(4, 0, 3, 2)
    assert not rig.ids("mess") and not (rig.home / "queue/import").exists()
    lines = qimport(rig, c)
    assert qimport.total == total(4, 0, 3, 2)
    assert taken(rig) == want
    assert (rig.home / "queue/import").stat().st_mode & 0o7777 == 0o750
    assert c.state() == before
    assert sorted(re.sub(r"taken as \d+", "would be taken", x) for x in lines) == sorted(dry)
    assert sorted(x for x in lines if "taken" not in x) == [
        "msg 100: never accepted", "msg 101: never accepted", "msg 106: nothing to do",
        "msg 107: nothing to do", "msg 108: nothing to do"]
    assert any(re.fullmatch(r"msg 104: taken as \d+: 2 recipients", x) for x in lines)
    assert any(re.fullmatch(r"msg 105: taken as \d+: 1 recipient", x) for x in lines)
    assert not rig.ids("info")


def test_what_is_kept(rig, classic):
    """Bytes, birth, and for a message in todo who handed it in."""
    births = {1000123: classic.accepted(1000123, b"a@x", [b"r@far.example"], age=5000),
              7: classic.pending(7, b"b@x", [b"Tl@local.example"], age=500000, body=b"\0\r\n\xff" * 99999)}
    qimport(rig, classic)
    ids = {sender_of(rig, i): i for i in rig.ids()}
    assert ids == {b"a@x": births[1000123] * 1000000 + 123, b"b@x": births[7] * 1000000 + 7}
    for n, sender in ((1000123, b"a@x"), (7, b"b@x")):
        assert rig.file("mess", ids[sender]).read_bytes() == classic.bodies[n]
        head = dict(envelope(rig, ids[sender]))
        assert int(head["s"]) == len(classic.bodies[n])
    assert (dict(envelope(rig, ids[b"a@x"]))["u"], dict(envelope(rig, ids[b"a@x"]))["p"]) == \
        (b"1001", b"%d" % (1000123 % 30000))
    assert dict(envelope(rig, ids[b"b@x"]))["u"] == b"%d" % (NOBODY if os.geteuid() == 0 else os.getuid())


def test_ids_are_unique(rig, classic):
    """The same second, numbers alike but for millions."""
    for n in range(1, 4):
        classic.pending(n * 1000000 + 5, b"%d@x" % n, remote=[b"Tr@far.example"])
        os.utime(classic.file("info", n * 1000000 + 5), (1795000000, 1700000000))
    qimport(rig, classic)
    assert len(taken(rig)) == 3
    assert rig.ids() == [1700000000000005 + i for i in range(3)]


@pytest.mark.parametrize("mtime, want", [(0, 1), (-5, 1), (2 ** 33, None)], ids=["epoch", "before", "future"])
def test_odd_births(rig, classic, mtime, want):
    classic.pending(5, b"s@x", remote=[b"Tr@far.example"])
    os.utime(classic.file("info", 5), (mtime, mtime))
    qimport(rig, classic)
    [ident] = rig.ids()
    assert ident // 1000000 == want or want is None and abs(ident / 1000000 - time.time()) < 100


# --- delivery ---

@pytest.mark.parametrize("when", ["running", "started later"])
def test_delivered(rig, classic, when):
    fill(classic)
    mail = {}

    def verdict(d):
        mail[d.channel, d.addr] = d.sender, rig.file("mess", d.id).read_bytes()
        return "K", b"ok\n"

    rig.verdict = verdict
    if when == "running":
        rig.start()
    qimport(rig, classic)
    if when != "running":
        rig.start()
    rig.wait_empty()
    assert mail == {
        ("local", b"a@local.example"): (b"s4@x", classic.bodies[102]),
        ("remote", b"b@far.example"): (b"s4@x", classic.bodies[102]),
        ("local", b"c@local.example"): (b"", classic.bodies[103]),
        ("local", b"l@local.example"): (b"s5@x", classic.bodies[104]),
        ("remote", b"r@far.example"): (b"s5@x", classic.bodies[104]),
        ("local", b"only@local.example"): (b"local@x", classic.bodies[105])}
    assert len(rig.started) == 6
    assert len(rig.lines("new msg")) == 4
    assert f"> qp {102} uid 1001\n" in rig.log
    # and that was that
    qimport(rig, classic)
    assert qimport.total == total(0, 4, 3, 2)
    assert not rig.ids("mess")


@pytest.mark.parametrize("when", ["running", "started later"])
@pytest.mark.parametrize("local", [[], [b"Dold@local.example", b"Tnew@local.example"]], ids=["alone", "with more"])
def test_bounce(rig, classic, when, local):
    """What failed before we came is in the bounce, exactly once."""
    text = b"<old@local.example>:\nno such user \xe9\n\n<z@far.example>:\nworse\n\n"
    classic.pending(9, b"s@local.example", local, [b"Dz@far.example"], bounce=text)
    bounces = []

    def verdict(d):
        if d.sender == b"":
            bounces.append(mail_of(rig, d)[1])
            return "K", b"ok\n"
        return "D", b"not here either\n"

    rig.verdict = verdict
    if when == "running":
        rig.start()
    lines = qimport(rig, classic)
    assert re.fullmatch(rf"msg 9: taken as \d+: {'1 recipient' if local else '0 recipients'}, a bounce", lines[0])
    if when != "running":
        [ident] = rig.ids()
        assert note_of(rig, ident)["B"] == text
        rig.start()
    rig.wait_empty()
    more = b"<new@local.example>:\nnot here either\n\n" if local else b""
    assert len(bounces) == 1 and text + more + b"--- Below" in bounces[0]
    assert bounces[0].endswith(classic.bodies[9])
    assert not rig.ids("info")


def test_bounce_without_text(rig, classic):
    """An empty file is a bounce all the same; a NUL cannot be in a note."""
    classic.pending(9, b"a@local.example", [b"Dx@local.example"], bounce=b"")
    classic.pending(10, b"b@local.example", [b"Dx@local.example"], bounce=b"<x@y>:\na\0b\n\n")
    qimport(rig, classic)
    notes = {sender_of(rig, i): note_of(rig, i)["B"] for i in rig.ids("info")}
    assert notes == {b"a@local.example": b"\n", b"b@local.example": b"<x@y>:\na?b\n\n"}
    with rig:
        rig.wait_empty()
    assert {d.addr for d in rig.delivered} == {b"a@local.example", b"b@local.example"}


def test_age(rig, classic):
    """The next attempt, and the end, are those of the true age."""
    rig.verdict = lambda d: ("Z", b"later\n")
    birth = classic.pending(1, b"young@local.example", [b"Tl@local.example"], age=10000)
    classic.pending(2, b"", remote=[b"Tr@far.example"], age=604800 + 100)
    qimport(rig, classic)
    young = next(i for i in rig.ids() if sender_of(rig, i))
    with rig:
        rig.wait_log("I'm_not_going_to_try_again;")
        rig.wait_log("deferral")
        assert rig.stop_send() == 0
    assert int(note_of(rig, young)["l"]) - birth in range(12100, 12600)


# --- addresses ---

LONG = b"x" * 993 + b"@far.test"
SENDERS = [b"", b"#@[]", b"list-@local.example-@[]", b"plain", b"a b@x", b"\xe9\xff@x", b"new\nline@x", b"s" * 1002]


@pytest.mark.parametrize("sender", SENDERS, ids=range(len(SENDERS)))
def test_senders(rig, classic, sender):
    assert len(LONG) == 1002
    classic.accepted(1, sender, [b"a@far.example"])
    classic.pending(2, sender, remote=[b"Tb@far.example"])
    qimport(rig, classic)
    assert [sender_of(rig, i) for i in rig.ids()] == [sender, sender]


RAW = [b"", b"@", b"nobody", b"a@local.example", b"\xe9@far.example", b"new\nline@far.example", LONG, b"u@virt.example"]


@pytest.mark.parametrize("rcpt", RAW, ids=range(len(RAW)))
def test_recipients_in_todo(rig, classic, rcpt):
    """They were not rewritten yet, and are taken as they are."""
    classic.accepted(1, b"s@x", [rcpt, b"other@far.example"])
    qimport(rig, classic)
    [ident] = rig.ids()
    assert rcpts_of(rig, ident) == [rcpt, b"other@far.example"]


CONTROLS = {
    "me": "mail.example.org\n",
    "locals": "local.example\nmail.example.org\n",
    "percenthack": "pct.example\nlocal.example\n",
    "envnoathost": "noat.example\n",
    "virtualdomains": "virt.example:joe-v\n.wild.example:alias-w\nuser@vu.example:bob-vu\nvu.example:joe\n"
                      "user@solo.example:bob-solo\nnot.wild.example:\ndash.example:a-b-\nsp.example: joe\n"}

# where the classic queue sends it, what is written there, what was handed in
STORED = [
    ("local", b"a@local.example", b"a@local.example"),
    ("local", b"A-b-c@LOCAL.example", b"A-b-c@LOCAL.example"),
    ("local", b"@local.example", b"@local.example"),
    ("local", b"joe-v-u@virt.example", b"u@virt.example"),
    ("local", b"joe-v-joe-v-u@VIRT.example", b"joe-v-u@VIRT.example"),
    ("local", b"joe-v-@virt.example", b"@virt.example"),
    ("local", b"alias-w-u@a.b.wild.example", b"u@a.b.wild.example"),
    ("local", b"bob-vu-user@vu.example", b"user@vu.example"),
    ("local", b"bob-vu-USER@VU.example", b"USER@VU.example"),
    ("local", b"joe-other@vu.example", b"other@vu.example"),
    ("local", b"bob-solo-user@solo.example", b"user@solo.example"),
    ("local", b"a-b--x@dash.example", b"x@dash.example"),
    ("local", b" joe-u@sp.example", b"u@sp.example"),
    ("local", b"joe-v-\xe9\n'@virt.example", b"\xe9\n'@virt.example"),
    ("local", b"joe-v-" + b"-" * 988 + b"@virt.example", b"-" * 988 + b"@virt.example"),
    ("remote", b"r@far.example", b"r@far.example"),
    ("remote", b"u@not.wild.example", b"u@not.wild.example"),
    ("remote", b"other@solo.example", b"other@solo.example"),
    ("remote", b"x@y@far.example", b"x@y@far.example"),
    ("remote", b"nobody@noat.example", b"nobody@noat.example"),
    ("remote", b"x" * 1002 + b"@noat.example", b"x" * 1002 + b"@noat.example"),
    ("remote", b"a%b@far.example", b"a%b@far.example"),
]


def with_controls(rig, **changes):
    for name, text in {**CONTROLS, **changes}.items():
        rig.control(name, text)


@pytest.mark.parametrize("channel, stored, want", STORED, ids=range(len(STORED)))
def test_stored_recipients(rig, classic, channel, stored, want):
    """Handed to us as it was handed in, it goes where it was to go."""
    with_controls(rig)
    classic.pending(1, b"s@x", **{channel: [b"T" + stored]})
    lines = qimport(rig, classic)
    assert len(lines) == 1
    [ident] = rig.ids()
    assert rcpts_of(rig, ident) == [want]
    with rig:
        rig.wait_empty()
    assert [(d.channel, d.addr) for d in rig.delivered] == [(channel, stored)]


def test_verp(rig, classic):
    """Contract queue.md 4.3, oracle 31."""
    with_controls(rig)
    classic.pending(1, b"list-@l.example-@[]", [b"Tjoe-v-u@virt.example"], [b"Tbob@far.example"])
    qimport(rig, classic)
    with rig:
        rig.wait_empty()
    assert {d.sender for d in rig.delivered} == {
        b"list-joe-v-u=virt.example@l.example", b"list-bob=far.example@l.example"}


# stored where, what, with which controls: taken as what, or left; and what is said
OTHER = [
    ("local", b"joe-v-u@gone.example", {}, b"joe-v-u@mail.example.org", "remote joe-v-u@gone.example"),
    ("local", b"u@left.example", {}, b"u@mail.example.org", "remote u@left.example"),
    ("local", b"old-u@virt.example", {}, b"old-u@mail.example.org", "local joe-v-old-u@virt.example"),
    ("local", b"u@left.example", {"locals": "local.example\n"}, None, "remote u@left.example"),
    ("local", b"u%x@left.example", {"percenthack": "mail.example.org\n"}, None, "remote u%x@left.example"),
    ("local", b"nowhere", {}, None, "remote nowhere@noat.example"),
    ("remote", b"u@local.example", {}, None, "local u@local.example"),
    ("remote", b"u@virt.example", {}, None, "local joe-v-u@virt.example"),
    ("remote", b"a%b@pct.example", {}, None, "remote a@b"),
]


@pytest.mark.parametrize("channel, stored, changes, want, now", OTHER, ids=range(len(OTHER)))
def test_other_controls(rig, classic, channel, stored, changes, want, now):
    with_controls(rig, **changes)
    classic.pending(1, b"s@x", **{channel: [b"T" + stored]})
    lines = qimport(rig, classic, code=0 if want else 111)
    how = " taken as " + want.decode() if want else " left"
    said = stored.decode().replace("%", "_")
    assert lines[1:] == [f"\t{channel} {said}{how}: the control files now lead to {now.replace('%', '_')}"]
    if want is None:
        assert lines[0] == "msg 1: left: 1 recipient" and not rig.ids("mess")
        assert qimport.total == total(left=1, rcpts=1)
        return
    [ident] = rig.ids()
    assert rcpts_of(rig, ident) == [want]
    with rig:
        rig.wait_empty()
    assert [(d.channel, d.addr) for d in rig.delivered] == [("local", want)]


def test_what_is_left_is_taken_later(rig, classic):
    """Only that, whatever became of the rest; the bounce only once."""
    with_controls(rig)
    classic.pending(1, b"s@local.example",
                    [b"Ta@local.example", b"Tb@b.example", b"Dd@d.example", b"Tc@c.example"],
                    [b"Tx@far.example", b"Ty@virt.example", b"Tz@virt.example"], bounce=b"<d@d.example>:\nno\n\n")
    rig.control("locals", "local.example\n")
    lines = qimport(rig, classic, code=111)
    assert re.fullmatch(r"msg 1: taken as \d+: 2 recipients, a bounce; left: 4 recipients", lines[0])
    assert [x.split()[1] for x in lines[1:]] == ["b@b.example", "c@c.example", "y@virt.example", "z@virt.example"]
    assert qimport.total == total(1, rcpts=4)
    [first] = rig.ids()
    assert rcpts_of(rig, first) == [b"a@local.example", b"x@far.example"]

    # no change: nothing is taken
    lines = qimport(rig, classic, code=111)
    assert lines[0] == "msg 1: left: 4 recipients" and rig.ids() == [first]

    # one is right now
    rig.control("locals", "local.example\nc.example\n")
    assert "left: 3 recipients" in qimport(rig, classic, code=111)[0]
    [second] = set(rig.ids()) - {first}
    assert rcpts_of(rig, second) == [b"c@c.example"]
    assert rig.ids("info") == [first]

    # somebody let the classic qmail-send run, which delivered to b and y
    classic.put("local", 1, b"Da@local.example\0Db@b.example\0Dd@d.example\0Dc@c.example\0")
    classic.put("remote", 1, b"Dx@far.example\0Dy@virt.example\0Tz@virt.example\0")
    rig.control("virtualdomains", "")
    assert re.fullmatch(r"msg 1: taken as \d+: 1 recipient", qimport(rig, classic)[0])
    [third] = set(rig.ids()) - {first, second}
    assert rcpts_of(rig, third) == [b"z@virt.example"]
    qimport(rig, classic)
    assert qimport.total == total(0, 1)


# --- what is broken ---

def break_file(kind, data):
    return lambda c: c.put(kind, 5, data)


def replace(kind, make):
    def harm(c):
        c.file(kind, 5).unlink()
        make(c.file(kind, 5))
    return harm


# message 5 is in todo or not, how it is harmed, what is said of it
BROKEN = [
    (False, break_file("local", b"Ta@local.example"), "local/5/5: its last record does not end"),
    (False, break_file("local", b"Ta@local.example\0Tb"), "local/5/5: its last record does not end"),
    (False, break_file("remote", b"Ta@far.example\0Xb@far.example\0"), "remote/5/5: a record has a wrong letter"),
    (False, break_file("remote", b"Ta@far.example\0\0"), "remote/5/5: a record has a wrong letter"),
    (False, break_file("remote", b"\0" * 4096), "remote/5/5: a record has a wrong letter"),
    (False, break_file("info", b"Fs@x"), "info/5/5: its last record does not end"),
    (False, break_file("info", b""), "info/5/5: it names no sender"),
    (False, break_file("info", b"Ta@x\0"), "info/5/5: a record has a wrong letter"),
    (False, break_file("info", b"Fa@x\0Fb@x\0"), "info/5/5: a record has a wrong letter"),
    (False, break_file("info", b"F" + b"s" * 1003 + b"\0"), "info/5/5: its sender is too long"),
    (False, lambda c: c.file("mess", 5).unlink(), "mess/5/5: file does not exist"),
    (False, replace("mess", os.mkdir), "mess/5/5: it is no regular file"),
    (False, replace("mess", os.mkfifo), "mess/5/5: it is no regular file"),
    (False, replace("info", lambda p: p.symlink_to("/etc/passwd")), "info/5/5: symbolic link loop"),
    (False, replace("local", lambda p: p.symlink_to("/etc/passwd")), "local/5/5: symbolic link loop"),
    (False, lambda c: c.file("bounce", 5).mkdir(), "bounce/5: it is no regular file"),
    (True, break_file("todo", b"u1\0p2\0Fs@x\0Ta@local.example"), "todo/5: its last record does not end"),
    (True, break_file("todo", b"u1\0p2\0Ta@local.example\0"), "todo/5: it names no sender"),
    (True, break_file("todo", b"u1\0p2\0Fs@x\0Da@local.example\0"), "todo/5: a record has a wrong letter"),
    (True, break_file("todo", b""), "todo/5: it names no sender"),
    (True, lambda c: c.file("mess", 5).unlink(), "mess/5/5: file does not exist"),
]


@pytest.mark.parametrize("in_todo, harm, said", BROKEN, ids=range(len(BROKEN)))
def test_broken(rig, classic, in_todo, harm, said):
    """It is left whole; the others are taken; when it is repaired, it is."""
    classic.pending(4, b"before@x", [b"Ta@local.example"])
    classic.accepted(6, b"behind@x", [b"Ta@local.example"])

    def make():
        if in_todo:
            classic.accepted(5, b"broken@x", [b"a@local.example"])
        else:
            classic.pending(5, b"broken@x", [b"Ta@local.example"], [b"Ta@far.example"])

    make()
    harm(classic)
    assert f"msg 5: left: {said}" in qimport(rig, classic, code=111)
    assert qimport.total == total(2, left=1)
    assert set(taken(rig)) == {b"before@x", b"behind@x"}
    for kind in ("mess", "info", "local", "remote", "todo", "intd", "bounce"):
        path = classic.file(kind, 5)
        if path.is_dir():
            path.rmdir()
        elif path.exists() or path.is_symlink():
            path.unlink()
    make()
    qimport(rig, classic)
    assert qimport.total == total(1, 2)
    assert b"broken@x" in taken(rig)


def test_records_in_any_order(rig, classic):
    """As qmail-send reads todo (contract queue.md 2.2)."""
    classic.accepted(1, b"", [])
    classic.put("todo", 1, b"Ta@local.example\0Fs@x\0p12x\0Tlog\0uabc\0")
    qimport(rig, classic)
    [ident] = rig.ids()
    assert envelope(rig, ident)[2:4] == [("u", b"0"), ("p", b"12")]
    assert taken(rig) == {b"s@x": [b"a@local.example", b"log"]}


def test_too_much(rig, classic):
    """A recipient no qmail-queue let in; the others are taken."""
    classic.pending(1, b"s@x", remote=[b"T" + b"x" * 3000 + b"@far.example", b"Tok@far.example"])
    lines = qimport(rig, classic, code=111)
    assert lines[1].endswith(" left: too long") and qimport.total == total(1, rcpts=1)
    assert taken(rig) == {b"s@x": [b"ok@far.example"]}


@pytest.mark.parametrize("big", [False, True], ids=["todo", "big-todo"])
def test_strange_names(rig, big):
    c = Classic(rig.home.parent / "classic", 23, big)
    c.pending(4, b"s@x", [b"Ta@local.example"])
    strange = {
        "todo/core": "no message is called so in this folder",
        "info/4/007": "no message is called so in this folder",
        "info/4/5": "no message is called so in this folder",
        "mess/4/x%0ay": "no message is called so in this folder",
        "local/4/4.bak": "no message is called so in this folder",
        "mess/12345": "it is in none of the folders",
        "info/99": "it is in none of the folders",
        "remote/lost+found": "it is in none of the folders",
        "bounce/-1": "no message is called so in this folder",
        "local/0/23": "nothing says who sent the message",
        "remote/0/46": "nothing says who sent the message",
        "bounce/77": "nothing says who sent the message"}
    if big:
        strange["todo/core"] = strange["todo/9999"] = "it is in none of the folders"
    for name in strange:
        (c.path / name.replace("%0a", "\n")).write_bytes(b"Fwho@x\0")
    c.mess(23)  # with local/0/23: not one that was never accepted
    lines = qimport(rig, c, code=111)
    assert sorted(x for x in lines if "taken" not in x) == sorted(f"{k.replace('%0a', '/')}: left: {v}" for k, v in strange.items())
    assert qimport.total == total(1, files=len(strange))
    assert set(taken(rig)) == {b"s@x"}


def test_folder_that_cannot_be_read(rig, classic):
    """The other folders are."""
    if os.geteuid() == 0:
        os.chmod(rig.home.parent, 0o755)
    want = fill(classic)
    classic.own()
    (classic.path / "info/12").chmod(0)
    lines = qimport(rig, classic, code=111)
    assert "info/12: left: access denied" in lines
    (classic.path / "info/12").chmod(0o700)
    assert taken(rig) == {k: v for k, v in want.items() if k != b"s5@x"}
    qimport(rig, classic)
    assert taken(rig) == want


# --- what is refused ---

@pytest.mark.parametrize("missing", [
    "mess", "info", "local", "remote", "todo", "bounce", "lock/sendmutex", "mess/22", "info/5", "local/0",
    "remote/11"])
def test_not_a_classic_queue(rig, classic, missing):
    path = classic.path / missing
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert qimport(rig, classic, code=100) == []
    assert qimport.error == f"qmail-qimport: fatal: this is no classic queue, it lacks {missing}\n"


def test_never_split(rig, classic):
    """Of qmail 0.9x; qmail-upq makes folders."""
    for kind in SPLIT:
        shutil.rmtree(classic.path / kind)
        (classic.path / kind).mkdir()
    (classic.path / "mess/5").write_bytes(b"x")
    qimport(rig, classic, code=100)
    assert "it lacks mess/0\n" in qimport.error


def test_big_todo_in_part(rig):
    c = Classic(rig.home.parent / "classic", 7, True)
    (c.path / "todo/3").rmdir()
    qimport(rig, c, code=100)
    assert "it lacks todo/3\n" in qimport.error


def test_our_own(rig):
    for path in (rig.home / "queue", rig.home / "run/../queue"):
        qimport(rig, path, code=100)
        assert "this is our own queue" in qimport.error
    other = Rig(rig.home.parent / "other")
    qimport(rig, other.home / "queue", code=100)
    assert "it lacks local" in qimport.error
    qimport(rig, rig.home.parent / "nothing", code=100)
    assert "file does not exist" in qimport.error


def test_usage(rig):
    for args in ([], ["a", "b"], ["-x", "a"], ["-n"]):
        p = subprocess.run([BIN / "qmail-qimport", *args], env=rig.env, capture_output=True)
        assert p.returncode == 100 and p.stdout == b"" and p.stderr


def test_its_qmail_send_runs(rig, classic):
    fill(classic)
    with open(classic.path / "lock/sendmutex") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        for options in ([], ["-n"]):
            assert qimport(rig, classic, *options, code=111) == []
            assert "a qmail-send is running in" in qimport.error
    assert not rig.ids("mess")
    qimport(rig, classic)


@contextlib.contextmanager
def locked(rig):
    """As an import has it, or a qmail-send that starts."""
    fd = os.open(rig.home / "queue/import", os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def open_files(pid):
    found = []
    with contextlib.suppress(OSError):
        for name in os.listdir(f"/proc/{pid}/fd"):
            found.append(os.readlink(f"/proc/{pid}/fd/{name}"))
    return found


def test_qmail_send_starts_just_now(rig, classic):
    """It has the lock for as long as it looks at old notes."""
    want = fill(classic)
    (rig.home / "queue/import").mkdir()
    rig.own()
    classic.own()
    with locked(rig):
        p = rig.popen("qmail-qimport", [str(classic.path)], stdout=subprocess.DEVNULL)
        poll(lambda: str(rig.home / "queue/import") in open_files(p.pid), "it has the folder")
    assert p.wait(60) == 0
    assert taken(rig) == want


def test_one_at_a_time(rig, classic):
    fill(classic)
    qimport(rig, classic)
    with locked(rig):
        qimport(rig, classic, code=111)
        assert "queue/import/journal: already in use" in qimport.error
        qimport(rig, classic, "-n")
    assert qimport.total == total(0, 4, 3, 2)


def test_classic_queue_in_our_place(rig):
    """Not moved away: nobody touches it, for our folders have its names."""
    shutil.rmtree(rig.home / "queue")
    c = Classic(rig.home / "queue", big=True)
    fill(c)
    rig.own()
    before = c.state()
    for program in ("qmail-send", "qmail-clean", "qmail-qread"):
        p = rig.popen(program, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        p.communicate(timeout=60)
        assert p.returncode == 111, program
    p = subprocess.run([BIN / "qmailctl", "-d", rig.home, "init", "--me", "mail.example.org"],
                       env=rig.env, capture_output=True, timeout=60)
    assert p.returncode == 111 and b"unable to make the queue: already in use" in p.stderr
    assert c.state() == before


# --- twice ---

def moved(c):
    c.path = c.path.rename(c.path.with_name("moved"))


def copied(c):
    """With new times."""
    shutil.copytree(c.path, c.path.with_name("copied"), copy_function=shutil.copyfile)
    c.path = c.path.with_name("copied")


def preprocessed(c):
    """What was in todo, somewhat later."""
    c.file("todo", 102).unlink()
    c.put("info", 102, b"Fs4@x\0")
    c.put("local", 102, b"Ta@local.example\0")
    c.put("remote", 102, b"Tb@far.example\0")


@pytest.mark.parametrize("change", [lambda c: None, moved, copied, preprocessed],
                         ids=["same", "moved", "copied", "preprocessed"])
def test_twice(rig, classic, change):
    fill(classic)
    qimport(rig, classic)
    ids = rig.ids("mess")
    change(classic)
    lines = qimport(rig, classic)
    assert qimport.total == total(0, 4, 3, 2) and rig.ids("mess") == ids
    assert sum(bool(re.fullmatch(r"msg \d+: taken before as (\d+)", x)) for x in lines) == 4
    # and when they were delivered
    with rig:
        rig.wait_empty()
    classic.pending(500, b"new@x", [b"Tnew@local.example"])
    qimport(rig, classic)
    assert qimport.total == total(1, 4, 3, 2)
    assert set(taken(rig)) == {b"new@x"}


def test_another_message_of_the_same_number(rig, classic):
    """qmail uses the numbers of files again."""
    classic.pending(5, b"a@x", [b"Ta@local.example"], body=b"Subject: a\n\n")
    qimport(rig, classic)
    classic.pending(5, b"b@x", [b"Ta@local.example"], body=b"Subject: b\n\n")
    qimport(rig, classic)
    assert set(taken(rig)) == {b"a@x", b"b@x"}


@pytest.mark.parametrize("tail", [b"begun 104.", b"begun 104.1.2 17", b"\0" * 512, b"taken\ntaken \n\n  \nx y z\n"])
def test_journal_after_a_crash(rig, classic, tail):
    """What is no line says nothing, and spoils no other."""
    classic.pending(1, b"a@x", [b"Ta@local.example"])
    qimport(rig, classic)
    with open(rig.home / "queue/import/journal", "ab") as f:
        f.write(tail)
    classic.pending(2, b"b@x", [b"Tb@local.example"])
    qimport(rig, classic)
    assert qimport.total == total(1, 1)
    qimport(rig, classic)
    assert qimport.total == total(0, 2)


def test_begun_and_no_more(rig, classic):
    """Killed between the two lines: the queue tells."""
    want = fill(classic)
    qimport(rig, classic)
    journal = rig.home / "queue/import/journal"
    lines = journal.read_bytes().splitlines(keepends=True)
    assert [x.split()[0] for x in lines] == [b"begun", b"taken"] * 4
    ids = rig.ids()
    journal.write_bytes(b"".join(x for x in lines if x.startswith(b"begun")))
    qimport(rig, classic, "-n")
    assert qimport.total == total(0, 4, 3, 2)
    qimport(rig, classic)
    assert qimport.total == total(0, 4, 3, 2) and rig.ids() == ids
    # its ID is another's now: it was not taken, or was delivered
    for kind in ("mess", "todo"):
        rig.file(kind, ids[0]).unlink()
    journal.write_bytes(b"".join(x for x in lines if x != b"taken" + next(
        y for y in lines if int(y.split()[2]) == ids[0])[5:]))
    message(rig, b"else@x", [b"z@far.example"], n=ids[0])
    qimport(rig, classic)
    assert qimport.total == total(1, 3, 3, 2)
    assert taken(rig) == {**want, b"else@x": [b"z@far.example"]}


# --- cut off ---

def few(c):
    """Of each kind that is taken, one."""
    c.accepted(102, b"s4@x", [b"a@local.example", b"b@far.example"])
    c.pending(104, b"s5@x", [b"Tl@local.example"], [b"Tr@far.example"])
    c.pending(109, b"bounce@local.example", [b"Dz@local.example", b"Ty@local.example"], bounce=b"<z@y>:\nno\n\n")
    return {b"s4@x": [b"a@local.example", b"b@far.example"], b"s5@x": [b"l@local.example", b"r@far.example"],
            b"bounce@local.example": [b"y@local.example"]}


def check_all(rig, classic, want):
    """All is there, once."""
    assert taken(rig) == want
    for ident in rig.ids():
        n = next(k for k, v in classic.bodies.items() if v == rig.file("mess", ident).read_bytes())
        assert (ident in rig.ids("info")) == (n == 109)
        if n == 109:
            assert note_of(rig, ident)["B"] == b"<z@y>:\nno\n\n"


def clear(rig):
    for kind in ("mess", "todo", "info"):
        for path in (rig.home / "queue" / kind).glob("*/*"):
            path.unlink(missing_ok=True)  # qmail-clean may be at it
    shutil.rmtree(rig.home / "queue/import", ignore_errors=True)


def armed(rig, faultlib):  # noqa: F811
    plan = Plan(rig.home / "plan")
    # where every user can get at it
    library = shutil.copy(faultlib, rig.home.parent)
    rig.preload["qmail-qimport"] = {"LD_PRELOAD": library, "FAULT_PLAN": str(rig.home / "plan")}
    return plan


def attempt(rig, classic):
    classic.own()
    p = rig.popen("qmail-qimport", [str(classic.path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    p.communicate(timeout=120)
    return p.returncode


CALLS = ["open", "write", "fsync", "link", "rename", "unlink"]


@pytest.mark.parametrize("call", CALLS)
def test_killed(rig, small, faultlib, call):  # noqa: F811
    """Any of its processes, at any of these calls; our qmail-send is not
    running: nothing is lost, nothing is there twice."""
    want = few(small)
    plan = armed(rig, faultlib)
    for nth in range(1, 400):
        plan.arm(call, nth, 0, kill=True)
        code = attempt(rig, small)
        hit = plan.disarm()
        assert hit == (code != 0), (nth, code)
        if not hit:
            break
        assert code in (-signal.SIGKILL, 111)
        qimport(rig, small)
        check_all(rig, small, want)
        clear(rig)
    check_all(rig, small, want)
    assert nth > 1 or call == "unlink"


def test_without_unnamed_files(rig, small, faultlib):  # noqa: F811
    want = few(small)
    armed(rig, faultlib)
    rig.preload["qmail-qimport"]["FAULT_NO_TMPFILE"] = "1"
    qimport(rig, small)
    check_all(rig, small, want)
    assert not list((rig.home / "queue").rglob("*.tmp"))


@pytest.mark.parametrize("call", ["write", "fsync", "link"])
def test_killed_beside_qmail_send(rig, small, faultlib, call):  # noqa: F811
    """Nothing is lost, and one message at most is delivered twice."""
    want = few(small)
    plan = armed(rig, faultlib)
    owed = sorted(r for rcpts in want.values() for r in rcpts)
    with rig:
        for nth in range(1, 400):
            plan.arm(call, nth, 0, kill=True)
            attempt(rig, small)
            hit = plan.disarm()
            rig.send.send_signal(signal.SIGALRM)  # we had no time to tell it
            poll(lambda: not rig.ids("todo"), "what came is delivered")
            qimport(rig, small)
            poll(lambda: not rig.ids("todo"), "all is delivered")
            got = [d for d in rig.delivered if d.addr != b"bounce@local.example"]
            bounces = [d for d in rig.delivered if d.addr == b"bounce@local.example"]
            assert sorted({d.addr for d in got}) == owed, nth
            twice = [d for i, d in enumerate(got) if d.addr in [e.addr for e in got[:i]]]
            assert len({d.sender for d in twice}) <= 1, twice
            assert len(bounces) in ((1, 2) if hit else (1,))
            if not hit:
                break
            # qmail-clean removes a message when its envelope is for sure gone
            done = {d.id for d in rig.delivered}
            poll(lambda: not done & set(rig.ids("mess")), "all is removed")
            rig.delivered.clear()
            clear(rig)
    assert nth > 1


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC], ids=["EIO", "ENOSPC"])
def test_failing(rig, small, faultlib, call, error):  # noqa: F811
    """Each call fails once: what could not be taken is taken by the next."""
    want = few(small)
    plan = armed(rig, faultlib)
    for nth in range(1, 400):
        plan.arm(call, nth, error)
        code = attempt(rig, small)
        if not plan.disarm():
            break
        assert code in (0, 111), (nth, code)
        qimport(rig, small)
        check_all(rig, small, want)
        clear(rig)
    assert code == 0
    check_all(rig, small, want)


# --- the rest of the system ---

def test_start_in_the_middle(rig):
    """A message that is coming in has a note before its envelope: while an
    import has its lock it is left alone, and so is the message, old as its ID
    may be."""
    mess = message(rig, b"s@x", [b"r@far.example"], age=300000)
    note(rig, mess, [0], bounce=b"<a@b>:\nno\n\n")
    garbage = message(rig, b"s@x", [b"r@far.example"], age=300000 + 1)
    os.utime(rig.file("mess", garbage), (garbage // 1000000,) * 2)
    for n in (mess, garbage):
        rig.file("todo", n).unlink()
    (rig.home / "queue/import").mkdir()
    rig.own()
    with locked(rig), rig:
        poll(lambda: rig.ids("mess") == [mess], "what is old is swept")
        assert rig.ids("info") == [mess]
    rig.start()
    assert rig.ids("info") == []


def test_large(rig, classic):
    """A message is never in memory as a whole."""
    size = 100 * 1024 * 1024
    classic.pending(1, b"s@x", [b"Ta@local.example"])
    os.truncate(classic.file("mess", 1), size)
    classic.own()
    # started by a small process: what that has counts, too
    code = ("import os, sys\n_, status, usage = os.wait4(os.spawnv(os.P_NOWAIT, sys.argv[1], sys.argv[1:]), 0)\n"
            "assert status == 0\nprint(usage.ru_maxrss)")
    p = subprocess.run([sys.executable, "-c", code, BIN / "qmail-qimport", classic.path],
                       env=rig.env, capture_output=True, text=True, timeout=300, check=True)
    [ident] = rig.ids()
    assert rig.file("mess", ident).stat().st_size == size
    assert int(p.stdout.split()[-1]) < size // 1024 // 2


def test_order(rig, classic):
    """All of a message is on disk, and the journal says so, before its
    envelope is there: power may be lost at any time."""
    classic.pending(9, b"s@x", [b"Tl@local.example"], bounce=b"<x@y>:\nno\n\n")
    classic.own()
    trace = rig.home / "trace"
    p = subprocess.run(["strace", "-f", "-y", "-o", trace, "-e", "trace=linkat,write,fsync,renameat,openat",
                        BIN / "qmail-qimport", classic.path], env=rig.env, capture_output=True, timeout=60)
    assert p.returncode == 0, p.stderr
    [ident] = rig.ids()
    at = rf"{re.escape(str(rig.home))}/queue"
    steps = [  # in this order, whatever is in between
        rf'linkat\(.*<{at}/mess/{ident % 23}>, "{ident}"',
        rf"fsync\(\d+<{at}/mess/\d+/", rf"fsync\(\d+<{at}/mess/{ident % 23}>",
        rf'write\(\d+<{at}/import/journal>, "begun 9', rf"fsync\(\d+<{at}/import/journal>",
        rf'renameat\(.*"{ident}.tmp", .*"{ident}"\)', rf"fsync\(\d+<{at}/info/{ident % 23}/{ident}>",
        rf"fsync\(\d+<{at}/info/{ident % 23}>",
        rf'linkat\(.*<{at}/todo/{ident % 23}>, "{ident}"',
        rf"fsync\(\d+<{at}/todo/{ident % 23}/", rf"fsync\(\d+<{at}/todo/{ident % 23}>",
        rf'write\(\d+<{at}/import/journal>, "taken 9', rf"fsync\(\d+<{at}/import/journal>"]
    lines = iter(trace.read_text().splitlines())
    for step in steps:
        assert any(re.search(step, line) for line in lines), (step, trace.read_text())


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: several uids")
def test_owners(rig, classic):
    """As root: everything belongs to whom it would belong to had it come the
    usual way, and root's rights are needed for nothing but reading."""
    qmailq, qmails, qmail, other = 30012, 30013, 30111, 30099
    want = few(classic)
    for path in [rig.home / "queue", *(rig.home / "queue").rglob("*")]:
        kind = path.relative_to(rig.home / "queue").parts[:1]
        os.chown(path, qmails if kind in (("info",), ("lock",)) else qmailq, qmail)
        if path.is_dir():
            path.chmod(0o750)
    (rig.home / "queue/lock").chmod(0o755)
    (rig.home / "queue/lock/trigger").chmod(0o622)
    for path in [classic.path, *classic.path.rglob("*")]:
        os.chown(path, other, other)
        path.chmod(0o700 if path.is_dir() else 0o600)
    p = subprocess.run([BIN / "qmail-qimport", classic.path], env=rig.env, capture_output=True, timeout=60)
    assert p.returncode == 0, p.stderr
    check_all(rig, classic, want)
    for kind, owner in (("mess", qmailq), ("todo", qmailq), ("info", qmails)):
        for ident in rig.ids(kind):
            st = rig.file(kind, ident).stat()
            assert (st.st_uid, st.st_gid, st.st_mode & 0o7777) == (owner, qmail, 0o640)
    for path, mode in (("queue/import", 0o750), ("queue/import/journal", 0o640)):
        st = (rig.home / path).stat()
        assert (st.st_uid, st.st_gid, st.st_mode & 0o7777) == (qmailq, qmail, mode)
    # a queue of root's would make us root
    os.chown(rig.home / "queue/mess", 0, 0)
    p = subprocess.run([BIN / "qmail-qimport", classic.path], env=rig.env, capture_output=True, timeout=60)
    assert p.returncode == 111 and b"belongs to root" in p.stderr


def test_a_home_of_qmailctl(rig, classic):
    """It has queue/import, where older ones have not; and what came is as
    it should be."""
    home = rig.home.parent / "new"
    want = few(classic)
    classic.own()
    env = {**rig.env, "QMAILHOME": str(home)}
    run = functools.partial(subprocess.run, env=env, capture_output=True, timeout=60)
    assert run([BIN / "qmailctl", "-d", home, "init", "--me", "local.example"]).returncode == 0
    assert (home / "queue/import").stat().st_mode & 0o7777 == 0o750
    assert run([BIN / "qmail-qimport", classic.path]).returncode == 0
    p = run([BIN / "qmailctl", "-d", home, "check-queue"])
    assert p.returncode == 0, p.stdout + p.stderr
    shutil.rmtree(rig.home / "queue")
    (home / "queue").rename(rig.home / "queue")
    check_all(rig, classic, want)

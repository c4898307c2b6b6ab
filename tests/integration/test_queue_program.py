"""qmail-queue, the program: contract queue.md 3.1 to 3.4, oracle cases 1 to
13. The service runs; qmail-send does not."""
import contextlib
import os
import re
import resource
import signal
import subprocess

import pytest

from sendkit import BIN, fresh_rig, seal
from test_send_time import library  # noqa: F401, a fixture

DATE = rb"[1-9]\d? [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d -0000"
QUEUE = BIN / "qmail-queue"
GOOD = b"Fs@a\0Tr@b\0\0"


@pytest.fixture(scope="module")
def rig():
    with fresh_rig() as r:
        r.start_queue()
        yield r


@pytest.fixture
def own():
    """A service for one test, which may do as it likes with the queue."""
    with fresh_rig() as r:
        r.start_queue()
        yield r


class Client:
    """qmail-queue with pipes as its descriptors 0 and 1."""

    def __init__(self, rig, **more):
        message, self.message = os.pipe()
        envelope, self.envelope = os.pipe()
        self.p = subprocess.Popen(
            [QUEUE], stdin=message, stdout=envelope, stderr=subprocess.PIPE,
            env={**rig.env, **more.pop("env", {})}, **more)
        os.close(message)
        os.close(envelope)

    def close(self, *names):
        for name in names:
            os.close(getattr(self, name))
            setattr(self, name, -1)

    def end(self):
        code = self.p.wait(60)
        assert self.p.stderr.read() == b""
        self.p.stderr.close()
        self.close(*(n for n in ("message", "envelope")
                     if getattr(self, n) >= 0))
        return code

    def feed(self, name, data):
        """More than a pipe holds: some of it has been read by the end."""
        left = data
        while left:
            left = left[os.write(getattr(self, name), left):]


def queue(rig, message, envelope, **more):
    """The exit code of qmail-queue, which says nothing."""
    c = Client(rig, **more)
    try:
        os.write(c.envelope, envelope)
        c.close("envelope")
        c.feed("message", message)
    except BrokenPipeError:
        pass  # it has seen enough
    c.close("message")
    return c.end()


def queued(rig, n):
    """The records of an envelope, without its seal, and the message."""
    data = rig.file("todo", n).read_bytes()
    records = [(r[:1], r[1:]) for r in data[:-1].split(b"\0")]
    assert seal(records[:-1]) == data
    return records[:-1], rig.file("mess", n).read_bytes()


def newest(rig):
    records, message = queued(rig, rig.ids()[-1])
    return [(k, v) for k, v in records if k in b"FT"], message


def empty_but(rig, before):
    """Nothing was left by what failed."""
    assert rig.ids("todo") == before and rig.ids("mess") == before
    assert not list((rig.home / "queue").glob("*/*/*.tmp"))


# --- 3.1, 3.2 ---

def test_case1_envelope_and_received(rig):
    more = {"user": 3001, "group": 3001, "extra_groups": []} \
        if os.geteuid() == 0 else {}
    c = Client(rig, **more)
    os.write(c.message, b"Subject: t\n\nhi\n")
    c.close("message")
    os.write(c.envelope, b"Fs@a\0Tr@b\0Tr2@c\0\0")
    assert c.end() == 0
    uid = more.get("user", os.geteuid())
    records, message = queued(rig, rig.ids()[-1])
    fields = dict(records[:7])
    assert fields[b"u"] == b"%d" % uid and fields[b"p"] == b"%d" % c.p.pid
    assert records[7:] == [(b"F", b"s@a"), (b"T", b"r@b"), (b"T", b"r2@c")]
    assert re.fullmatch(
        rb"Received: \(qmail %d invoked by uid %d\); " % (c.p.pid, uid) +
        DATE + rb"\nSubject: t\n\nhi\n", message), message


def test_case3_empty_message(rig):
    assert queue(rig, b"", GOOD) == 0
    assert re.fullmatch(rb"Received: \(qmail \d+ invoked by uid \d+\); " +
                        DATE + rb"\n", newest(rig)[1])


def test_case4_no_recipients(rig):
    assert queue(rig, b"x\n", b"Fs\0\0") == 0
    assert newest(rig)[0] == [(b"F", b"s")]


def test_case5_what_follows_is_ignored(rig):
    assert queue(rig, b"x\n", b"Fs\0Tr\0\0junk\0Tfoo\0\0") == 0
    assert newest(rig)[0] == [(b"F", b"s"), (b"T", b"r")]


def test_end_of_the_envelope_is_not_waited_for(rig):
    c = Client(rig)
    c.close("message")
    os.write(c.envelope, GOOD)
    assert c.p.wait(60) == 0  # and the pipe is still open
    assert c.end() == 0


def test_message_before_envelope(rig):
    """An envelope that fails is not looked at before the message ends."""
    c = Client(rig)
    os.write(c.envelope, b"Xbad")
    c.close("envelope")
    c.feed("message", b"x" * 2500000)
    assert c.p.poll() is None
    c.close("message")
    assert c.end() == 91


@pytest.mark.parametrize("address", [
    b"", b"nobody", b"a b", b"x\ny@z", b"\xc3\xa9@\xff", b"a@b@c", b"%s%n",
    b"<>", b"\x01\x7f"])
def test_addresses_are_not_looked_at(rig, address):
    assert queue(rig, b"x\n", b"F" + address + b"\0T" + address + b"\0\0") == 0
    assert newest(rig)[0] == [(b"F", address), (b"T", address)]


@pytest.mark.parametrize("message", [
    b"no newline", b"\r\n\r\0\n.\n..\n", bytes(range(256)) * 300],
    ids=["no newline", "odd line ends", "bytes"])
def test_message_is_not_changed(rig, message):
    assert queue(rig, message, GOOD) == 0
    assert newest(rig)[1].split(b"\n", 1)[1] == message


def test_arguments_are_ignored(rig):
    p = subprocess.run([QUEUE, "x", "--help"], input=b"", env=rig.env,
                       stdout=open(os.devnull))
    assert p.returncode == 54


# --- 3.3, 3.4 ---

@pytest.mark.parametrize("envelope", [
    b"", b"F", b"Fs", b"Fs\0", b"Fs\0T", b"Fs\0Tr", b"Fs\0Tr\0"])
def test_case6_envelope_ends_early(rig, envelope):
    before = rig.ids()
    assert queue(rig, b"x\n", envelope) == 54
    empty_but(rig, before)


@pytest.mark.parametrize("envelope", [
    b"Xs\0Tr\0\0", b"Fs\0Xr\0\0", b"Fs\0Fr\0\0", b"\0", b"Ts\0\0",
    b"Fs\0tr\0\0", b"Fs\0Nn\0Tr\0\0"])
def test_case7_envelope_of_another_form(rig, envelope):
    """Nothing is left: DECISIONS.md."""
    before = rig.ids()
    assert queue(rig, b"x\n", envelope) == 91
    empty_but(rig, before)


@pytest.mark.parametrize("form", [b"F%s\0Tr\0\0", b"Fs\0T%s\0\0",
                                  b"Fs\0Tr\0T%s\0\0"])
def test_case8_long_addresses(rig, form):
    before = rig.ids()
    assert queue(rig, b"x\n", form % (b"a" * 1003)) == 11
    # found before its end, too
    assert queue(rig, b"x\n", (form % (b"a" * 2000))[:1500]) == 11
    empty_but(rig, before)
    assert queue(rig, b"x\n", form % (b"a" * 1002)) == 0
    assert max(len(v) for _, v in newest(rig)[0]) == 1002


@pytest.mark.parametrize("fd", [0, 1])
def test_case9_closed_descriptor(rig, fd):
    before = rig.ids()
    with open(os.devnull) as null:
        p = subprocess.Popen([QUEUE], stdin=null, stdout=null, env=rig.env,
                             preexec_fn=lambda: os.close(fd))
        assert p.wait(60) == 54
    empty_but(rig, before)


def test_case9_descriptors_of_the_wrong_kind(rig):
    before = rig.ids()
    with open(os.devnull, "wb") as out, open(os.devnull) as null:
        p = subprocess.Popen([QUEUE], stdin=out, stdout=null, env=rig.env)
        assert p.wait(60) == 54
        p = subprocess.Popen([QUEUE], stdin=null, stdout=out, env=rig.env)
        assert p.wait(60) == 54
    folder = os.open("/", os.O_RDONLY)
    p = subprocess.Popen([QUEUE], stdin=folder, env=rig.env)
    assert p.wait(60) == 54
    os.close(folder)
    empty_but(rig, before)


LONG = b"Fs@a\0" + b"Tr@b\0" * 40000  # no end


@pytest.mark.parametrize("where", ["message", "envelope"])
@pytest.mark.parametrize("number, code", [
    (signal.SIGALRM, 52),
    *[(n, 81) for n in (signal.SIGSEGV, signal.SIGBUS, signal.SIGILL,
                        signal.SIGABRT, signal.SIGFPE, signal.SIGSYS)],
    *[(n, 0) for n in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT,
                       signal.SIGPIPE, signal.SIGVTALRM, signal.SIGPROF,
                       signal.SIGXCPU, signal.SIGXFSZ)],
    *[(n, -n) for n in (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)],
])
def test_case10_signals(rig, where, number, code):
    before = rig.ids()
    # a caller that ignores or blocks them changes nothing
    c = Client(rig, preexec_fn=lambda: signal.pthread_sigmask(
        signal.SIG_BLOCK, signal.valid_signals()))
    c.feed("message", b"x" * 200000)
    if where == "envelope":
        c.close("message")
        c.feed("envelope", LONG)
    c.p.send_signal(number)
    if code == 0:
        if where == "message":
            c.close("message")
            c.feed("envelope", LONG)
        os.write(c.envelope, b"\0")
    assert c.end() == code
    if code != 0:
        empty_but(rig, before)


@pytest.mark.skipif(b"__asan_init" in QUEUE.read_bytes(),
                    reason="sanitizers want to be loaded first")
def test_case10_a_day(rig, library):  # noqa: F811
    """After 24 hours it gives up."""
    shift = rig.home / "shift"
    shift.write_text("0")
    c = Client(rig, env={"LD_PRELOAD": str(library), "SHIFT": str(shift)})
    c.feed("message", b"x" * 200000)
    later = rig.home / "shift.new"
    later.write_text("86401")
    later.rename(shift)
    with contextlib.suppress(BrokenPipeError):  # it knows already
        os.write(c.message, b"x")  # poll(2) knows nothing of our clock
    assert c.end() == 52


def limit(n):
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (n, n))


def test_case11_file_size(rig):
    """A small message needs no file of the caller's: nothing is in the way;
    a large one does."""
    before = rig.ids()
    assert queue(rig, b"x" * 5000, GOOD, preexec_fn=limit(1000)) == 0
    before = rig.ids()
    assert queue(rig, b"x" * 1000000, GOOD, preexec_fn=limit(1000)) == 53
    assert queue(rig, b"x" * 1000000, GOOD,
                 env={"TMPDIR": "/nonexistent"}) == 53
    empty_but(rig, before)


def test_case11_file_size_of_the_service():
    with fresh_rig() as rig:
        real = rig.popen
        rig.popen = lambda *args, **more: real(
            *args, preexec_fn=limit(1000), **more)
        rig.start_queue()
        assert queue(rig, b"x" * 5000, GOOD) == 53
        assert queue(rig, b"x" * 500, GOOD) == 0
        empty_but(rig, rig.ids())
        assert len(rig.ids()) == 1
        assert "killed" not in (rig.home / "queue.log").read_text()


@pytest.mark.parametrize("kind, code", [("mess", 63), ("todo", 66)])
def test_case12_missing_folders(own, kind, code):
    """No pid and no intd in this layout: 64 and 65 do not happen."""
    folders = [own.home / "queue" / kind / str(n) for n in range(23)]
    for folder in folders:
        folder.rmdir()
    assert queue(own, b"x\n", GOOD) == code
    for folder in folders:
        folder.mkdir()
    own.own()
    empty_but(own, [])
    # and the service is none the worse
    assert queue(own, b"x\n", GOOD) == 0


def test_envelopes_cannot_be_written(own):
    """Nothing is left of the message either."""
    folders = [own.home / "queue/todo" / str(n) for n in range(23)]
    for folder in folders:
        folder.chmod(0o500)
    assert queue(own, b"x\n", GOOD) == 66
    for folder in folders:
        folder.chmod(0o700)
    empty_but(own, [])


def test_case13_no_service_and_no_home():
    """62: not set-uid, so somebody has to be there; 61."""
    with fresh_rig() as rig:
        assert queue(rig, b"x\n", GOOD) == 62
        rig.env["QMAILHOME"] = str(rig.home / "nowhere")
        assert queue(rig, b"x\n", GOOD) == 61


def test_too_many_recipients_for_memory(rig):
    """51, not a crash and not a message with half of them."""
    before = rig.ids()
    many = b"T" + b"r" * 1000 + b"\0"
    c = Client(rig)
    c.close("message")
    with pytest.raises(BrokenPipeError):
        c.feed("envelope", b"Fs\0" + many * 40000 + b"\0")
    assert c.end() == 51
    empty_but(rig, before)

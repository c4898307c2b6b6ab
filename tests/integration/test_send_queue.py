"""qmail-send: schedule, notes, signals, damage (contract queue.md 1, 4, 11;
ARCHITECTURE.md 2)."""
import os
import shutil
import signal
import time

import pytest

from sendkit import (BIN, Rig, denying, fresh_rig, ident, message, note, note_of, poll, say, tidy)


@pytest.fixture
def rig():
    with fresh_rig() as r:
        yield r


def defer(rig):
    rig.verdict = lambda d: ("Z", b"later\n")


# --- schedule ---

@pytest.mark.parametrize("age", [0, 99, 10000, 86400])
def test_retry_times(rig, age):
    """contract 4.4, oracle 42: what a restart finds."""
    defer(rig)
    n = message(rig, b"s@x", [b"l@local.example", b"r@far.example"], age=age)
    with rig:
        rig.wait_log("deferral", 2)
        assert rig.stop_send() == 0
    birth, got = n // 1000000, note_of(rig, n)
    began = {int(got["l"]) - birth, int(got["m"]) - birth}
    # the attempt may begin some seconds after the message was made
    possible = [{(int(a ** 0.5) + 10) ** 2, (int(a ** 0.5) + 20) ** 2}
                for a in range(age, age + 60)]
    assert began in possible
    assert got["d"] == b"00" and got["a"] == b"2"


def test_not_before_its_time(rig):
    n = message(rig, b"s@x", [b"r@far.example"])
    note(rig, n, [0], remote=int(time.time()) + 3000)
    m = message(rig, b"s@x", [b"r2@far.example"])
    note(rig, m, [0], remote=int(time.time()) - 1)
    with rig:
        rig.wait_log(f"end msg {m}")
        assert [d.addr for d in rig.started] == [b"r2@far.example"]
        # ALRM: everything is due now; and no line says so
        rig.send.send_signal(signal.SIGALRM)
        rig.wait_empty()
    assert [d.addr for d in rig.started] == [b"r2@far.example",
                                             b"r@far.example"]


def test_due_by_the_clock(rig):
    n = message(rig, b"s@x", [b"r@far.example"])
    note(rig, n, [0], remote=int(time.time()) + 2)
    with rig:
        rig.wait_empty()
    assert not rig.ids("info")


def test_only_what_is_left(rig):
    n = message(rig, b"s@x", [b"%d@far.example" % i for i in range(20)])
    note(rig, n, [i % 3 for i in range(20)], remote=1)
    with rig:
        rig.wait_empty()
    assert [d.index for d in rig.started] == [0, 3, 6, 9, 12, 15, 18]


# --- notes ---

def test_no_note_while_nothing_failed(rig):
    seen = []

    def verdict(d):
        seen.extend(rig.ids("info"))
        return "K", b""

    rig.verdict = verdict
    with rig:
        for _ in range(5):
            rig.inject(b"s@x", [b"l@local.example"])
        rig.wait_empty()
    assert seen == []


def test_killed_in_the_middle(rig):
    """Only what was in flight is done again."""
    rig.verdict = lambda d: ("K", b"ok\n") if d.index < 3 else None
    rcpts = [b"r@%d.example" % i for i in range(6)]
    with rig:
        rig.inject(b"s@x", rcpts)
        rig.wait_log("success", 3)
        poll(lambda: len(rig.held) == 3, "three in flight")
        rig.stop_send(signal.SIGKILL)
        rig.started.clear()
        rig.verdict = lambda d: ("K", b"ok\n")
        rig.start_send()
        rig.wait_empty()
    assert [d.addr for d in rig.started] == rcpts[3:]
    assert not rig.ids("info")


def test_failures_survive_a_kill(rig):
    rig.verdict = lambda d: ("D", b"no such user\n") if d.index == 0 else None
    with rig:
        rig.inject(b"", [b"a@one.example", b"b@two.example"])
        rig.wait_log("failure")
        rig.stop_send(signal.SIGKILL)
        [n] = rig.ids("info")
        assert note_of(rig, n)["B"] == b"<a@one.example>:\nno such user\n\n"
        rig.verdict = lambda d: ("K", b"ok\n")
        rig.start_send()
        rig.wait_log(f"bounce msg {n}")
        rig.wait_empty()


def test_note_that_cannot_be_written(rig):
    """What was delivered is not forgotten: it stays in memory."""
    if os.geteuid() == 0:
        os.chmod(rig.home / "queue/info", 0o755)
    rig.verdict = lambda d: ("K", b"") if d.index == 0 else ("Z", b"later\n")
    n = message(rig, b"s@x", [b"a@one.example", b"b@two.example"])
    folder = rig.file("info", n).parent
    folder.chmod(0o500)
    with rig:
        rig.wait_log(f"warning: trouble writing to info/{n % 23}/{n}; "
                     "will try again later\n")
        rig.wait_log("deferral")
        folder.chmod(0o700)
        rig.verdict = lambda d: ("K", b"")
        rig.send.send_signal(signal.SIGALRM)
        rig.wait_log("success", 2)
        rig.wait_empty()
    assert [d.index for d in rig.started] == [0, 1, 1]


def test_notes_of_nobody_are_removed(rig):
    """Oracle 50, in this layout."""
    note(rig, ident(), [0, 1], remote=1)
    with rig:
        poll(lambda: not rig.ids("info"), "no note")


def test_damaged_note(rig):
    n = message(rig, b"s@x", [b"a@far.example", b"b@far.example"])
    note(rig, n, [1, 0], remote=1)
    data = bytearray(rig.file("info", n).read_bytes())
    data[40] ^= 1
    rig.file("info", n).write_bytes(data)
    with rig:
        rig.wait_empty()
        rig.stop_send()
    assert f"warning: damaged info/{n % 23}/{n} set aside; " \
        "delivery begins anew\n" in rig.log
    # rather twice than never
    assert [d.index for d in rig.started] == [0, 1]
    [aside] = (rig.home / "queue/quarantine").iterdir()
    assert aside.name.startswith(f"{n}.info.")


def test_note_of_another_envelope(rig):
    n = message(rig, b"s@x", [b"a@far.example"])
    note(rig, n, [1] * 9, remote=1)
    with rig:
        rig.wait_empty()
    assert len(rig.started) == 1


# --- damage ---

def aside(rig, n):
    """The reason, once n is set aside."""
    rig.wait_log(f"alert: message {n} damaged: ")
    [line] = rig.lines(f"alert: message {n}")
    reason, _, rest = line.partition(" damaged: ")[2].partition("; ")
    assert rest == "moved to queue/quarantine"
    folder = rig.home / "queue/quarantine"
    assert (folder / f"{n}.reason").read_text() == reason + "\n"
    assert not rig.file("todo", n).exists()
    assert not rig.file("mess", n).exists()
    return reason


@pytest.mark.parametrize("size", [10, 5000, 3 * 1024 * 1024])
def test_damaged_message(rig, size):
    n = message(rig, b"s@x", [b"a@far.example"], b"x" * size)
    good = message(rig, b"s@x", [b"b@far.example"], b"y" * size)
    data = bytearray(rig.file("mess", n).read_bytes())
    data[size // 2] ^= 1
    rig.file("mess", n).write_bytes(data)
    with rig:
        assert aside(rig, n) == "the message does not fit its checksum"
        rig.wait_log(f"end msg {good}")
        rig.wait_empty()
        assert rig.stop_send() == 0
    assert rig.log.count("alert") == 1
    assert [d.addr for d in rig.started] == [b"b@far.example"]


@pytest.mark.parametrize("size", [9, 11, 0])
def test_message_of_another_size(rig, size):
    n = message(rig, b"s@x", [b"a@far.example"], b"x" * 10)
    rig.file("mess", n).write_bytes(b"x" * size)
    with rig:
        assert aside(rig, n) == "the message does not fit its checksum"
    assert rig.started == []


def test_message_that_is_no_file(rig):
    n = message(rig, b"s@x", [b"a@far.example"])
    path = rig.file("mess", n)
    path.unlink()
    path.symlink_to("/etc/passwd")
    with rig:
        assert aside(rig, n) == "the message does not fit its checksum"


def test_no_message(rig):
    n = message(rig, b"s@x", [b"a@far.example"])
    rig.file("mess", n).unlink()
    with rig:
        assert aside(rig, n) == "the message is missing"
        rig.stop_send()
        rig.start_send()
        rig.wait_log("status: local 0/10 remote 0/20\n", 1)
    assert rig.started == []


@pytest.mark.parametrize("what", ["bit", "empty", "other"])
def test_damaged_envelope(rig, what):
    n = message(rig, b"s@x", [b"a@far.example"])
    path = rig.file("todo", n)
    data = bytearray(path.read_bytes())
    data[50] ^= 1
    if what == "other":
        other = message(rig, b"s@x", [b"a@far.example"])
        data = rig.file("todo", other).read_bytes()
        rig.file("todo", other).unlink()
        rig.file("mess", other).unlink()
    path.write_bytes(b"" if what == "empty" else bytes(data))
    with rig:
        assert aside(rig, n) == "the envelope does not fit its seal"
    assert rig.started == []
    assert "new msg" not in rig.log


def test_progress_of_a_damaged_message_goes_along(rig):
    n = message(rig, b"s@x", [b"a@far.example", b"b@far.example"])
    note(rig, n, [1, 0], remote=1)
    rig.file("todo", n).write_bytes(b"")
    with rig:
        aside(rig, n)
    assert rig.ids("info") == []
    kept = sorted(p.name for p in (rig.home / "queue/quarantine").iterdir())
    assert kept[0].startswith(f"{n}.info.") and len(kept) == 4


def test_quarantine_that_fails(rig):
    """It is left alone then, and nothing loops."""
    n = message(rig, b"s@x", [b"a@far.example"])
    rig.file("mess", n).write_bytes(b"")
    folder = rig.home / "queue/quarantine"
    folder.rmdir()
    with rig:
        rig.wait_log(
            f"alert: message {n} damaged: the message does not fit its "
            "checksum; unable to move it to queue/quarantine\n")
        rig.send.send_signal(signal.SIGALRM)
        rig.inject(b"s@x", [b"b@far.example"])
        rig.wait_log("end msg")
        assert rig.stop_send() == 0
    assert rig.log.count("alert") == 1
    assert rig.ids("mess") == [n]


# --- discovery ---

def test_garbage_in_the_trigger(rig):
    with rig:
        fd = os.open(rig.home / "queue/lock/trigger", os.O_WRONLY)
        os.write(fd, b"\0\n\nabc\n-1\n99999999999999999999999\n12345\n")
        os.write(fd, b"x" * 4096)
        os.write(fd, b"7\n" * 2000)
        os.close(fd)
        rig.inject(b"s@x", [b"a@far.example"])
        rig.wait_empty()
        assert rig.stop_send() == 0
    assert "alert" not in rig.log and "warning" not in rig.log


def test_flooded_trigger_means_a_scan(rig):
    with rig:
        rig.send.send_signal(signal.SIGSTOP)
        fd = os.open(rig.home / "queue/lock/trigger",
                     os.O_WRONLY | os.O_NONBLOCK)
        try:
            while True:
                os.write(fd, b"1234567890123456\n" * 100)
        except BlockingIOError:
            pass
        for i in range(5):
            rig.inject(b"s@x", [b"r%d@far.example" % i])
        rig.send.send_signal(signal.SIGCONT)
        rig.wait_empty()
    assert rig.log.count("end msg") == 5


def test_a_known_message_is_not_found_twice(rig):
    rig.verdict = lambda d: None
    with rig:
        rig.inject(b"s@x", [b"a@far.example"])
        poll(lambda: rig.held, "a job")
        for _ in range(3):
            rig.send.send_signal(signal.SIGALRM)
            rig.inject(b"s@x", [b"l@local.example"])
        [n] = [d.id for [d] in rig.held if d.addr == b"a@far.example"]
        os.system(f"echo {n} > {rig.home}/queue/lock/trigger")
        poll(lambda: len(rig.held) == 4, "the others")
        assert rig.log.count(f"new msg {n}") == 1
        assert [d.addr for [d] in rig.held].count(b"a@far.example") == 1


def test_oldest_first(rig):
    rig.control("concurrencyremote", "1\n")
    made = [message(rig, b"s@x", [b"r%d@far.example" % i],
                    age=1000 - 37 * (i * 7 % 20)) for i in range(20)]
    with rig:
        rig.wait_empty()
    assert [d.id for d in rig.started] == sorted(made)


def test_large_messages_do_not_hold_up_small_ones(rig):
    big = [message(rig, b"s@x", [b"big%d@far.example" % i],
                   os.urandom(1 << 20) * 24) for i in range(2)]
    small = [message(rig, b"s@x", [b"small%d@far.example" % i])
             for i in range(5)]
    with rig:
        rig.wait_empty()
    assert {d.id for d in rig.started[:5]} == set(small)
    assert {d.id for d in rig.started[5:]} == set(big)


# --- the end ---

def test_message_that_cannot_be_removed(rig):
    """Oracle 52, in this layout: it is not delivered again."""
    rig.verdict = lambda d: None
    with rig:
        rig.inject(b"s@x", [b"joe@local.example"])
        poll(lambda: rig.held, "a job")
        [n] = rig.ids("todo")
        folder = rig.file("todo", n).parent
        folder.chmod(0o500)
        [[d]] = rig.held
        rig.spawners["local"].answer(0, [(d, ("K", b"ok\n"))])
        rig.wait_log(f"warning: qmail-clean unable to clean up foop/{n}\n")
        rig.send.send_signal(signal.SIGALRM)
        assert rig.stop_send() == 0
        folder.chmod(0o700)
        rig.start_send()
        rig.wait_empty()
        assert not rig.ids("info")
    assert len(rig.started) == 1
    assert "end msg" in rig.log


def test_removal_with_a_note(rig):
    rig.verdict = lambda d: ("Z", b"later\n")
    with rig:
        rig.inject(b"s@x", [b"a@far.example"])
        rig.wait_log("deferral")
        poll(lambda: rig.ids("info"), "a note")
        rig.verdict = lambda d: ("K", b"ok\n")
        rig.send.send_signal(signal.SIGALRM)
        rig.wait_empty()
        assert not rig.ids("info")


def test_term_waits_for_deliveries(rig):
    rig.verdict = lambda d: None
    with rig:
        rig.inject(b"s@x", [b"a@far.example"])
        poll(lambda: rig.held, "a job")
        rig.send.send_signal(signal.SIGTERM)
        rig.inject(b"s@x", [b"late@far.example"])
        [[d]] = rig.held
        rig.spawners["remote"].answer(0, [(d, ("K", b"ok\n"))])
        assert rig.send.wait(60) == 0
        rig.reap_send()
    assert tidy(rig.log) == (
        "status: local 0/10 remote 0/20\n"
        "new msg A\n"
        "info msg A: bytes B from <s@x> qp P uid U\n"
        "starting delivery 1: msg A to remote a@far.example\n"
        "status: local 0/10 remote 1/20\n"
        "delivery 1: success: ok/\n"
        "status: local 0/10 remote 0/20 exitasap\n"
        "end msg A\n"
        "status: exiting\n")
    assert len(rig.ids("todo")) == 1


def test_term_cuts_a_long_pass_off(rig):
    rig.control("concurrencylocal", "1\n")
    rig.verdict = lambda d: None
    with rig:
        rig.inject(b"s@x", [b"l%d@local.example" % i for i in range(3)])
        poll(lambda: rig.held, "a job")
        rig.send.send_signal(signal.SIGTERM)
        [[d]] = rig.held
        rig.spawners["local"].answer(0, [(d, ("K", b"ok\n"))])
        rig.send.wait(60)
        rig.reap_send()
        [n] = rig.ids("info")
        # the rest is due at once
        assert int(note_of(rig, n)["l"]) <= time.time()
        rig.verdict = lambda d: ("K", b"ok\n")
        rig.started.clear()
        rig.start_send()
        rig.wait_empty()
    assert [d.index for d in rig.started] == [1, 2]


# --- control files, start ---

def test_hup(rig):
    rig.verdict = lambda d: ("K", b"ok\n")
    with rig:
        rig.control("locals", "new.example\n")
        rig.control("virtualdomains", "virt.example:joe-v\n")
        rig.inject(b"s@x", [b"1@new.example"])
        rig.wait_log("end msg")
        rig.send.send_signal(signal.SIGHUP)
        poll(lambda: rig.inject(b"s@x", [b"2@new.example", b"u@virt.example"])
             == 0 and "to local 2@new.example" in rig.log, "new tables")
        # oracle 48
        (rig.home / "control/virtualdomains").unlink()
        (rig.home / "control/virtualdomains").mkdir()
        rig.send.send_signal(signal.SIGHUP)
        rig.wait_log("alert: unable to reread control/virtualdomains\n")
        rig.inject(b"s@x", [b"again@virt.example"])
        rig.wait_log(" to local joe-v-again@virt.example\n")
    assert " to remote 1@new.example\n" in rig.log


def cannot_start(rig, why):
    rig.start_send()
    assert rig.send.wait(60) == 111
    rig.reap_send()
    assert rig.log == f"alert: cannot start: {why}\n"


def test_no_controls(rig):
    """Oracle 46."""
    (rig.home / "control/me").unlink()
    (rig.home / "control/locals").unlink()
    cannot_start(rig, "unable to read controls")


def test_control_that_is_no_file(rig):
    (rig.home / "control/queuelifetime").mkdir()
    cannot_start(rig, "unable to read controls")


def test_no_home(rig):
    rig.env["QMAILHOME"] = str(rig.home / "nowhere")
    cannot_start(rig, "unable to switch to home directory")


def test_no_queue(rig):
    os.rename(rig.home / "queue", rig.home / "elsewhere")
    cannot_start(rig, "unable to switch to queue directory")
    os.rename(rig.home / "elsewhere", rig.home / "queue")


def test_no_mutex(rig):
    (rig.home / "queue/lock/sendmutex").unlink()
    cannot_start(rig, "unable to open mutex")


def test_only_one(rig):
    """Oracle 44."""
    other = Rig(rig.home)
    with rig:
        cannot_start(other, "qmail-send is already running")


def test_spawner_that_says_nothing(rig):
    """A spawner that ends before HELLO."""
    read, write = os.pipe()
    log_read, log_write = os.pipe()
    os.close(write)

    def arrange():
        high = [os.dup(x) for x in (log_write, log_write, read, log_write,
                                    read, log_write, read)]
        for i, fd in enumerate(high):
            os.dup2(fd, i)

    p = rig.popen("qmail-send", preexec_fn=arrange, close_fds=False)
    os.close(log_write)
    assert p.wait(60) == 111
    assert os.read(log_read, 4096) == \
        b"alert: cannot start: hath the daemon spawn no fire?\n"
    os.close(log_read)
    os.close(read)


# --- the control socket ---

def test_control_socket(rig):
    n = message(rig, b"s@x", [b"r@far.example"])
    note(rig, n, [0], remote=int(time.time()) + 3000)
    with rig:
        path = rig.home / "run/send"
        assert path.stat().st_mode & 0o777 == 0o660
        poll(lambda: "remote waiting 1\n" in say(rig, b"status\n"), "known")
        got = say(rig, b"status\n")
        assert got.startswith("messages 1\n") and got.endswith("\n\n")
        assert say(rig, b"nonsense\n") == "error not understood\n\n"
        assert say(rig, b"reload\n") == "ok\n\n"
        assert say(rig, b"x" * 5000) == ""
        assert say(rig, b"flush\n") == "ok\n\n"
        rig.wait_empty()
        assert rig.stop_send() == 0
        assert not path.exists()


def test_no_control_socket(rig):
    (rig.home / "run/send").mkdir()
    with rig:
        rig.inject(b"s@x", [b"r@far.example"])
        rig.wait_empty()
    assert rig.log.startswith("warning: unable to listen on run/send: ")


def test_memory(rig):
    """At most 300 bytes each, and 10 MB for all."""
    many = 3000
    body = b"Subject: t\n\nhi\n"
    for i in range(many):
        n = message(rig, b"s@x", [b"r@far.example"], body,
                    n=ident(5000) + i)
        note(rig, n, [0], remote=int(time.time()) + 5000)
    with rig:
        poll(lambda: f"remote waiting {many}\n" in say(rig, b"status\n"),
             "all known")
        status = open(f"/proc/{rig.send.pid}/status").read()
        rss = int(status.split("VmRSS:")[1].split()[0])
        if b"__asan_init" not in (BIN / "qmail-send").read_bytes():
            assert rss * 1024 < 10e6 + many * 300




# --- contract 4.4, 7: what is not above ---

def test_expiry_is_noticed_when_it_is_due(rig):
    """However old it is, a message waits for its next attempt."""
    defer(rig)
    rig.control("queuelifetime", "1000\n")
    n = message(rig, b"", [b"r@far.example"], age=5000)
    note(rig, n, [0], remote=int(time.time()) + 3000)
    with rig:
        rig.inject(b"s@x", [b"other@far.example"])
        rig.wait_log("deferral: later/\n")
        assert not any(d.id == n for d in rig.started)
        rig.send.send_signal(signal.SIGALRM)
        rig.wait_log("failure: later/I'm_not_going_to_try_again")


def test_an_attempt_goes_on_alone(rig):
    """A message is never in two attempts on one channel."""
    rig.verdict = lambda d: None
    with rig:
        rig.inject(b"s@x", [b"a@far.example", b"b@other.example",
                            b"l@local.example"])
        poll(lambda: len(rig.held) == 3, "three jobs")
        [first] = [h for h in rig.held if h[0].addr == b"a@far.example"]
        rig.spawners["remote"].answer(first[0].number,
                                      [(first[0], ("Z", b"later\n"))])
        rig.wait_log("deferral")
        for _ in range(3):
            rig.send.send_signal(signal.SIGALRM)
            rig.inject(b"s@x", [b"m@local.example"])
        poll(lambda: len(rig.held) == 6, "the others")
        assert len([d for d in rig.started if d.channel == "remote"]) == 2


def test_alrm_leaves_trouble_alone(rig):
    """What failed in the system waits its 123 seconds."""
    n = message(rig, b"s@x", [b"l@local.example"])
    rig.file("todo", n).chmod(0)
    with rig:
        rig.wait_log(f"warning: trouble opening todo/{n % 23}/{n}; "
                     "will try again later\n")
        rig.file("todo", n).chmod(0o600)
        for i in range(3):
            rig.send.send_signal(signal.SIGALRM)
            rig.inject(b"s@x", [b"m@local.example"])
            rig.wait_log("end msg", i + 1)
    assert rig.log.count("warning") == 1
    assert rig.ids() == [n]


def test_note_that_cannot_be_removed(rig):
    rig.verdict = lambda d: None
    n = message(rig, b"s@x", [b"l@local.example"])
    note(rig, n, [0], local=1)
    with rig:
        poll(lambda: rig.held, "a job")
        folder = rig.file("info", n).parent
        folder.chmod(0o500)
        [[d]] = rig.held
        rig.spawners["local"].answer(0, [(d, ("K", b"ok\n"))])
        rig.wait_log(f"warning: unable to unlink info/{n % 23}/{n}; "
                     "will try again later\n")
        assert rig.stop_send() == 0
        folder.chmod(0o700)
        rig.start_send()
        # the envelope is gone: nothing is delivered again, whatever stays
        poll(lambda: not rig.ids("info"), "no note")
        rig.inject(b"s@x", [b"m@local.example"])
        poll(lambda: len(rig.started) == 2, "the next message")
    assert [d.id for d in rig.started].count(n) == 1
    assert rig.log.count(f"end msg {n}") == 0


@pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")
@pytest.mark.skipif(b"__asan_init" in (BIN / "qmail-send").read_bytes(),
                    reason="sanitizers want to be loaded first")
def test_trouble_while_waiting(rig):
    """It says so, and goes on when it can."""
    rig.preload["qmail-send"] = denying(rig.home)
    with rig:
        (rig.home / "poll").touch()
        rig.inject(b"s@x", [b"l@local.example"])
        rig.wait_log("warning: trouble in select\n")
        (rig.home / "poll").unlink()
        rig.wait_empty()
        assert rig.stop_send() == 0


def test_alrm_while_it_reads_the_queue(rig):
    """What has not been looked at yet is due now as well."""
    for i in range(3000):
        n = message(rig, b"s@x", [b"r@far%d.example" % i], n=ident(5000) + i)
        note(rig, n, [0], remote=int(time.time()) + 5000)
    with rig:
        rig.send.send_signal(signal.SIGALRM)
        rig.wait_empty()


def test_a_qmail_clean_that_is_behind(rig):
    """What was delivered and not removed would be delivered again if all were
    killed: of that there is a bound."""
    sent = [message(rig, b"s@x", [b"u@local.example"], n=ident() + i) for i in range(1500)]
    message(rig, b"s@x", [b"last@local.example"], n=sent[-1] + 1)
    with rig:
        rig.clean.send_signal(signal.SIGSTOP)
        try:
            poll(lambda: len(rig.delivered) >= 900, "deliveries")
            for _ in range(20):
                say(rig, b"status\n")  # turns of the loop, in which more would be started
            assert len(rig.started) <= 1000 + sum(rig.limits)
        finally:
            rig.clean.send_signal(signal.SIGCONT)
        rig.wait_empty()
    assert len(rig.delivered) == 1501

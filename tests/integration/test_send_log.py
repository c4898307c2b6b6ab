"""qmail-send: jobs, verdicts and the log (contract queue.md 4.3, 4.5, 7)."""
import os
import re
import signal
import time

import pytest

from sendkit import fresh_rig, message, poll, result, tidy


@pytest.fixture
def rig():
    with fresh_rig() as r:
        yield r


def hold(rig):
    rig.verdict = lambda d: None


def test_one_of_each(rig):
    rig.verdict = lambda d: {
        b"k": ("K", b"did 1+0+0\n"), b"z": ("Z", b"1.2.3.4 busy\nlater\n"),
        b"d": ("D", b""), b"p": ("K", b"100% \xe9\t\x7f\n")}[d.addr[:1]]
    n = message(rig, b"", [b"k@local.example", b"p@local.example",
                           b"z@local.example", b"k@far.example"])
    rig.control("concurrencylocal", "1\n")
    with rig:
        rig.wait_log("\ndelivery 4")
        rig.wait_log("\ndelivery 2")
        assert rig.stop_send() == 0
    lines = rig.log.splitlines()
    assert lines[:4] == [
        "status: local 0/1 remote 0/20",
        f"new msg {n}",
        f"info msg {n}: bytes 15 from <> qp 7113 uid 1001",
        f"starting delivery 1: msg {n} to local k@local.example"]
    assert f"starting delivery 2: msg {n} to remote k@far.example" in lines
    assert lines[-1] == "status: exiting"
    assert "delivery 1: success: did_1+0+0/" in lines
    assert "delivery 3: success: 100__" + "___/" in lines
    assert "delivery 4: deferral: 1.2.3.4_busy/later/" in lines
    assert "status: local 1/1 remote 1/20" in lines
    assert not any("end msg" in x for x in lines)


def test_whole_log_of_a_delivery(rig):
    with rig:
        assert rig.inject(b"a b%c@ext.example", [b"joe@local.example"]) == 0
        rig.wait_log("end msg")
        assert rig.stop_send() == 0
    assert tidy(rig.log) == (
        "status: local 0/10 remote 0/20\n"
        "new msg A\n"
        "info msg A: bytes B from <a_b_c@ext.example> qp P uid U\n"
        "starting delivery 1: msg A to local joe@local.example\n"
        "status: local 1/10 remote 0/20\n"
        "delivery 1: success: did_1+0+0/\n"
        "status: local 0/10 remote 0/20\n"
        "end msg A\n"
        "status: exiting\n")
    assert not rig.ids("mess") and not rig.ids("todo")


def test_no_recipients(rig):
    """contract 2.3: legal; gone at once."""
    message(rig, b"x@y", [])
    with rig:
        rig.wait_empty()
        rig.stop_send()
    assert tidy(rig.log) == (
        "status: local 0/10 remote 0/20\nnew msg A\n"
        "info msg A: bytes B from <x@y> qp P uid U\nend msg A\n"
        "status: exiting\n")


def test_recipients_of_a_domain_share_a_job(rig):
    jobs = []

    def verdict(d):
        jobs.append(d)
        return "K", b"ok\n"

    rig.verdict = verdict
    rcpts = [b"1@one.example", b"1@two.example", b"l@local.example",
             b"2@ONE.example", b"2@two.example", b"3@one.example", b"nohost"]
    with rig:
        rig.inject(b"s@x", rcpts)
        rig.wait_log("end msg")
    remote = [d for d in jobs if d.channel == "remote"]
    assert [d.addr for d in remote] == [
        b"1@one.example", b"2@ONE.example", b"3@one.example",
        b"1@two.example", b"2@two.example",
        # the host of recipients without one is me, which is not in locals
        b"nohost@mail.example.org"]
    assert [d.index for d in remote] == [0, 3, 5, 1, 4, 6]
    assert len(rig.lines("starting delivery")) == 7
    assert "delivery 7: success: ok/" in rig.log


@pytest.mark.parametrize("n, frames", [(50, 1), (51, 2), (120, 3)])
def test_at_most_50_in_a_job(rig, n, frames):
    hold(rig)
    with rig:
        rig.inject(b"s@x", [b"%d@far.example" % i for i in range(n)])
        poll(lambda: len(rig.held) == frames, "jobs")
        assert [len(h) for h in rig.held] == \
            [50] * (n // 50) + ([n % 50] if n % 50 else [])
        rig.wait_log("starting delivery ", n)
        rig.wait_log(f"status: local 0/10 remote {frames}/20\n")
        assert f"remote {frames + 1}/20" not in rig.log


def test_verp(rig):
    """Oracle 30, 31: each recipient has its own sender, so its own job."""
    hold(rig)
    rig.control("virtualdomains", "virt.example:joe-v\n")
    with rig:
        rig.inject(b"list-@lists.example-@[]",
                   [b"bob@far.example", b"ann@far.example",
                    b"u@virt.example"])
        poll(lambda: len(rig.held) == 3, "three jobs")
        assert {d.addr: d.sender for [d] in rig.held} == {
            b"bob@far.example": b"list-bob=far.example@lists.example",
            b"ann@far.example": b"list-ann=far.example@lists.example",
            b"joe-v-u@virt.example":
                b"list-joe-v-u=virt.example@lists.example"}
        rig.wait_log("from <list-@lists.example-@[]> qp")


def test_odd_names_in_the_log(rig):
    """Oracle 26, 29."""
    rig.control("virtualdomains", "sp.example: joe\n")
    with rig:
        rig.inject(b"s@x", [b"x\ny@local.example", b"u@sp.example"])
        rig.wait_log("end msg")
    assert " to local x/y@local.example\n" in rig.log
    assert " to local _joe-u@sp.example\n" in rig.log


def test_concurrency(rig):
    """Oracle 45: 0 holds a channel; what the spawner says is the limit."""
    rig.control("concurrencylocal", "0\n")
    rig.control("concurrencyremote", "500\n")
    with rig:
        rig.inject(b"s@x", [b"joe@local.example", b"bob@far.example"])
        rig.wait_log("delivery 1: success")
        assert rig.stop_send() == 0
    assert rig.log.startswith("status: local 0/0 remote 0/120\n")
    assert "to local" not in rig.log
    assert rig.ids("info") == rig.ids("todo") != []


def test_a_full_channel_does_not_block_the_other(rig):
    rig.verdict = lambda d: None if d.channel == "remote" else ("K", b"ok\n")
    rig.control("concurrencyremote", "2\n")
    with rig:
        for i in range(6):
            rig.inject(b"s@x", [b"r%d@far.example" % i])
        for i in range(3):
            rig.inject(b"s@x", [b"l%d@local.example" % i, b"r@far.example"])
        rig.wait_log("success: ok/", 3)
        assert len(rig.held) == 2
        # the next ones start as soon as there is room, oldest first
        rig.verdict = lambda d: ("K", b"ok\n")
        remote = rig.spawners["remote"]
        for number, held in enumerate(list(rig.held)):
            remote.answer(number, [(d, ("K", b"ok\n")) for d in held])
        rig.wait_empty()
    order = [d.addr for d in rig.started if d.channel == "remote"]
    assert order[:6] == [b"r%d@far.example" % i for i in range(6)]


def test_reports_that_make_no_sense(rig):
    """Oracle 53, 54."""
    hold(rig)
    with rig:
        rig.inject(b"s@x", [b"a@far.example", b"b@far.example"])
        poll(lambda: rig.held, "a job")
        remote = rig.spawners["remote"]
        remote.raw(result(5, (0, "K", b"foo")))
        remote.raw(result(99999, (0, "K", b"foo")))
        rig.wait_log("warning: internal error: "
                     "delivery report out of range\n", 2)
        # one of two with a letter nobody knows, the other not at all
        remote.raw(result(0, (1, "X", b"foo"), (7, "K", b"foo")))
        rig.wait_log("delivery 2: report mangled, will defer\n")
        assert "delivery 1: report mangled, will defer\n" \
            "status: local 0/10 remote 1/20\n" \
            "delivery 2: report mangled, will defer\n" \
            "status: local 0/10 remote 0/20\n" in rig.log
        remote.raw(result(0, (0, "K", b"foo")))
        rig.wait_log("out of range\n", 3)
        assert rig.stop_send() == 0
    assert "success" not in rig.log
    assert rig.ids("info") != []


def test_report_split_over_reads(rig):
    hold(rig)
    with rig:
        rig.inject(b"s@x", [b"a@far.example"])
        poll(lambda: rig.held, "a job")
        for byte in result(0, (0, "K", b"foo\n")):
            rig.spawners["remote"].raw(bytes([byte]))
        rig.wait_log("delivery 1: success: foo/\n")


def test_long_report(rig):
    """Oracle 55: a text has at most 9998 bytes."""
    rig.verdict = lambda d: ("Z", b"x" * 12000)
    with rig:
        rig.inject(b"s@x", [b"a@far.example"])
        rig.wait_log("deferral: ")
        [line] = rig.lines("delivery 1: deferral: ")
        assert line == "delivery 1: deferral: " + "x" * 9998


def test_nonsense_from_a_spawner_is_its_end(rig):
    with rig:
        rig.spawners["remote"].raw(b"\xff" * 64)
        assert rig.send.wait(60) == 111
        rig.reap_send()
    assert rig.log == (
        "status: local 0/10 remote 0/20\n"
        "alert: oh no! lost spawn connection! dying...\n"
        "status: exiting\n")


def test_lost_spawner(rig):
    """Oracle 43; exit status by DECISIONS.md."""
    rig.verdict = lambda d: None
    with rig:
        rig.inject(b"s@x", [b"bob@far.example", b"joe@local.example"])
        poll(lambda: len(rig.held) == 2, "two jobs")
        rig.spawners["remote"].close()
        rig.wait_log("alert: oh no! lost spawn connection! dying...\n")
        # the other channel's deliveries are waited for
        assert rig.send.poll() is None
        [local] = [h for h in rig.held if h[0].channel == "local"]
        rig.spawners["local"].answer(0, [(local[0], ("K", b"ok\n"))])
        assert rig.send.wait(60) == 111
        rig.reap_send()
        assert "status: local 0/10 remote 1/20 exitasap\n" in rig.log or \
            "status: local 0/10 remote 0/20 exitasap\n" in rig.log
        assert rig.log.endswith("status: exiting\n")
        # what was done is known, what was not is done again
        rig.started.clear()
        rig.verdict = lambda d: ("K", b"ok\n")
        rig.start_send()
        rig.wait_empty()
        assert [d.addr for d in rig.started] == [b"bob@far.example"]


def test_lost_cleaner(rig):
    with rig:
        rig.clean.kill()
        rig.wait_log(
            "alert: oh no! lost qmail-clean connection! dying...\n")
        assert rig.send.wait(60) == 111
        rig.reap_send()
    assert rig.log.endswith("status: exiting\n")


def test_log_gone_mail_goes_on(rig):
    with rig:
        # nobody reads the log any more
        rig.send.send_signal(signal.SIGHUP)
        rig.inject(b"s@x", [b"joe@local.example"])
        rig.wait_empty()


# --- contract 4.3 to 4.5, 7: what is not above ---

@pytest.mark.parametrize("sender, command", [
    (b"list-@l.example-@[]", b"list-a=far.example@l.example"),
    (b"list@l.example-@[]", b"lista=far.example@l.example"),
    (b"x@y@l.example-@[]", b"x@ya=far.example@l.example"),
    (b"@l.example-@[]", b"a=far.example@l.example"),
    # no host in front of the suffix, or no such suffix
    (b"nohost-@[]", b"nohost-@[]"), (b"-@[]", b"-@[]"),
    (b"list-@l.example@[]", b"list-@l.example@[]"),
    (b"list-@l.example-@[]x", b"list-@l.example-@[]x"),
    (b"#@[]", b"#@[]"), (b"", b"")])
def test_case30_senders(rig, sender, command):
    with rig:
        rig.inject(sender, [b"a@far.example"])
        rig.wait_log("end msg")
    [d] = rig.started
    assert d.sender == command
    assert f" from <{sender.decode()}> qp " in rig.log


def test_case31_the_last_at_of_the_recipient(rig):
    with rig:
        rig.inject(b"l-@h-@[]", [b"a@b@far.example"])
        rig.wait_log("end msg")
    assert rig.started[0].sender == b"l-a@b=far.example@h"


def test_empty_report(rig):
    """Oracle 54, its second half: no letter at all."""
    hold(rig)
    with rig:
        rig.inject(b"s@x", [b"a@far.example"])
        poll(lambda: rig.held, "a job")
        rig.spawners["remote"].raw(result(0, (0, "\0", b"")))
        rig.wait_log("delivery 1: report mangled, will defer\n"
                     "status: local 0/10 remote 0/20\n")
    assert rig.ids("info") != []


def test_reports_in_one_piece(rig):
    hold(rig)
    with rig:
        for i in range(10):
            rig.inject(b"s@x", [b"a@far%d.example" % i])
        poll(lambda: len(rig.held) == 10, "ten jobs")
        rig.spawners["remote"].raw(b"".join(
            result(d.number, (0, "K", b"%d" % d.id)) for [d] in rig.held))
        rig.wait_empty()
    for [d] in rig.held:
        [number] = [x.split(": ")[0].split()[-1] for x in rig.lines(
            "starting delivery") if f"msg {d.id} " in x]
        assert f"delivery {number}: success: {d.id}\n" in rig.log


def test_delivery_numbers(rig):
    """From 1 on, in each life of the program; ends in any order."""
    hold(rig)
    with rig:
        rig.inject(b"s@x", [b"a@local.example", b"b@local.example",
                            b"c@local.example"])
        poll(lambda: len(rig.held) == 3, "three")
        for n in (1, 2, 0):
            [[d]] = [h for h in rig.held if h[0].index == n]
            rig.spawners["local"].answer(d.number, [(d, ("Z", b""))])
        rig.wait_log("deferral", 3)
        assert [x.split(":")[0] for x in rig.lines("delivery")] == [
            "delivery 2", "delivery 3", "delivery 1"]
        assert [x.split(":")[0] for x in rig.lines("starting")] == [
            f"starting delivery {i}" for i in (1, 2, 3)]
        rig.stop_send()
        rig.verdict = lambda d: ("K", b"")
        rig.start_send()
        rig.wait_log("status: ")
        poll(lambda: rig.send.send_signal(signal.SIGALRM) or not rig.ids())
    assert rig.lines("starting")[0].startswith("starting delivery 1: ")


def test_safe_bytes(rig):
    """Every byte an address or a report may have."""
    odd = bytes(c for c in range(1, 256))
    safe = "".join("/" if c == 10 else "_" if c < 33 or c > 126 or c == 37
                   else chr(c) for c in odd)
    rig.verdict = lambda d: ("K", b"\0" + odd)
    with rig:
        rig.inject(odd + b"@x", [odd + b"@far.example"])
        rig.wait_log("end msg")
    assert f" from <{safe}@x> qp " in rig.log
    assert f" to remote {safe}@far.example\n" in rig.log
    assert f"success: _{safe}\n" in rig.log


def test_no_line_for_alrm_and_hup(rig):
    with rig:
        for number in (signal.SIGALRM, signal.SIGHUP, signal.SIGPIPE):
            rig.send.send_signal(number)
        rig.inject(b"s@x", [b"a@far.example"])
        rig.wait_log("end msg")
        rig.stop_send()
    assert tidy(rig.log).startswith(
        "status: local 0/10 remote 0/20\nnew msg A\n")
    assert rig.log.endswith("\nstatus: exiting\n")


def test_logger_is_gone(rig):
    """contract 1.5: mail continues."""
    def read_one(fd):
        rig.log_bytes += os.read(fd, 65536)
        os.close(fd)
    rig.read_log = read_one
    with rig:
        rig.reader.join(60)
        for i in range(3):
            assert rig.inject(b"s@x", [b"a%d@far.example" % i]) == 0
        rig.wait_empty()
        assert rig.stop_send() == 0
    assert len(rig.delivered) == 3
    assert rig.log == "status: local 0/10 remote 0/20\n"


def test_bytes_counts_our_line(rig):
    with rig:
        rig.inject(b"s@x", [b"a@far.example"], b"x" * 1000)
        rig.wait_log("end msg")
    [m] = re.findall(r"info msg \d+: bytes (\d+) from <s@x> qp (\d+) uid (\d+)",
                     rig.log)
    day = time.gmtime(rig.started[0].id // 1000000).tm_mday
    assert int(m[0]) - 1000 == len(
        f"Received: (qmail {m[1]} invoked by uid {m[2]}); "
        f"{day} Nov 2026 00:00:00 -0000\n")

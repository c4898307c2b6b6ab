"""qmail-send and its control files (contract queue.md 4.1): defaults, what
is read again, and how each kind is read."""
import os
import signal

import pytest

from sendkit import fresh_rig, message, poll
from test_send_bounce import bounce, refuse

FILES = ["me", "locals", "virtualdomains", "percenthack", "envnoathost",
         "bouncefrom", "bouncehost", "doublebounceto", "doublebouncehost",
         "concurrencylocal", "concurrencyremote", "queuelifetime"]


@pytest.fixture
def rig():
    with fresh_rig() as r:
        r.mails = []
        yield r


def routed(rig, *rcpts):
    """Where qmail-send, which runs, sends each: "local ADDR"."""
    before = rig.log.count("end msg")
    assert rig.inject(b"s@x", [r.encode() for r in rcpts]) == 0
    rig.wait_log("end msg", before + 1)
    return sorted(f"{d.channel} {d.addr.decode()}"
                  for d in rig.started[-len(rcpts):])


def remove(rig, *names):
    for name in names:
        (rig.home / "control" / name).unlink()


# --- defaults ---

def test_all_defaults_with_me(rig):
    rig.control("me", "My.Name\n")
    remove(rig, "locals")
    refuse(rig, b"gone")
    with rig:
        assert rig.log == "status: local 0/10 remote 0/20\n"
        assert routed(rig, "a@my.name", "b@other", "c", "d%my.name@my.name") \
            == ["local a@my.name", "local c@My.Name",
                "local d%my.name@my.name", "remote b@other"]
        refuse(rig, b"bad@my.name")
        rig.inject(b"back@other", [b"bad@my.name"])
        rig.inject(b"", [b"bad@my.name"])
        poll(lambda: {b"back@other", b"postmaster@My.Name"} <= {
            d.addr for d, _, _ in rig.mails}, "both bounces")
    for _, _, text in rig.mails[-2:]:
        assert b"\nFrom: MAILER-DAEMON@My.Name\n" in text
        assert b"program at My.Name.\n" in text


def test_case47_no_me(rig):
    """The hosts are the names of their files."""
    remove(rig, "me")
    refuse(rig, b"bad@local.example")
    with rig:
        assert routed(rig, "c") == ["remote c@envnoathost"]
        rig.inject(b"", [b"bad@local.example"])
        poll(lambda: rig.mails and rig.mails[-1][0].addr ==
             b"postmaster@doublebouncehost", "a bounce")
    assert b"\nFrom: MAILER-DAEMON@bouncehost\n" in rig.mails[-1][2]


@pytest.mark.parametrize("name, line, find", [
    ("bouncefrom", "Some.Body", b"\nFrom: Some.Body@mail.example.org\n"),
    ("bouncehost", "b.host", b"\nFrom: MAILER-DAEMON@b.host\n"),
    ("doublebounceto", "two", b"\nTo: two@mail.example.org\n"),
    ("doublebouncehost", "d.host", b"\nTo: postmaster@d.host\n"),
    # set and empty is not the same as not there
    ("bouncefrom", "", b'\nFrom: ""@mail.example.org\n'),
    ("bouncehost", "", b"\nFrom: MAILER-DAEMON@\n"),
    ("doublebouncehost", "", b"\nTo: postmaster@\n"),
])
def test_lines_of_bounces(rig, name, line, find):
    rig.control(name, line + " \t\nanother line\n")
    refuse(rig, b"bad@local.example")
    [(_, text)] = bounce(rig, b"", [b"bad@local.example"])
    assert find in text


@pytest.mark.parametrize("name", FILES)
def test_file_that_cannot_be_read(rig, name):
    """Anything but "does not exist" and it does not start."""
    (rig.home / "control" / name).unlink(missing_ok=True)
    (rig.home / "control" / name).mkdir()
    rig.start_send()
    assert rig.send.wait(60) == 111
    rig.reap_send()
    assert rig.log == "alert: cannot start: unable to read controls\n"


def test_case46_no_me_and_no_locals(rig):
    remove(rig, "me", "locals")
    rig.start_send()
    assert rig.send.wait(60) == 111
    rig.reap_send()
    assert rig.log == "alert: cannot start: unable to read controls\n"


# --- lines and numbers ---

@pytest.mark.parametrize("text, host", [
    ("noat.example\n", "noat.example"), ("noat.example", "noat.example"),
    ("noat.example \t \nsecond\n", "noat.example"),
    ("  lead.example\n", "  lead.example"), ("a b\n", "a b"),
    ("", ""), ("\n", ""), ("\nsecond\n", ""), (" \t\n", ""),
    ("#noat\n", "#noat")])
def test_line(rig, text, host):
    rig.control("envnoathost", text)
    with rig:
        assert routed(rig, "u") == [f"remote u@{host}"]


@pytest.mark.parametrize("text, limit", [
    ("7\n", 7), ("7", 7), ("007\n", 7), ("7 8\n", 7), ("7x\n", 7),
    ("0x10\n", 0), ("0\n", 0), ("7\n8\n", 7), ("7 \t\n", 7),
    # no leading digit: as if it were not there
    ("\n", 10), ("", 10), ("abc\n", 10), ("-5\n", 10), (" 7\n", 10),
    ("+7\n", 10), ("\n7\n", 10)])
def test_number(rig, text, limit):
    rig.control("concurrencylocal", text)
    rig.start_send()
    rig.wait_log("\n")
    assert rig.log == f"status: local 0/{limit} remote 0/20\n"


@pytest.mark.parametrize("text", ["99999999999999999999999\n", "4294967296\n",
                                  "121\n", "120\n"])
def test_number_above_the_limit(rig, text):
    """Silently what the spawner said it can do (contract 10)."""
    for name in ("concurrencylocal", "concurrencyremote"):
        rig.control(name, text)
    rig.start_send()
    rig.wait_log("\n")
    assert rig.log == "status: local 0/120 remote 0/120\n"


def test_case45_concurrency(rig):
    rig.control("concurrencylocal", "0\n")
    rig.control("concurrencyremote", "500\n")
    with rig:
        assert rig.inject(b"s@x", [b"l@local.example"]) == 0
        assert rig.inject(b"s@x", [b"r@far.example"]) == 0
        rig.wait_log("end msg")
        assert rig.stop_send() == 0
    assert rig.log.startswith("status: local 0/0 remote 0/120\n")
    assert [d.addr for d in rig.started] == [b"r@far.example"]
    assert len(rig.ids()) == 1


@pytest.mark.parametrize("text, is_over", [
    ("1000\n", True), ("1000 days\n", True), ("2000\n", False),
    ("x\n", False), ("0\n", True)])
def test_queuelifetime(rig, text, is_over):
    rig.control("queuelifetime", text)
    rig.verdict = lambda d: ("Z", b"") if d.addr[:1] == b"r" else ("K", b"")
    message(rig, b"s@far.example", [b"r@far.example"], age=1500)
    with rig:
        rig.wait_log("delivery 1: failure" if is_over else
                     "delivery 1: deferral")


# --- lists ---

LIST = ("one.example\n#two.example\n\n \t\nTHREE.example \t\n"
        "  four.example\nfive.example # six\nseven.example")


@pytest.mark.parametrize("domain, is_there", [
    ("one.example", True), ("two.example", False), ("#two.example", False),
    ("three.EXAMPLE", True), ("four.example", False),
    ("  four.example", True), ("five.example", False),
    ("five.example # six", True), ("seven.example", True), ("", False)])
@pytest.mark.parametrize("name", ["locals", "percenthack", "virtualdomains"])
def test_list(rig, name, domain, is_there):
    if name == "virtualdomains":
        lines = [x.rstrip(" \t") + ": \t" if x.strip() else x
                 for x in LIST.split("\n")]
        rig.control(name, "\n".join(lines) + "\n:all\n")
        want = ("remote " if is_there else "local all-") + f"a%b@{domain}"
        if domain == "":
            want = "local all-a%b@"
    elif name == "locals":
        rig.control(name, LIST)
        want = ("local " if is_there else "remote ") + f"a%b@{domain}"
    else:
        rig.control(name, LIST)
        want = "remote a@b" if is_there else f"remote a%b@{domain}"
    with rig:
        assert routed(rig, f"a%b@{domain}") == [want]


def test_empty_locals(rig):
    """No domain is local then, not even me."""
    rig.control("locals", "\n#nothing\n")
    with rig:
        assert routed(rig, "a@mail.example.org", "b") == [
            "remote a@mail.example.org", "remote b@mail.example.org"]


# --- HUP ---

def hup(rig, probe, want):
    """After HUP, once it has come through."""
    rig.send.send_signal(signal.SIGHUP)
    poll(lambda: routed(rig, probe) == [want], f"{probe} goes {want}")


def test_hup(rig):
    """locals and virtualdomains; nothing else, and no line."""
    with rig:
        for name, text in {
                "me": "other.me\n", "percenthack": "pct\n",
                "envnoathost": "noat\n", "bouncefrom": "bf\n",
                "bouncehost": "bh\n", "doublebounceto": "dt\n",
                "doublebouncehost": "dh\n", "concurrencylocal": "3\n",
                "concurrencyremote": "3\n", "queuelifetime": "0\n",
                "locals": "new.local\n",
                "virtualdomains": "virt.example:joe\n"}.items():
            rig.control(name, text)
        assert routed(rig, "a@new.local") == ["remote a@new.local"]
        hup(rig, "a@new.local", "local a@new.local")
        assert routed(rig, "a@local.example", "b@virt.example", "c@new.local",
                      "d", "e%f@pct") == [
            "local c@new.local", "local joe-b@virt.example",
            "remote a@local.example", "remote d@mail.example.org",
            "remote e%f@pct"]
        assert "local 1/10 remote" in rig.log
        refuse(rig, b"bad@new.local")
        rig.inject(b"", [b"bad@new.local"])
        poll(lambda: rig.mails, "a bounce")
        [(d, _, text)] = rig.mails
        assert d.addr == b"postmaster@mail.example.org"
        assert b"\nFrom: MAILER-DAEMON@mail.example.org\n" in text
        assert not rig.lines("alert", "warning")


def test_hup_without_the_files(rig):
    """me as it was read at start; no virtual domains."""
    rig.control("virtualdomains", "virt.example:joe\n")
    with rig:
        rig.control("me", "later.me\n")
        remove(rig, "locals", "virtualdomains")
        hup(rig, "a@mail.example.org", "local a@mail.example.org")
        assert routed(rig, "a@local.example", "a@later.me",
                      "a@virt.example") == [
            "remote a@later.me", "remote a@local.example",
            "remote a@virt.example"]


@pytest.mark.parametrize("name", ["locals", "virtualdomains"])
def test_case48_hup_fails(rig, name):
    rig.control("virtualdomains", "virt.example:joe\n")
    with rig:
        for changed in ("locals", "virtualdomains"):
            rig.control(changed, "changed:changed\n")
        remove(rig, name)
        (rig.home / "control" / name).mkdir()
        rig.send.send_signal(signal.SIGHUP)
        rig.wait_log(f"alert: unable to reread control/{name}\n")
        assert routed(rig, "a@local.example", "b@virt.example", "c@changed") \
            == ["local a@local.example", "local joe-b@virt.example",
                "remote c@changed"]
    assert rig.log.count("alert") == 1


def test_files_of_others_are_not_looked_at(rig):
    """Whatever else is in control/."""
    (rig.home / "control/folder").mkdir()
    os.symlink("nowhere", rig.home / "control/smtproutes")
    with rig:
        assert routed(rig, "a@local.example") == ["local a@local.example"]

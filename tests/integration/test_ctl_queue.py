"""qmailctl: looking at messages, and changing what becomes of them.

The first part needs no qmail-send, the second speaks with a stand-in for it,
the last one with the real one.
"""
import json
import os
import pty
import re
import socket
import threading
import time

import pytest

from facteur import Instance, Programs, poll, run
from sendkit import fresh_rig, ident, message, mail_of, put, seal, xxh3

DAY = 86400


def ctl(rig, *words, **more):
    return run(Programs.folder() / "qmailctl", "-d", rig.home, *words,
               env=rig.env, **more)


def good(done, code=0):
    assert (done.returncode, done.stderr) == (code, ""), done
    return done.stdout


def quiet(done):
    """Of a list made while qmail-send is not running."""
    assert done.returncode == 0, done.stderr
    assert done.stderr == ("qmailctl: warning: qmail-send is not running; "
                           "this is what is on disk\n")
    return done.stdout


def refused(done, code, *words):
    assert done.returncode == code, done
    assert done.stdout == ""
    for word in words:
        assert word in done.stderr


def note(rig, n, done, local=0, remote=0, bounce=b"", attempts=1, held=False,
         warned=False, why=()):
    """A note with all there can be in it; why: (index, text)."""
    bits = bytearray((len(done) + 7) // 8)
    for i, is_done in enumerate(done):
        bits[i // 8] |= bool(is_done) << i % 8
    records = [(b"V", b"1"), (b"I", b"%d" % n), (b"r", b"%d" % len(done)),
               (b"a", b"%d" % attempts), (b"l", b"%d" % local),
               (b"m", b"%d" % remote), (b"d", bits.hex().encode()),
               (b"B", bounce)]
    records += [(b"k", b"1")] * held + [(b"w", b"1")] * warned
    records += [(b"z", b"%d %s" % w) for w in why]
    put(rig, "info", n, seal(records))


def ids_of(out):
    return [int(m) for m in re.findall(r"^(\d{16}) ", out, re.M)]


@pytest.fixture
def rig():
    with fresh_rig() as rig:
        yield rig


# --- from disk ---

@pytest.fixture
def some(rig):
    """Three messages: new, waiting, held; in the order of their age."""
    now = int(time.time())
    rig.control("smtproutes", "relayed.test:hub.test:2525|me|secret\n")
    rig.control("virtualdomains", "virtual.example:joe\n")
    old = message(rig, b"list@ours.example", [
        b"bob@relayed.test", b"ann@local.example", b"c@virtual.example"],
        body=b"x" * 20000, age=3 * DAY + 3 * 3600)
    note(rig, old, [False, True, False], local=now - 5, remote=now + 1300,
         attempts=7, warned=True, bounce=b"<ann@local.example>:\nNo.\n\n",
         why=[(0, b"Connected to 192.0.2.1 but greeting failed.\n"
                  b"Remote host said: 421 busy\x1b[2J")])
    held = message(rig, b"", [b"d@far.test"], age=7200)
    note(rig, held, [False], remote=now + 60, held=True)
    new = message(rig, b"joe@a.test", [b"e@far.test", b"f@near.test"], age=9)
    rig.all = [old, held, new]
    return rig


def test_list(some):
    out = quiet(ctl(some, "queue", "--all"))
    old, held, new = some.all
    lines = out.splitlines()
    assert lines[0].split() == ["ID", "AGE", "SIZE", "RCPTS", "STATE", "NEXT",
                                "SENDER"]
    assert lines[1].split() == [str(old), "3d3h", "19K", "2/3", "waiting",
                                "now", "<list@ours.example>"]
    assert lines[2] == (
        "    remote bob@relayed.test: Connected to 192.0.2.1 but greeting "
        "failed. Remote host said: 421 busy_[2J")
    assert lines[3] == "    local  c@virtual.example"
    assert lines[4].split() == [str(held), "2h", "15", "1/1", "held", "-",
                                "<>"]
    assert lines[5] == "    remote d@far.test"
    assert lines[6].split()[3:] == ["2/2", "new", "-", "<joe@a.test>"]
    assert lines[7:] == ["    remote e@far.test", "    remote f@near.test",
                         "3 messages"]
    # a column each
    assert len({line.index("<") for line in lines if "<" in line}) == 1


def test_list_keeps_to_the_screen(rig):
    n = message(rig, b"a@b.test", [b"r@far.test"])
    note(rig, n, [False], why=[(0, b"long " * 70)])
    out = quiet(ctl(rig, "queue", "--all")).splitlines()
    assert len(out[2]) == 120 and out[2].endswith("...")
    assert "long " * 70 in " ".join(quiet_show(rig, n).split("\n"))


def quiet_show(rig, n, *words):
    return good(ctl(rig, "show", n, *words))


def test_list_as_document(some):
    old, held, new = some.all
    docs = json.loads(quiet(ctl(some, "queue", "--json")))
    assert [d["id"] for d in docs] == [str(old), str(held), str(new)]
    d = docs[0]
    assert d["accepted"] == old // 1000000
    assert time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(d["accepted"])) \
        == d["accepted_iso"]
    assert (d["sender"], d["size"], d["uid"]) == ("list@ours.example", 20000,
                                                  1001)
    assert (d["state"], d["held"], d["live"]) == ("waiting", False, False)
    assert (d["attempts"], d["warned"], d["pending"]) == (7, True, 2)
    assert d["next_attempt"] == d["next_local"] < d["next_remote"]
    assert d["failures"] == "<ann@local.example>:\nNo.\n\n"
    bob, ann, c = d["recipients"]
    assert bob["address"] == bob["routed"] == "bob@relayed.test"
    assert (bob["done"], bob["channel"]) == (False, "remote")
    assert (bob["relay"], bob["port"]) == ("hub.test", 2525)
    assert bob["reason"].endswith("Remote host said: 421 busy\x1b[2J")
    assert (ann["done"], ann["channel"], ann["reason"]) == (True, "local",
                                                            None)
    assert c["routed"] == "joe-c@virtual.example"
    assert (docs[1]["state"], docs[1]["held"]) == ("held", True)
    assert docs[1]["sender"] == ""
    assert (docs[2]["state"], docs[2]["next_attempt"],
            docs[2]["next_attempt_iso"]) == ("new", None, None)
    assert "secret" not in json.dumps(docs)


def test_list_without_words_is_what_it_was(some):
    (some.home / "bin").symlink_to(Programs.folder())
    out = good(ctl(some, "queue"))
    assert out.startswith("messages in queue: 3\n")
    assert f"  #{some.all[0]}  20000  <list@ours.example>  bouncing\n" in out


def test_empty_queue(rig):
    assert quiet(ctl(rig, "queue", "--all")) == "0 messages\n"
    assert json.loads(quiet(ctl(rig, "queue", "--json"))) == []


@pytest.mark.parametrize("words, want", [
    (["--sender", "list@*"], "o"),
    (["--sender=*@A.TEST"], "n"),
    (["--sender", ""], "h"),
    (["--domain", "far.test"], "hn"),
    (["--domain", "*.example"], "o"),
    (["--domain", "local.example"], ""),  # has got it
    (["--recipient", "joe-c@*"], "o"),
    (["--recipient", "c@*"], "o"),
    (["--older", "1d"], "o"),
    (["--older", "7100"], "oh"),
    (["--newer", "1h"], "n"),
    (["--newer", "3h", "--older", "60m"], "h"),
    (["--held"], "h"),
    (["--held", "--sender", "?*"], ""),
    (["--all", "--domain", "near.*"], "n"),
])
def test_selectors(some, words, want):
    old, held, new = some.all
    known = {"o": old, "h": held, "n": new}
    assert ids_of(quiet(ctl(some, "queue", *words))) == [known[c]
                                                         for c in want]


def test_by_id(some):
    old, held, new = some.all
    assert ids_of(quiet(ctl(some, "queue", new, old, new))) == [old, new]
    # all that is said must be true
    assert ids_of(quiet(ctl(some, "queue", new, old, "--sender", "l*"))) == \
        [old]
    done = ctl(some, "queue", new, 4711)
    assert done.returncode == 100
    assert "qmailctl: 4711: no such message\n" in done.stderr
    assert ids_of(done.stdout) == [new]


@pytest.mark.parametrize("words, told", [
    (["queue", "--older", "soon"], "soon"),
    (["queue", "--older"], "--older"),
    (["queue", "--size", "5"], "--size"),
    (["queue", "--json=yes"], "--json=yes"),
    (["queue", "a@b.test"], "a@b.test"),
    (["queue", "-5"], "-5"),
    (["hold"], "--all"),
    (["release"], "--all"),
    (["delete", "--yes"], "--all"),
    (["bounce", "--json"], "--all"),
    (["delete", "--all"], "--yes"),
    (["bounce", "5"], "--yes"),
    (["flush", "--json"], "--all"),
    (["show"], "usage"),
    (["show", "1", "2"], "usage"),
    (["show", "x"], "usage"),
    (["show", "1", "--raw", "--json"], "usage"),
    (["dest", "a", "b"], "usage"),
    (["check-queue", "now"], "usage"),
])
def test_misuse(rig, words, told):
    done = ctl(rig, *words, stdin=open(os.devnull))
    refused(done, 100, told)
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("words", [
    ["hold", "--all"], ["release", "1"], ["delete", "--all", "--yes"],
    ["bounce", "1", "--yes"], ["flush", "--all"], ["dest"]])
def test_what_needs_qmail_send(some, words):
    refused(ctl(some, *words), 111, "qmail-send is not running")
    # nor when its socket is left behind
    with socket.socket(socket.AF_UNIX) as s:
        os.chdir(some.home)
        s.bind("run/send")
        os.chmod("run/send", 0o666)
    refused(ctl(some, *words), 111, "qmail-send is not running")


def test_show(some):
    out = quiet_show(some, some.all[0])
    for line in (
            f"message    {some.all[0]}", "from       uid 1001, pid 7113 on host",
            "sender     <list@ours.example>",
            "state      waiting, as far as the disk tells",
            "attempts   7, the sender was told of the delay",
            "recipients", "  pending bob@relayed.test",
            "      remote, by hub.test port 2525",
            "      last trouble: Connected to 192.0.2.1 but greeting failed. "
            "Remote host said: 421 busy_[2J",
            "  done    ann@local.example", "      local, to ann@local.example",
            "  pending c@virtual.example",
            "      local, to joe-c@virtual.example",
            "failures, for the bounce", "  <ann@local.example>:", "  No."):
        assert f"\n{line}\n" in "\n" + out
    assert "secret" not in out
    assert re.search(r"^next       local \S+Z \(\ds ago\)$", out, re.M)
    assert re.search(r"^next       remote \S+Z \(in 21m\)$", out, re.M)
    out = quiet_show(some, some.all[1])
    assert "\nsender     <>\n" in out
    assert "      remote, to the MX of far.test\n" in out
    doc = json.loads(quiet_show(some, some.all[0], "--json"))
    [listed] = json.loads(quiet(ctl(some, "queue", some.all[0], "--json")))
    assert {**doc, "age": 0} == {**listed, "age": 0}
    refused(ctl(some, "show", 4711), 100, "4711: no such message")


def test_show_raw(rig):
    body = bytes(range(256)) * 1000
    n = message(rig, b"a@b.test", [b"r@far.test"], body=body)
    done = run(Programs.folder() / "qmailctl", "-d", rig.home, "show",
               "--raw", n, env=rig.env, input=b"")
    assert (done.returncode, done.stdout) == (0, body)


def test_wishes_of_the_sender(rig):
    """RFC 3461"""
    n, body = ident(), b"Subject: x\n\n"
    put(rig, "mess", n, body)
    put(rig, "todo", n, seal([
        (b"V", b"1"), (b"I", b"%d" % n), (b"u", b"0"), (b"p", b"1"),
        (b"n", b"h"), (b"s", b"%d" % len(body)),
        (b"h", b"%016x" % xxh3(body)), (b"F", b"a@b.test"), (b"R", b"H"),
        (b"E", b"QQ314159"), (b"N", b"sf"), (b"O", b"rfc822;R+2Bx@far.test"),
        (b"T", b"r@far.test"), (b"N", b"n"), (b"T", b"q@far.test")]))
    out = quiet_show(rig, n)
    assert "\nret        hdrs\nenvid      QQ314159\n" in out
    assert "      notify success failure\n      orcpt rfc822;R+2Bx@far" in out
    assert "      notify never\n" in out
    doc = json.loads(quiet_show(rig, n, "--json"))
    assert (doc["ret"], doc["envid"]) == ("hdrs", "QQ314159")
    assert [(r["notify"], r.get("orcpt")) for r in doc["recipients"]] == [
        (["success", "failure"], "rfc822;R+2Bx@far.test"), (["never"], None)]


def test_addresses_of_any_bytes(rig):
    utf8, latin = "jos\u00e9@b.test".encode(), b"jos\xe9\x01@b.test"
    message(rig, utf8, [latin])
    out = quiet(ctl(rig, "queue", "--all"))
    assert "<jos__@b.test>" in out
    assert "    remote jos__@b.test\n" in out
    out = quiet(ctl(rig, "queue", "--json"))
    assert out.isascii()
    [doc] = json.loads(out)
    assert doc["sender"] == "jos\u00e9@b.test"
    assert "sender_hex" not in doc
    [rcpt] = doc["recipients"]
    assert rcpt["address"] == "jos\ufffd\x01@b.test"
    assert bytes.fromhex(rcpt["address_hex"]) == latin
    assert ids_of(quiet(ctl(rig, "queue", "--recipient",
                            os.fsdecode(b"jos\xe9?@*"))))


def test_damage_is_told(some):
    old, held, new = some.all
    path = some.file("todo", held)
    path.write_bytes(path.read_bytes()[:-1])
    path = some.file("info", old)
    path.write_bytes(b"")
    done = ctl(some, "queue", "--all")
    assert done.returncode == 111
    assert ids_of(done.stdout) == [old, new]
    assert f"{held}: unable to read the envelope" in done.stderr
    assert f"{old}: unable to read the note" in done.stderr
    assert ctl(some, "show", held).returncode == 111


def test_routes(rig):
    file = rig.home / "control/routeoverrides"
    assert good(ctl(rig, "route")) == ""
    told = "written; qmail-send is not running and reads it when it starts\n"
    file.write_text("# by hand\n\n5 over.test:x\n99999999999 b.test:\n")
    assert good(ctl(rig, "route", "Far.test", "hub.test:26", "--for",
                    "2h")) == told
    assert good(ctl(rig, "route", "--until", "2100-01-01T00:00+01:00",
                    ".sub.test", "[::1]")) == told
    assert good(ctl(rig, "route", "", "--mx", "--until=@4102444800")) == told
    lines = file.read_text().splitlines()
    until = int(lines[3].split()[0])
    assert abs(until - time.time() - 7200) < 600
    assert lines == ["# by hand", "", "99999999999 b.test:",
                     f"{until} Far.test:hub.test:26",
                     "4102441200 .sub.test:[::1]", "4102444800 :"]
    out = good(ctl(rig, "route")).splitlines()
    assert [line.split()[:2] for line in out] == [
        ["b.test", "(MX)"], ["Far.test", "hub.test:26"],
        [".sub.test", "[::1]"], ["(all)", "(MX)"]]
    docs = json.loads(good(ctl(rig, "route", "--json")))
    assert docs[2] == {"domain": ".sub.test", "route": "[::1]",
                       "until": 4102441200,
                       "until_iso": "2099-12-31T23:00:00Z"}
    # one per domain
    good(ctl(rig, "route", "far.TEST", "two.test", "--for", "1d"))
    assert "hub.test" not in file.read_text()
    good(ctl(rig, "route", "FAR.test", "--remove"))
    assert "two.test" not in file.read_text()
    refused(ctl(rig, "route", "far.test", "--remove"), 100, "far.test")
    assert oct(file.stat().st_mode)[-3:] == "644"


def test_route_shows_in_messages(some):
    good(ctl(some, "route", "relayed.test", "--mx", "--for", "1h"))
    good(ctl(some, "route", ".test", "other.test", "--for", "1h"))
    assert "remote, to the MX of relayed.test (an override)\n" in \
        quiet_show(some, some.all[0])
    assert "remote, by other.test port 25 (an override)\n" in \
        quiet_show(some, some.all[1])


@pytest.mark.parametrize("words", [
    ["a.test"], ["a.test", "b.test"], ["a.test", "--for", "1h"],
    ["a.test", "b.test", "--for", "1h", "--until", "@99999999999"],
    ["a.test", "b.test", "--mx", "--for", "1h"],
    ["a.test", "b.test", "--remove"], ["a.test", "--remove", "--for", "1h"],
    ["--for", "1h"], ["--remove"], ["a.test", "b", "c", "--for", "1h"],
    ["a.test", "b.test:0", "--for", "1h"],
    ["a.test", "b.test:x", "--for", "1h"], ["a.test", "", "--for", "1h"],
    ["a.test", "b c", "--for", "1h"], ["a:test", "b", "--for", "1h"],
    ["a test", "b", "--for", "1h"], ["a.test\n5 b:c", "b", "--for", "1h"],
    ["a.test", "b.test", "--for", "0"], ["a.test", "b.test", "--for", "x"],
    ["a.test", "b.test", "--until", "@5"],
    ["a.test", "b.test", "--until", "2026-02-30"],
    ["a.test", "b.test", "--for", "1h", "--json"],
])
def test_route_misuse(rig, words):
    refused(ctl(rig, "route", *words), 100, "qmailctl: ")
    assert not (rig.home / "control/routeoverrides").exists()


def test_route_leaves_alone_what_it_does_not_understand(rig):
    text = "# x\nfar.test:hub\n"
    rig.control("routeoverrides", text)
    for words in (["a.test", "b", "--for", "1h"], []):
        refused(ctl(rig, "route", *words), 100, "routeoverrides:2")
    assert (rig.home / "control/routeoverrides").read_text() == text


# --- with a stand-in for qmail-send ---

class Talk(threading.Thread):
    """Answers on run/send; answer(request) -> lines, or None to hang up."""

    def __init__(self, rig, answer):
        super().__init__(daemon=True)
        self.answer, self.heard = answer, []
        os.chdir(rig.home)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind("run/send")
        os.chmod("run/send", 0o666)
        self.socket.listen(8)
        self.start()

    def run(self):
        while True:
            try:
                peer = self.socket.accept()[0]
            except OSError:
                return
            with peer, peer.makefile("rwb") as f:
                self.converse(f)

    def converse(self, f):
        for line in f:
            request = line.decode().rstrip("\n")
            self.heard.append(request)
            lines = self.answer(request)
            if lines is None:
                return
            f.write("".join(x + "\n" for x in [*lines, ""]).encode())
            f.flush()

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


@pytest.fixture
def talk(some):
    open_talks = []

    def start(answer):
        open_talks.append(Talk(some, answer))
        return open_talks[-1]
    yield start
    for t in open_talks:
        t.close()


def test_live_state(some, talk):
    now = int(time.time())
    old, held, new = some.all
    known = {old: "active 0 0 0 2 - -", held: "waiting 1 0 0 0 - -",
             new: f"waiting 0 0 {now + 700} 0 remote far.test"}
    t = talk(lambda request: [known[int(request.split()[1])]])
    out = good(ctl(some, "queue", "--all"))
    rows = {int(x.split()[0]): x.split()[4:6] for x in out.splitlines()
            if re.match(r"\d{16}", x)}
    assert rows == {old: ["active", "-"], held: ["held", "-"],
                    new: ["waiting", "11m"]}
    assert t.heard == [f"info {n}" for n in some.all]
    doc = json.loads(good(ctl(some, "show", new, "--json")))
    assert (doc["live"], doc["next_remote"]) == (True, now + 700)
    assert doc["waits_for"] == {"channel": "remote", "key": "far.test"}
    assert "\nwaits for  remote far.test\n" in good(ctl(some, "show", new))
    assert "active, deliveries under way: 2\n" in good(ctl(some, "show", old))


def test_outcomes(some, talk):
    old, held, new = some.all
    known = {old: ["ok"], held: ["later"], new: ["error no such message"]}
    t = talk(lambda request: known[int(request.split()[1])])
    done = ctl(some, "delete", "--all", "--yes")
    assert done.returncode == 100
    assert done.stdout == (
        f"{old}: deleted\n{held}: will be deleted when the delivery under way "
        f"has ended\n{new}: no such message\n")
    assert t.heard == [f"delete {n}" for n in some.all]
    docs = json.loads(ctl(some, "bounce", "--all", "--yes", "--json").stdout)
    assert docs == [{"id": str(old), "result": "done"},
                    {"id": str(held), "result": "later"},
                    {"id": str(new), "result": "error",
                     "error": "no such message"}]
    for answer, code in [("error not permitted", 100),
                         ("error unable to write its note", 111),
                         ("something else", 111)]:
        known[new] = [answer]
        done = ctl(some, "hold", "--all")
        assert done.returncode == code
        assert f"{new}: {answer.removeprefix('error ')}\n" in done.stdout
    known[new] = ["ok"]
    good(ctl(some, "release", new, old))
    assert t.heard[-2:] == [f"release {old}", f"release {new}"]


def test_nothing_is_meant(some, talk):
    t = talk(lambda request: ["ok"])
    refused(ctl(some, "hold", "--sender", "nobody"), 100, "no message")
    refused(ctl(some, "delete", "4711", "--yes"), 100, "4711: no such")
    done = ctl(some, "delete", "--older", "90d", "--yes", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (100, [])
    assert t.heard == []
    # what is there is done all the same
    done = ctl(some, "hold", "4711", some.all[0])
    assert done.returncode == 100
    assert t.heard == [f"hold {some.all[0]}"]


def test_many_requests(rig):
    ids = [message(rig, b"a@b.test", [b"c@far.test"], n=ident() - 5000 + i)
           for i in range(1000)]
    t = Talk(rig, lambda request: ["ok"])
    out = good(ctl(rig, "hold", "--all"))
    assert out == "".join(f"{n}: held\n" for n in sorted(ids))
    assert t.heard == [f"hold {n}" for n in sorted(ids)]
    t.close()


def test_hung_up_on(some, talk):
    """What was done is told."""
    old, held, new = some.all
    talk(lambda request: ["ok"] if str(old) in request else None)
    done = ctl(some, "delete", "--all", "--yes")
    assert done.returncode == 111
    assert done.stdout == f"{old}: deleted\n"
    assert "qmail-send does not answer any more" in done.stderr


def test_dests(rig):
    now = int(time.time())
    t = Talk(rig, lambda request: [
        "local 3 20 0 0 0 joe ",
        f"remote 0 20 812 5 {now + 1300} far.test Connected_but_421",
        "remote 1 20 0 0 0 via_hub:26 "])
    lines = good(ctl(rig, "dest")).splitlines()
    assert lines[0].split() == ["CHANNEL", "DESTINATION", "JOBS", "WAITING",
                                "FAILURES", "AGAIN", "TROUBLE"]
    assert [line.split() for line in lines[1:]] == [
        ["local", "joe", "3/20", "0", "0", "-"],
        ["remote", "far.test", "0/20", "812", "5", "21m",
         "Connected_but_421"],
        ["remote", "via_hub:26", "1/20", "0", "0", "-"]]
    docs = json.loads(good(ctl(rig, "dest", "--json", "FAR*")))
    assert [(d["key"], d["waiting"], d["suspended_until"]) for d in docs] == [
        ("far.test", 812, now + 1300)]
    t.close()


def test_route_tells_qmail_send(rig):
    t = Talk(rig, lambda request: ["ok 1"])
    assert good(ctl(rig, "route", "a.test", "b", "--for", "1h")) == ""
    assert t.heard == ["routes"]
    t.answer = lambda request: ["error control/routeoverrides:1: no"]
    refused(ctl(rig, "route", "a.test", "--remove"), 111,
            "control/routeoverrides:1: no")
    t.close()


def on_terminal(rig, reply, *words):
    """Run a verb on a terminal and type reply; (exit code, what it said)."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(Programs.folder() / "qmailctl",
                  ["qmailctl", "-d", rig.home, *map(str, words)], rig.env)
    said = b""
    while b"[y/N] " not in said:
        said += os.read(fd, 4096)
    os.write(fd, reply)
    try:
        while data := os.read(fd, 4096):
            said += data
    except OSError:
        pass  # how a terminal ends
    os.close(fd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), \
        said.decode().replace("\r\n", "\n")


def test_question(some, talk):
    t = talk(lambda request: ["ok"])
    code, said = on_terminal(some, b"y\n", "delete", "--all")
    assert code == 0
    assert "delete 3 messages? [y/N] y\n" in said
    for n in some.all:
        assert f"\n{n} " in said.partition("delete 3")[0]
        assert f"\n{n}: deleted\n" in said
    assert t.heard == [f"delete {n}" for n in some.all]


@pytest.mark.parametrize("reply", [b"n\n", b"\n", b"no, y\n", b"\x04"])
def test_question_denied(some, talk, reply):
    t = talk(lambda request: ["ok"])
    code, said = on_terminal(some, reply, "bounce", "--held")
    assert code == 100
    assert "bounce 1 message? [y/N] " in said and "nothing was done" in said
    assert t.heard == []


def test_question_lists_ten(rig):
    for i in range(11):
        message(rig, b"a@b.test", [b"c@far.test"], n=ident() + i)
    t = Talk(rig, lambda request: ["ok"])
    code, said = on_terminal(rig, b"n\n", "delete", "--all")
    assert len(ids_of(said)) == 10 and "\n...\n" in said
    t.close()


# --- with qmail-send ---

@pytest.fixture
def running(rig):
    """Its far.test is busy for ever, all else is delivered."""
    rig.verdict = lambda d: ("Z", b"far away\nand busy\n") \
        if d.addr.endswith(b"@far.test") else ("K", b"did 1+0+0\n")
    rig.start()
    return rig


def deferred(rig, *rcpts, sender=b"s@local.example"):
    """Hand in a message and wait until it waits; its ID."""
    before = set(rig.ids())
    assert rig.inject(sender, list(rcpts)) == 0
    [n] = poll(lambda: set(rig.ids()) - before)
    poll(lambda: state(rig, n)["state"] == "waiting")
    return n


def state(rig, n):
    done = ctl(rig, "show", n, "--json")
    return json.loads(done.stdout) if done.returncode == 0 else None


def attempts(rig, addr=b"a@far.test"):
    return sum(d.addr == addr for d in rig.started)


def test_real_list(running):
    n = deferred(running, b"a@far.test", b"b@local.example")
    out = good(ctl(running, "queue", "--all"))
    assert re.search(
        rf"^{n} +\d+s +\d+ +1/2 waiting +\d+m +<s@local.example>\n"
        r"    remote a@far.test: far away and busy\n1 message$", out, re.M)
    doc = state(running, n)
    assert (doc["live"], doc["pending"]) == (True, 1)
    assert doc["attempts"] > 0
    assert doc["next_local"] is None and doc["next_remote"] > time.time()


def test_real_hold_and_release(running):
    n, other = deferred(running, b"a@far.test"), deferred(running,
                                                          b"b@far.test")
    assert good(ctl(running, "hold", n)) == f"{n}: held\n"
    running.wait_log(f"held msg {n} by uid ")
    assert state(running, n)["state"] == "held"
    assert ids_of(good(ctl(running, "queue", "--held"))) == [n]
    # neither is it tried, nor does a new start forget it
    refused_one = ctl(running, "flush", "--all")
    assert refused_one.returncode == 100
    assert f"{n}: the message is held\n" in refused_one.stdout
    poll(lambda: attempts(running, b"b@far.test") == 2)
    running.stop_send()
    running.start_send()
    poll(lambda: (state(running, n) or {}).get("live"))
    assert state(running, n)["state"] == "held"
    running.verdict = lambda d: ("K", b"did 1+0+0\n")
    assert attempts(running) == 1
    assert good(ctl(running, "release", "--held")) == f"{n}: released\n"
    running.wait_log(f"released msg {n} by uid ")
    # it is due, but its destination may be left alone for a while
    good(ctl(running, "flush", other))
    running.wait_empty()
    assert attempts(running) == 2


def test_real_flush_of_one(running):
    n, other = deferred(running, b"a@far.test"), deferred(running,
                                                          b"b@far.test")
    assert good(ctl(running, "flush", n)) == f"{n}: due now\n"
    poll(lambda: attempts(running) == 2)
    poll(lambda: state(running, n)["state"] == "waiting")
    assert attempts(running, b"b@far.test") == 1
    assert state(running, other)["attempts"] == 1


def test_real_delete(running):
    n, other = deferred(running, b"a@far.test"), deferred(running,
                                                          b"b@far.test")
    out = good(ctl(running, "delete", "--recipient", "a@*", "--yes"))
    assert out == f"{n}: deleted\n"
    running.wait_log(f"deleted msg {n} by uid ")
    poll(lambda: not running.file("mess", n).exists())
    assert running.ids() == [other]
    refused(ctl(running, "delete", n, "--yes"), 100, "no such message")


def test_real_delete_during_a_delivery(running):
    running.verdict = lambda d: None
    assert running.inject(b"s@local.example", [b"a@far.test"]) == 0
    poll(lambda: running.held)
    [n] = running.ids()
    assert "when the delivery under way has ended" in good(
        ctl(running, "delete", n, "--yes"))
    assert running.ids() == [n]
    [[d]] = running.held
    running.spawners["remote"].answer(d.number, [(d, ("Z", b"busy\n"))])
    running.wait_empty()
    running.wait_log(f"deleted msg {n} by uid ")


def test_real_bounce(running):
    n = deferred(running, b"a@far.test", b"b@far.test")
    assert good(ctl(running, "bounce", n, "--yes")) == \
        f"{n}: returned to its sender\n"
    running.wait_log(f"returned msg {n} by uid ")
    running.wait_empty()
    [d] = [d for d in running.delivered if d.addr == b"s@local.example"]
    assert d.sender == b""


def test_real_damaged_is_told(running):
    refused(ctl(running, "hold", "4711"), 100, "4711: no such message")


def test_real_dest(running):
    for i in range(3):
        deferred(running, b"a@far.test")
    docs = json.loads(good(ctl(running, "dest", "--json")))
    for d in docs:
        assert set(d) == {"channel", "key", "running", "limit", "waiting",
                          "failures", "suspended_until",
                          "suspended_until_iso", "trouble"}


def test_real_route(tmp_path):
    """Mail goes elsewhere, at once, until it is told not to."""
    from facteur import Sink
    with Sink() as there, socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        route = f":127.0.0.1:{deaf.getsockname()[1]}\n"
        with Instance(tmp_path, control={"smtproutes": route}) as box:
            box.sendmail("-f", "joe@mail.test", "a@far.test", input="\nx\n")
            box.wait_log("deferral:")
            done = box.ctl("route", "far.test", there.route, "--for", "1h")
            assert done.returncode == 0, done.stderr
            assert box.ctl("flush", "--all").returncode == 0
            there.wait()
            box.wait_empty()
            assert box.ctl("route", "far.test", "--remove").returncode == 0
            box.sendmail("-f", "joe@mail.test", "a@far.test", input="\nx\n")
            box.wait_log("new msg ", n=2)
            # the relay that was down is left alone for a while
            assert box.ctl("flush").returncode == 0
            box.wait_log("deferral:", n=2)
            assert len(there.messages) == 1

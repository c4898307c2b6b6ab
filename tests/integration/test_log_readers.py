"""Those who read qmail-send's log understand it.

A system delivers a mixture of mail, and its log is read by tests/log/
grammar.awk, which knows the lines of contract queue.md 7 and matches them as
qmailanalog's matchup does, and by Debian's isoqlog, through multilog and
through splogger. What they count is what was sent.
"""
import html
import os
import re
import subprocess
from collections import Counter
from datetime import datetime, timezone
from types import SimpleNamespace

import pytest

from facteur import DEADLINE, ROOT, Instance, Sink, poll, run
from syslogkit import Syslog, can_unshare

GRAMMAR = ROOT / "tests/log/grammar.awk"


def read_log(log):
    """What the grammar says: (complaints, [deliveries], [messages], left)."""
    done = subprocess.run(
        ["awk", "-f", GRAMMAR], input=log, capture_output=True,
        timeout=DEADLINE, env={**os.environ, "LC_ALL": "C"})
    complaints = done.stderr.decode("latin-1").splitlines()
    assert done.returncode == (1 if complaints else 0)
    lines = [line.split(" ") for line in done.stdout.decode().splitlines()]
    return SimpleNamespace(
        complaints=complaints,
        deliveries=[tuple(x[1:]) for x in lines if x[0] == "d"],
        messages=[tuple(x[1:]) for x in lines if x[0] == "m"],
        left=lines[-1][1:])


# the grammar itself

HEAD = "status: local 0/10 remote 0/20\n"
NEW = "new msg 93\ninfo msg 93: bytes 7 from <a@b> qp 5 uid 0\n"
BEGUN = NEW + """starting delivery 1: msg 93 to local c@d
status: local 1/10 remote 0/20
"""
FAILED = BEGUN + "delivery 1: failure: \n" + HEAD
DEFERRED = BEGUN + "delivery 1: deferral: x/\n" + HEAD
DONE = BEGUN + "delivery 1: success: did_1+0+0/\n" + HEAD
REMOTE = NEW + """starting delivery 1: msg 93 to remote c@d
status: local 0/10 remote 1/20
starting delivery 2: msg 93 to remote e@d
status: local 0/10 remote 1/20
"""
AGAIN = """starting delivery 2: msg 93 to local c@d
status: local 1/10 remote 0/20
delivery 2: success: did_1+0+0/
""" + HEAD

GOOD = {
    "idle": "",
    "no recipients": NEW + "end msg 93\n",
    "success": DONE + "end msg 93\n",
    "8-digit numbers": (DONE + "end msg 93\n").replace("93", "11134513"),
    "bounce": FAILED + "bounce msg 93 qp 17\nend msg 93\n",
    "triple bounce": FAILED + "triple bounce: discarding bounce/93\n"
                              "end msg 93\n",
    "later": DEFERRED + AGAIN + "end msg 93\n",
    "mangled": BEGUN + "delivery 1: report mangled, will defer\n" + HEAD
               + AGAIN + "end msg 93\n",
    "one job of two": REMOTE + "delivery 2: success: \n"
        "status: local 0/10 remote 1/20\ndelivery 1: success: \n" + HEAD
        + "end msg 93\n",
    "stopped": DEFERRED.replace("remote 0/20\n", "remote 0/20\n", 1)
        + "status: local 0/10 remote 0/20 exitasap\nstatus: exiting\n"
        + HEAD + AGAIN.replace("y 2:", "y 1:") + "end msg 93\n",
    "announced again": NEW + "status: exiting\n" + HEAD + DONE,
    "lost spawner": BEGUN
        + "alert: oh no! lost spawn connection! dying...\n"
          "status: local 0/10 remote 0/20 exitasap\nstatus: exiting\n" + HEAD
        + BEGUN.replace(NEW, ""),
    "lost cleaner": "alert: oh no! lost qmail-clean connection! dying...\n"
                    "status: exiting\n",
    "not twice": "status: exiting\n"
                 "alert: cannot start: qmail-send is already running\n",
    "odd": "new msg 93\ninfo msg 93: bytes 0 from <!\"#$&'()~> qp 1 uid 0\n",
    "warnings": """warning: internal error: delivery report out of range
warning: qmail-clean unable to clean up foop/93
warning: qmail-clean unable to clean up todo/93
warning: trouble in select
warning: trouble injecting bounce message, will try later
warning: unable to start qmail-queue, will try later
warning: trouble marking local/6/11134513; message will be delivered twice!
warning: trouble opening remote/0/23; will try again later
warning: trouble reading info/1/24; will try again later
warning: unknown record type in local/1/24!
warning: unknown record type in todo/24
warning: trouble reading todo/24
warning: trouble writing to info/1/24
warning: trouble fsyncing local/1/24
warning: unable to open todo/24
warning: unable to create remote/1/24
warning: unable to stat mess/1/24
warning: unable to stat info/1/24; will try again later
warning: unable to unlink bounce/24
warning: unable to unlink remote/1/24; will try again later
warning: unable to utime local/1/24; message will be retried too soon
alert: out of memory, sleeping...
alert: unable to opendir todo, sleeping...
alert: unable to opendir info/0, sleeping...
alert: unable to append to bounce message; HELP! sleeping...
alert: unable to reread control/locals
alert: unable to reread control/virtualdomains
alert: unable to reread controls: unable to switch to home directory
alert: unable to switch back to queue directory; HELP! sleeping...
""",
    # Facteur's own
    "double bounce": FAILED + "double bounce: discarding bounce/93\n"
                              "end msg 93\n",
    "held": DEFERRED + "held msg 93 by uid 0\nreleased msg 93 by uid 7\n"
            + AGAIN + "end msg 93\n",
    "deleted": DEFERRED + "deleted msg 93 by uid 0\nend msg 93\n",
    "returned": DEFERRED + "returned msg 93 by uid 0\nbounce msg 93 qp 9\n"
                           "end msg 93\n",
    "delay": DEFERRED + "delay msg 93 qp 17\n" + AGAIN + "end msg 93\n",
    "suspended": "suspended remote far.test for 300 seconds: no_way/\n"
                 "resumed remote far.test\n",
    "damaged": NEW + "alert: message 93 damaged: the message is missing; "
                     "moved to queue/quarantine\n",
    "more warnings": """warning: damaged info/1/24 set aside; delivery begins \
anew
warning: trouble writing to info/1/24; will try again later
warning: trouble reading queue/todo; will try again later
warning: unable to listen on run/send: access denied
warning: an earlier qmail-clean is still at work
warning: trouble injecting delay notice, will try later
alert: unable to reread control/smtproutes: access denied
alert: unable to reread control/routeoverrides:3: not understood
""",
    "not understood": "status: exiting\nalert: cannot start: "
                      "control/delaywarn: not understood: soon\n",
}


@pytest.mark.parametrize("name", GOOD)
def test_accepted(name):
    log = (HEAD + GOOD[name]).encode()
    assert read_log(log).complaints == []
    stamped = b"".join(b"@400000006b077d1e27df38d4 " + line
                       for line in log.splitlines(True))
    assert read_log(stamped).complaints == []
    stamped = b"".join(b"1795652884.000012 " + line
                       for line in log.splitlines(True))
    assert read_log(stamped).complaints == []


ENDED = DONE + "end msg 93\n"
BAD = {
    "nothing of ours": "hello\n",
    "empty line": "\n",
    "other program": "qmail-rspawn: unable to wait: out of memory\n",
    "blank at the end": "new msg 93 \n",
    "blank in front": " new msg 93\n",
    "case": "New msg 93\n",
    "leading zero": "new msg 093\n",
    "no number": "new msg x\n",
    "cut": "new msg\n",
    "stamp of another kind": "Nov 26 00:30:01 new msg 93\n",
    "blank in an address": NEW.replace("a@b", "a a@b"),
    "percent in an address": NEW.replace("a@b", "a%a@b"),
    "8-bit": NEW.replace("a@b", "\xe9@b"),
    "no angle": NEW.replace("<a@b>", "a@b"),
    "third channel": BEGUN.replace("to local", "to maybe"),
    "a fourth verdict": DONE.replace("success", "happiness"),
    "verdict without its text": DONE.replace("success: did_1+0+0/",
                                             "success"),
    "blank in a report": DONE.replace("did_1", "did 1"),
    "unknown warning": "warning: winter\n",
    "unknown alert": "alert: fire\n",
    "file of another kind": "warning: unable to open pid/24\n",
    # fitting together
    "twice": NEW + "new msg 93\n",
    "info first": "info msg 93: bytes 7 from <a@b> qp 5 uid 0\n",
    "no info": "new msg 93\nend msg 93\n",
    "delivery of nothing": BEGUN.replace("y 1: msg 93", "y 1: msg 94"),
    "number left out": BEGUN.replace("y 1:", "y 2:"),
    "number used twice": ENDED + BEGUN.replace("93", "95"),
    "ended twice": ENDED + "end msg 93\n",
    "verdict on nothing": "delivery 1: success: \n" + HEAD,
    "second verdict": DONE + "delivery 1: success: \n" + HEAD,
    "end too early": BEGUN + "end msg 93\n",
    "somebody waits": DEFERRED + "end msg 93\n",
    "nobody was told": FAILED + "end msg 93\n",
    "told of success": DONE + "bounce msg 93 qp 9\n",
    "told twice": FAILED + "bounce msg 93 qp 9\nbounce msg 93 qp 9\n",
    "told too early": BEGUN + "bounce msg 93 qp 9\n",
    "no status": BEGUN.replace("status: local 1/10 remote 0/20\n", "")
                 + "new msg 95\n",
    "status of others": BEGUN.replace("local 1/10", "local 2/10"),
    "idle in vain": REMOTE.replace("remote 1/20", "remote 0/20"),
    "exit at work": BEGUN + "status: exiting\n",
    "no status at start": "status: exiting\nnew msg 93\n",
    "held of nothing": "held msg 93 by uid 0\n",
}


@pytest.mark.parametrize("name", BAD)
def test_refused(name):
    log = (HEAD + BAD[name]).encode("latin-1")
    assert len(read_log(log).complaints) >= 1


# a system

OK, NO, LATER = ["success"], ["failure"], ["deferral", "success"]
TEXT = b"Subject: x\n\nOne line.\n"

SENT = [  # sender, recipients and what becomes of them
    (b"joe@remote.test", {
        b"alice@mail.test": OK, b"bob@mail.test": OK, b"x@far.test": OK,
        b"y@far.test": OK, b"no-one@far.test": NO, b"z@other.test": OK}),
    (b"bob@mail.test", {
        b"alice-later@mail.test": LATER, b"later-1@far.test": LATER,
        b"later-2@far.test": LATER, b"x@other.test": OK}),
    (b"gone@mail.test", {b"nobody-here@mail.test": NO}),
    (b"", {b"alice@mail.test": OK, b"nobody-here@mail.test": NO}),
    (b"#@[]", {b"nobody-here@mail.test": NO}),
    (b"alice-list-@mail.test-@[]", {b"x@far.test": OK,
                                    b"no-list@far.test": NO}),
    (b"a b%c\xe9@mail.test", {
        b"alice-a b\xe9%\n\x7f@mail.test": OK, b"bob@mail.test": OK}),
    (b"alice@mail.test", {b"a b@far.test": OK, b"u%x@far.test": OK,
                          b"no way@far.test": NO}),
    (b"joe@remote.test", {}),
    (b"joe@remote.test", {b"bob@mail.test": OK}),
]


def safe(address):
    """As in the log."""
    return "".join("/" if c == 10 else "_" if c < 33 or c > 126 or c == 37
                   else chr(c) for c in address)


def bounce_of(sender):
    """Sender and recipient of the bounce, and what becomes of that."""
    plain = sender.removesuffix(b"-@[]")
    if sender == b"#@[]":
        return None
    if plain == b"":
        return b"#@[]", {b"alice@mail.test": OK}
    return b"", {plain: NO if plain == b"gone@mail.test" else OK}


def expected():
    """All messages: those that were sent, and the bounces."""
    todo, found = list(SENT), []
    while todo:
        sender, rcpts = todo.pop()
        found.append((sender, rcpts))
        bounce = bounce_of(sender) if NO in rcpts.values() else None
        if bounce:
            todo.append(bounce)
    return found


MESSAGES = expected()


def inject(box, sender, rcpts):
    envelope = box.home / "envelope"
    envelope.write_bytes(b"F" + sender + b"\0" + b"".join(
        b"T" + rcpt + b"\0" for rcpt in rcpts) + b"\0")
    with open(envelope, "rb") as f:
        done = subprocess.run([box.home / "bin/qmail-queue"], input=TEXT,
                              stdout=f, env=box.env, timeout=DEADLINE)
    assert done.returncode == 0


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """The log of the mixture, and what is known of it otherwise."""
    control = {"doublebounceto": "alice\n"}
    with Sink() as sink:
        control["smtproutes"] = f":{sink.route}\n"
        sink.rcpt = lambda a: ("550 no" if a.strip('"').startswith("no") else
                               "451 later" if a.startswith("later") else
                               "250 ok")
        with Instance(tmp_path_factory.mktemp("mixed"),
                      control=control) as box:
            box.dot_qmail("alice", "./Maildir/\n", "-default")
            box.dot_qmail("alice", "|test -e go || exit 111\n./Maildir/\n",
                          "-later")
            for sender, rcpts in SENT:
                inject(box, sender, rcpts)
            box.wait_log(": deferral: ", n=3)
            poll(lambda: len(box.queued()) == 1, "all but one are done")
            box.restart()  # its recipients are waiting
            (box.home_of("alice") / "go").touch()
            sink.rcpt = lambda a: "250 ok"
            box.ctl("doqueue")
            box.wait_empty()
            box.stop()
            yield SimpleNamespace(
                log=(box.home / "log/send").read_bytes(),
                sizes=copies(box), uids={os.getuid(), box.uid})


def copies(box):
    """(sender, size in the queue) of each message in a Maildir."""
    found = set()
    for user in box.users:
        for path in box.mail(user):
            first, second, rest = path.read_bytes().split(b"\n", 2)
            assert second.startswith(b"Delivered-To: ")
            found.add((first.removeprefix(b"Return-Path: "), len(rest)))
    return found


def channel(rcpt):
    return "local" if rcpt.endswith(b"@mail.test") else "remote"


def test_log_fits_what_was_sent(mixed):
    read = read_log(mixed.log)
    assert read.complaints == []
    assert read.left == ["0", "0"]
    assert Counter(d[:4] for d in read.deliveries) == Counter(
        (result, channel(rcpt), safe(rcpt), f"<{safe(sender)}>")
        for sender, rcpts in MESSAGES for rcpt, results in rcpts.items()
        for result in results)
    # successes, failures, deferrals
    assert Counter(tuple(map(int, m[1:4])) + (m[4],)
                   for m in read.messages) == Counter(
        tuple(sum(results.count(word) for results in rcpts.values())
              for word in ("success", "failure", "deferral"))
        + (f"<{safe(sender)}>",) for sender, rcpts in MESSAGES)
    assert {int(m[5]) for m in read.messages} <= mixed.uids


def test_every_line_counts(mixed):
    """Without any one of them something does not fit, or does not end. (That
    a process told the number of its jobs twice, or ended, is no such line.)"""
    lines = mixed.log.splitlines(True)
    for i, line in enumerate(lines):
        read = read_log(b"".join(lines[:i] + lines[i + 1:]))
        assert read.complaints or read.left != ["0", "0"] or \
            line.endswith((b"exitasap\n", b"status: exiting\n")), line


def test_bytes_are_those_of_the_message(mixed):
    """As far as a copy of it was delivered here: without VERP."""
    sizes = {(m[4], int(m[0])) for m in read_log(mixed.log).messages}
    plain = {(f"<{safe(sender.strip(b'<>'))}>".replace('"', ""), size)
             for sender, size in mixed.sizes}
    assert len(plain) > 5
    assert plain <= sizes


def test_texts_of_the_deliveries(mixed):
    texts = {d[0]: set() for d in read_log(mixed.log).deliveries}
    for d in read_log(mixed.log).deliveries:
        texts[d[0]].add(d[4])
    assert "did_1+0+0/" in texts["success"]
    assert any("Remote_host_said:_550_no/" in t for t in texts["failure"])
    assert any("Remote_host_said:_451_later/" in t
               for t in texts["deferral"])
    assert "" in texts["deferral"]  # of a program that said nothing


def test_stops_and_starts(mixed):
    lines = mixed.log.decode().splitlines()
    assert lines.count("status: exiting") == 2
    assert lines[-1] == "status: exiting"
    assert sum(x.startswith("starting delivery 1:") for x in lines) == 2


# isoqlog

@pytest.fixture(scope="module")
def low_malloc(tmp_path_factory):
    """Debian's isoqlog keeps pointers in ints, and dies of it where memory
    is above 2 GiB."""
    out = tmp_path_factory.mktemp("low") / "low-malloc.so"
    subprocess.run([os.environ.get("CC", "cc"), "-D_GNU_SOURCE", "-shared",
                    "-fPIC", "-O1", "-o", out,
                    ROOT / "tests/log/low-malloc.c"], check=True)
    return out


def noon():
    """A time zone where the day is not about to end."""
    return f"X{datetime.now(timezone.utc).hour - 12}"


def isoqlog(tmp_path, low_malloc, kind, store):
    """Run it on a log; the folder of its report on the day."""
    out = tmp_path / "report"
    out.mkdir()
    (tmp_path / "domains").write_text(
        "mail.test\nfar.test\nother.test\nremote.test\n")
    conf = tmp_path / "isoqlog.conf"
    conf.write_text("".join(f'{name} = "{value}"\n' for name, value in [
        ("logtype", kind), ("logstore", store),
        ("domainsfile", tmp_path / "domains"), ("outputdir", out),
        ("htmldir", "/usr/share/isoqlog/htmltemp"),
        ("langfile", "/usr/share/isoqlog/lang/english"),
        ("hostname", "mail.test")]) + "".join(
            f"max{what} = 100\n"
            for what in ("sender", "receiver", "total", "byte")))
    done = run("isoqlog", "-f", conf, env={
        **os.environ, "LD_PRELOAD": str(low_malloc), "TZ": noon()})
    assert done.returncode == 0, done.stdout + done.stderr
    return out


def cells(page):
    text = page.read_text("latin-1")
    return [html.unescape(re.sub(r"<[^>]*>", "", cell)).strip()
            for cell in re.findall(r"<td[^>]*>(.*?)</td>", text, re.S)]


def tables(page):
    """{heading: {name: value}} of a day."""
    found, rest = {}, cells(page)
    while rest:
        cell = rest.pop(0)
        if cell.startswith("Top 100 "):
            table = found[cell.removeprefix("Top 100 ")] = {}
            del rest[:3]  # the heads of its columns
        elif cell.isdigit() and len(rest) >= 2:
            table[rest[0]] = rest[1]
            del rest[:2]
    return found


def numbers(counter):
    return {name: str(n) for name, n in counter.items()}


def size(n):
    return f"{n:.2f} bytes" if n < 1024 else f"{n / 1024:.2f} KBytes"


def domain(address):
    return address.rsplit("@", 1)[1]


def check_report(out, log):
    [day] = (out / "general").glob("*/*/[0-9]*.html")
    found = tables(day)
    sent = Counter(safe(s) for s, _ in MESSAGES if s)
    received = Counter()
    for _, rcpts in MESSAGES:
        for rcpt, results in rcpts.items():
            received[safe(rcpt)] += len(results)
    sizes = Counter()
    for m in read_log(log).messages:
        sizes[m[4].strip("<>")] += int(m[0])
    assert found["Sender"] == numbers(sent)
    assert found["Receiver"] == numbers(received)
    assert found["Size"] == {s: size(sizes[s]) for s in sent}
    assert found["Total"] == numbers(sent + received)

    by_domain = Counter()
    for rcpt, n in received.items():
        by_domain[domain(rcpt)] += n
    assert found["Receiver Domain"] == numbers(by_domain)

    [month] = (out / "general").glob("*/*/index.html")
    row = cells(month)[cells(month).index("Size") + 2:]
    assert row[:3] == [str(len(MESSAGES)), str(received.total()),
                       str(len(MESSAGES) + received.total())]

    [day] = (out / "far.test").glob("*/*/[0-9]*.html")
    assert tables(day)["Receiver"] == numbers(
        {r: n for r, n in received.items() if r.endswith("@far.test")})
    assert tables(day)["Sender"] == {}


def test_isoqlog_behind_multilog(mixed, low_malloc, tmp_path):
    store = tmp_path / "main"
    subprocess.run(["multilog", "t", store], input=mixed.log, check=True,
                   timeout=DEADLINE)
    log = (store / "current").read_bytes()
    assert read_log(log).complaints == []
    check_report(isoqlog(tmp_path, low_malloc, "qmail-multilog", store), log)


def test_isoqlog_behind_splogger(mixed, low_malloc, tmp_path):
    dev = tmp_path / "dev"
    dev.mkdir()
    if not can_unshare(dev):
        pytest.skip("needs a mount namespace of its own for /dev/log")
    syslog = Syslog(dev)
    log = b""
    for message in syslog.splogger(mixed.log, "qmail"):
        text = re.sub(rb"^<\d+>(\w{3} [ \d]\d \d\d:\d\d:\d\d )?", b"", message)
        log += text.removeprefix(b"qmail: ") + b"\n"
    syslog.close()
    assert read_log(log).complaints == []
    # as the syslog daemon writes it, with the time in its zone
    stamp = datetime.now(timezone.utc).strftime("%b %e 12:00:00 host qmail: ")
    store = tmp_path / "maillog"
    store.write_bytes(b"".join(stamp.encode() + line
                               for line in log.splitlines(True)))
    check_report(isoqlog(tmp_path, low_malloc, "qmail-syslog", store), log)

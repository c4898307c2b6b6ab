"""Names and messages nobody in their right mind sends, through the whole
system and each of its four doors: qmail-queue, qmail-inject, sendmail, SMTP.

Nothing crashes, and everything that was accepted is delivered or bounced.
"""
import os
import re
import socket
import subprocess

import pytest

from facteur import Instance, poll, run
from remote_rig import Server

LOCAL, FAR = b"mail.test", b"far.test"
LONGEST = 1002

BOXES = {
    "8-bit": b"\xc3\xa9t\xc3\xa9", "not utf-8": b"\xff\xfe\x80",
    "newline": b"a\nb", "header": b"a\nX-Injected: yes\n\nb",
    "return": b"a\rb", "both": b"a\r\nRCPT TO:<bob@mail.test>\r\nb",
    "controls": b"\x01\x02\x7f\x1b[2J", "tab": b"a\tb", "blank": b"a b",
    "empty": b"", "dot": b".", "dots": b"..", "file": b"../../etc/passwd",
    "slash": b"/", "absolute": b"/etc/passwd", "option": b"--help",
    "dash": b"-", "dashes": b"-----", "pipe": b"|touch x", "shell": b"`id`$(id);",
    "quotes": b'"', "quoted": b'"a b"', "backslash": b"\\", "angle": b"<>",
    "comma": b"a,b", "colon": b"a:b", "comment": b"(c)", "brackets": b"[1]",
    "percent": b"a%b", "percents": b"%s%n%%%", "relay": b"joe%far.test",
    "bang": b"far!joe", "bangs": b"!!", "route": b"@relay.test:joe",
    "at": b"@", "a at": b"a@", "two": b"a@b", "verp": b"list-@h-@[]",
    "double bounce": b"#@[]", "tilde": b"~root", "root": b"root",
    "capital": b"BOB", "mixed": b"bOb", "extension": b"BOB-Ext",
    "default": b"bob-default", "owner": b"bob-owner", "star": b"*",
    "equals": b"=", "plus": b"+", "hash": b"#", "long": b"l" * 900,
    "longest": b"l" * (LONGEST - 1 - len(LOCAL)),
    "long words": b"-".join([b"w"] * 490),
}

WHOLE = {  # addresses that are not BOX@DOMAIN
    "nothing": b"", "no host": b"bob", "only at": b"@", "ats": b"@@@",
    "no domain": b"bob@", "no box": b"@mail.test",
    "long domain": b"u@" + b"d" * (LONGEST - 2),
    "long label": b"u@" + b"d" * 64 + b".test",
    "long labels": b"u@" + b".".join([b"d" * 60] * 15),
    "dots": b"u@...", "dot": b"u@.", "literal": b"u@[127.0.0.2]",
    "bad literal": b"u@[999.1.1.1]", "open literal": b"u@[", "percent": b"%@%",
    "8-bit domain": b"u@\xc3\xa9.test", "newline": b"\n", "blank": b" ",
    "domain of blanks": b"u@a b", "option": b"-x", "capital": b"u@FAR.TEST",
    "domain newline": b"u@a\nb", "domain dash": b"u@-a.test",
}

ADDRESSES = {
    **{f"local {k}": v + b"@" + LOCAL for k, v in BOXES.items()},
    **{f"far {k}": (v + b"@" + FAR)[-LONGEST:] for k, v in BOXES.items()},
    **WHOLE}


class Hostile:
    """A system where everything ends up somewhere."""

    def __init__(self, tmp_path, catch=True, **control):
        self.far = Server()
        self.box = Instance(tmp_path, control={
            "smtproutes": f":127.0.0.2:{self.far.port}\n",
            "percenthack": "mail.test\n", "rcpthosts": "mail.test\nfar.test\n",
            **control})
        if catch:
            path = self.box.home / "alias/.qmail-default"
            path.write_text("#\n")
            self.box.own(path)

    def __enter__(self):
        self.box.__enter__()
        self.seen = 0
        poll(lambda: "qmail-send" in self.box.processes().values())
        self.before = self.pids()
        return self

    def __exit__(self, *why):
        self.box.__exit__(*why)
        self.far.close()

    def pids(self):
        """The processes that live as long as the system."""
        stay = ("qmail-send", "qmail-lspawn", "qmail-rspawn", "qmail-clean",
                "qmail-queue")
        return {pid for pid, name in self.box.processes().items()
                if name in stay}

    def queue(self, sender, *rcpts, message=b"Subject: x\n\nx\n"):
        """The exit code of qmail-queue."""
        envelope = self.box.home / "envelope"
        envelope.write_bytes(b"F" + sender + b"\0" + b"".join(
            b"T" + r + b"\0" for r in rcpts) + b"\0")
        with open(envelope, "rb") as f:
            return subprocess.run(
                [self.box.home / "bin/qmail-queue"], input=message, stdout=f,
                env=self.box.env, timeout=60).returncode

    def whole_log(self):
        """What is new, if all that began in it has ended."""
        log = self.box.log()[self.seen:]
        is_whole = not self.box.queued() and \
            log.count("end msg ") == log.count("new msg ")
        return [log] if is_whole and log[-1:] in ("", "\n") else None

    def settle(self, seconds=120):
        """Everything is delivered or bounced; the log since the last time."""
        self.box.wait_empty(seconds)
        # the last line may still be on its way
        [log] = poll(self.whole_log)
        self.seen += len(log)
        assert not re.search("alert|warning|mangled|crashed|bug|deferral", log)
        new, told, ended = (sorted(re.findall(rf"^{word} msg (\d+)", log, re.M))
                            for word in ("new", "info", "end"))
        assert new == told == ended and len(new) == len(set(new))
        started = re.findall(r"^starting delivery (\d+): ", log, re.M)
        ended = re.findall(r"^delivery (\d+): (?:success|failure): ", log,
                           re.M)
        assert sorted(started) == sorted(ended)
        # a child of qmail-clean may be at work, for a moment
        poll(lambda: self.pids() == self.before, "all that ran runs")
        assert os.listdir(self.box.home / "queue/quarantine") == []
        return log

    def deliveries(self):
        """How many there have been."""
        return self.box.log().count("\nstarting delivery ")


@pytest.fixture(scope="module")
def lax(tmp_path_factory):
    """All mail for here is taken."""
    with Hostile(tmp_path_factory.mktemp("lax")) as h:
        yield h


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    """Only what bob and alice get is taken; the rest bounces."""
    with Hostile(tmp_path_factory.mktemp("strict"), catch=False) as h:
        yield h


# --- qmail-queue ---

@pytest.mark.parametrize("name", ADDRESSES)
def test_recipient(lax, name):
    assert lax.queue(b"bob@mail.test", ADDRESSES[name]) == 0
    lax.settle()


@pytest.mark.parametrize("name", ADDRESSES)
def test_sender(lax, name):
    assert lax.queue(ADDRESSES[name], b"bob@mail.test", b"joe@far.test") == 0
    lax.settle()


@pytest.mark.parametrize("name", ADDRESSES)
def test_bounce_to(strict, name):
    """One recipient fails, then it bounces to there."""
    assert strict.queue(ADDRESSES[name], b"nobody@mail.test") == 0
    log = strict.settle()
    assert "nobody@mail.test" in log


@pytest.mark.parametrize("name", ADDRESSES)
def test_bounce_about(strict, name):
    assert strict.queue(b"alice@mail.test", ADDRESSES[name]) == 0
    strict.settle()
    # what bounced, the sender was told of, in one line that is no header
    for path in strict.box.mail("alice"):
        head, body = path.read_bytes().split(b"\n\n", 1)
        assert b"X-Injected" not in head
        assert b"Subject: failure notice" in head
        path.unlink()


def test_all_at_once(lax):
    before = lax.deliveries()
    assert lax.queue(b"bob@mail.test", *ADDRESSES.values()) == 0
    lax.settle()
    # and perhaps a bounce
    assert lax.deliveries() - before in (len(ADDRESSES), len(ADDRESSES) + 1)


def test_case_is_each_recipients_own(lax):
    """Recipients that differ in case only are several."""
    h = lax
    names = [b"alice@mail.test", b"ALICE@mail.test", b"alice@MAIL.TEST",
             b"Alice@Mail.Test", b"alice@mail.test"]
    assert h.queue(b"bob@mail.test", *names) == 0
    h.settle()
    found = [re.search(rb"^Delivered-To: (.*)$", p.read_bytes(), re.M).group(1)
             for p in h.box.mail("alice")]
    assert sorted(found) == sorted(names)


def test_long_address_in_a_virtual_domain(tmp_path):
    """1,002 bytes, and what virtualdomains puts in front of them."""
    prepend = "alias-" + "p" * 200
    with Hostile(tmp_path, virtualdomains=f"virt.test:{prepend}\n") as h:
        box = b"l" * (LONGEST - len(b"@virt.test"))
        assert h.queue(b"bob@mail.test", box + b"@virt.test") == 0
        assert h.queue(b"list-@mail.test-@[]", box + b"@virt.test",
                       b"x" * 993 + b"@far.test") == 0
        log = h.settle()
    assert log.count(f"to local {prepend}-lll") == 2


@pytest.mark.parametrize("form", [b"F%s\0Tr\0\0", b"Fs\0T%s\0\0"])
def test_1003_bytes(lax, form):
    envelope = lax.box.home / "envelope"
    envelope.write_bytes(form % (b"a" * (LONGEST + 1)))
    with open(envelope, "rb") as f:
        done = subprocess.run([lax.box.home / "bin/qmail-queue"], input=b"",
                              stdout=f, env=lax.box.env, timeout=60)
    assert done.returncode == 11
    lax.settle()


# --- messages ---

MILLION = b"x" * 1000000

MESSAGES = {
    "empty": b"", "newline": b"\n", "no newline": b"x", "dot": b".",
    "dots": b".\n..\n.\n", "nuls": b"\0" * 5000, "nul in header":
    b"Subject: a\0b\n\nx\n", "returns": b"\r\r\n\n\r", "8-bit": bytes(
        range(128, 256)) * 50,
    "million bytes of header": b"Subject: " + MILLION + b"\n\nx\n",
    "million bytes of name": MILLION + b": x\n\nx\n",
    "million bytes of body": b"Subject: x\n\n" + MILLION,
    "many fields": b"X: y\n" * 100000 + b"\nx\n",
    "many folds": b"Subject: x\n" + b" y\n" * 100000 + b"\nx\n",
    "from lines": b"From x\n" * 1000 + b"\nFrom y\n",
    "colons": b":\n::\n:::\n\n", "blanks": b" \n\t\n \n",
    "no empty line": b"Subject: x\nTo: y", "delivered":
    b"Delivered-To: bob@mail.test\n\n",
    "return paths": b"Return-Path: <x>\n" * 3 + b"\n",
}


@pytest.mark.parametrize("name", MESSAGES)
def test_message(lax, name):
    message = MESSAGES[name]
    before = {p.name for p in lax.box.mail("bob")}
    assert lax.queue(b"s@far.test", b"bob@mail.test", b"joe@far.test",
                     message=message) == 0
    lax.settle()
    new = [p for p in lax.box.mail("bob") if p.name not in before]
    if name == "delivered":
        return  # it has been there already: bounced as a loop
    [path] = new
    # behind our three lines it is what it was
    lines = path.read_bytes().split(b"\n", 3)
    assert [x.split(b":")[0] for x in lines[:3]] == [
        b"Return-Path", b"Delivered-To", b"Received"]
    assert lines[3] == message


@pytest.mark.parametrize("name", MESSAGES)
def test_message_in_a_bounce(strict, name):
    message = MESSAGES[name]
    assert strict.queue(b"alice@mail.test", b"nobody@mail.test",
                        message=message) == 0
    strict.settle()
    [path] = strict.box.mail("alice")
    assert path.read_bytes().endswith(message)
    path.unlink()


# --- SMTP ---

def converse(box, sender, rcpts, data=b"Subject: x\r\n\r\nx\r\n.\r\n"):
    """How many recipients were accepted; every reply makes sense."""
    accepted = 0
    with box.raw() as s, s.makefile("rb") as f:
        s.settimeout(60)

        def say(line):
            """The code of the reply; 0 when the server hung up."""
            try:
                s.sendall(line)
                reply = f.readline()
                while reply[3:4] == b"-":
                    reply = f.readline()
            except OSError:
                return 0
            if not reply:
                return 0
            assert re.fullmatch(rb"[2345]\d\d [\x20-\x7e]*\r\n", reply), reply
            return int(reply[:3])
        assert say(b"") == 220
        assert say(b"EHLO hostile.test\r\n") == 250
        if say(b"MAIL FROM:<" + sender + b">\r\n") != 250:
            return 0
        for rcpt in rcpts:
            code = say(b"RCPT TO:<" + rcpt + b">\r\n")
            if code == 0:
                return 0
            accepted += code == 250
        if accepted == 0 or say(b"DATA\r\n") != 354:
            return 0
        code = say(data)
        say(b"QUIT\r\n")
        return accepted if code == 250 else 0


def server_lives(box):
    assert converse(box, b"bob@mail.test", [b"alice@mail.test"]) == 1


@pytest.mark.parametrize("name", ADDRESSES)
def test_smtp(lax, name):
    address = ADDRESSES[name]
    for sender, rcpt in ((address, b"alice@mail.test"),
                         (b"bob@mail.test", address)):
        before = lax.deliveries()
        accepted = converse(lax.box, sender, [rcpt])
        lax.settle()
        assert lax.deliveries() - before >= accepted
    server_lives(lax.box)


def test_smtp_many_recipients(lax):
    """What is refused is refused for now, and the rest is delivered."""
    lax.settle()  # what an earlier test left is not ours
    before = lax.deliveries()
    rcpts = [b"many-%d@mail.test" % i for i in range(5000)]
    accepted = converse(lax.box, b"bob@mail.test", rcpts)
    assert 100 <= accepted <= 5000  # RFC 5321 4.5.3.1.8
    lax.settle()
    assert lax.deliveries() - before == accepted


def stuffed(message):
    """A message as it is sent: CR LF, dots doubled."""
    lines = re.split(rb"\r?\n", message)
    return b"".join((b"." if x[:1] == b"." else b"") + x + b"\r\n"
                    for x in lines) + b".\r\n"


@pytest.mark.parametrize("name", MESSAGES)
def test_smtp_message(lax, name):
    before = lax.deliveries()
    accepted = converse(lax.box, b"joe@far.test", [b"bob@mail.test"],
                        stuffed(MESSAGES[name]))
    lax.settle()
    assert lax.deliveries() - before >= accepted
    server_lives(lax.box)


@pytest.mark.parametrize("data", [
    b"\0" * 10000, b"\xff" * 10000, b"EHLO " + b"x" * 1000000 + b"\r\n",
    b"MAIL FROM:<" * 5000, b"\r\n" * 5000, b"DATA\r\n.\r\n" * 100,
    b"GET / HTTP/1.0\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\0\x01\0",
    b"RCPT TO:<x>\r\n" * 1000, b"QUIT\r\nMAIL FROM:<x>\r\n", b"BDAT 99999999"
    b"9999999999999\r\n", b"BDAT -1\r\n", b"RSET\n" * 1000],
    ids=lambda d: repr(d[:16]))
def test_smtp_rubbish(lax, data):
    with lax.box.raw() as s:
        s.settimeout(60)
        try:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
            while s.recv(65536):
                pass
        except OSError:
            pass  # it hangs up on us
    lax.settle()
    server_lives(lax.box)


# --- qmail-inject and sendmail ---

def command(h, program, *args, message=b"Subject: x\n\nx\n"):
    """Whether it took the message; it says why not in one line."""
    done = run(h.box.home / "bin" / program, *[os.fsdecode(a) for a in args],
               input=message, env={**h.box.env, "MAILUSER": "bob"})
    assert done.returncode in (0, 100, 111), done
    assert done.stdout == b""
    if done.returncode == 0:
        assert done.stderr == b""
    else:
        assert done.stderr.count(b"\n") <= 1 + b"\n".join(
            os.fsencode(a) for a in args).count(b"\n") + message.count(b"\n")
    return done.returncode == 0


DOORS = {
    "inject": lambda h, a: command(h, "qmail-inject", b"--", a),
    "inject -f": lambda h, a: command(h, "qmail-inject", b"-f" + a,
                                      b"bob@mail.test"),
    "inject to": lambda h, a: command(
        h, "qmail-inject", message=b"To: " + a + b"\n\nx\n"),
    "inject quoted": lambda h, a: command(
        h, "qmail-inject", message=b'To: "' + a + b'"@mail.test\n\nx\n'),
    "inject from": lambda h, a: command(
        h, "qmail-inject", b"bob@mail.test",
        message=b"From: " + a + b"\nReturn-Path: <" + a + b">\n\nx\n"),
    "sendmail": lambda h, a: command(h, "sendmail", b"--", a),
    "sendmail -f": lambda h, a: command(h, "sendmail", b"-f", a,
                                        b"bob@mail.test"),
    "sendmail -t": lambda h, a: command(
        h, "sendmail", b"-t", message=b"Bcc: " + a + b"\nCc: <" + a +
        b">\n\nx\n"),
}


@pytest.mark.parametrize("door", DOORS)
def test_commands(lax, door):
    """Each address; then all that was taken is gone."""
    taken = 0
    lax.settle()
    for address in ADDRESSES.values():
        taken += DOORS[door](lax, address)
    assert 0 < taken <= lax.settle().count("new msg ")


@pytest.mark.parametrize("name", MESSAGES)
@pytest.mark.parametrize("program", ["qmail-inject", "sendmail"])
def test_command_message(lax, program, name):
    before = lax.deliveries()
    taken = command(lax, program, b"bob@mail.test", message=MESSAGES[name])
    lax.settle()
    assert lax.deliveries() - before >= taken


# --- many ---

MANY = 100000


def test_many_recipients(lax):
    """One message for 100,000: each gets it, and people can watch."""
    h = lax
    h.settle()
    before = h.deliveries()
    rcpts = [b"user-%d@mail.test" % i for i in range(MANY)]
    assert h.queue(b"bob@mail.test", *rcpts) == 0
    out = run(h.box.home / "bin/qmail-qread", env=h.box.env)
    assert out.returncode == 0
    lines = out.stdout.splitlines()
    assert lines == [] or len(lines) == MANY + 1
    log = h.settle(600)
    assert h.deliveries() - before == MANY
    for want in (0, 1, MANY // 2, MANY - 1):
        assert log.count(f" to local user-{want}@mail.test\n") == 1
    assert log.count(": success: did_0+0+0/\n") == MANY


def test_many_recipients_bounce(strict):
    """20,000 failures are one bounce, which names them all."""
    count = 20000
    rcpts = [b"nobody-%d@mail.test" % i for i in range(count)]
    assert strict.queue(b"alice@mail.test", *rcpts) == 0
    [path] = strict.box.wait_mail("alice", seconds=600)
    told = re.findall(rb"^<nobody-(\d+)@mail\.test>:$", path.read_bytes(),
                      re.M)
    assert sorted(map(int, told)) == list(range(count))
    path.unlink()
    strict.settle()


@pytest.mark.parametrize("program, args", [
    ("qmail-inject", [b"-h"]), ("sendmail", [b"-t"])])
def test_command_many_recipients(lax, program, args):
    """In a header field of half a megabyte."""
    before, count = lax.deliveries(), 20000
    field = b",\n ".join(b"h-%d@mail.test" % i for i in range(count))
    assert command(lax, program, *args,
                   message=b"Bcc: " + field + b"\n\nx\n")
    lax.settle(300)
    assert lax.deliveries() - before == count


@pytest.mark.parametrize("program", ["qmail-inject", "sendmail"])
def test_command_many_arguments(lax, program):
    before, count = lax.deliveries(), 20000
    assert command(lax, program, *(b"a-%d@mail.test" % i
                                   for i in range(count)))
    lax.settle(300)
    assert lax.deliveries() - before == count

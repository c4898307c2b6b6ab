"""qmail-remote run once: contract edges.md 4 and its oracle cases R1-R26
(those that need a name server are in test_remote_names.py)."""
import json
import socket
import subprocess
import time

import pytest

from remote_rig import (BIN, DROP, OFFERS, ROOT, SILENT, WAIT, Home, Server,
                        poll, replies, reports)

IP = "127.0.0.2"
OK = b"K127.0.0.2 accepted message.\nRemote host said: 250 ok\n"
DIED = b"ZConnected to 127.0.0.2 but connection died. (#4.4.2)\n"
BOTH = pytest.mark.parametrize(
    "offers", [OFFERS, (b"8BITMIME",), None],
    ids=["pipelining", "lockstep", "helo"])


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


def deliver(home, table, *rcpts, offers=OFFERS, sender="s@x.test", **how):
    """(reports, server)"""
    with Server(replies(table), offers=offers) as server:
        home.route_to(server)
        out = home.remote("far.test", sender, *(rcpts or ("r@far.test",)),
                          **how)
        poll(lambda: all(s.is_over for s in server.sessions))
    return out, server


@BOTH
def test_r1_all_good(home, offers):
    out, server = deliver(home, {b"DOT": b"250 queued as 1\r\n"},
                          offers=offers)
    assert out == [b"r", b"K127.0.0.2 accepted message.\n"
                   b"Remote host said: 250 queued as 1\n"]
    assert server.sessions[0].verbs()[-1] == b"QUIT"


def test_no_recipient_is_an_improper_call(home):
    for args in ([], ["h"], ["h", "s"]):
        p = subprocess.run([BIN / "qmail-remote", *args], env=home.env,
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        assert p.returncode == 0
        assert p.stdout == \
            b"DI (qmail-remote) was invoked improperly. (#5.3.5)\n\0"


def test_no_home(home):
    home.env["QMAILHOME"] = str(home.path / "nowhere")
    assert home.remote("h", "s", "r") == \
        [b"ZUnable to switch to home directory. (#4.3.0)\n"]


def test_no_me(home):
    (home.path / "control" / "me").unlink()
    assert home.remote("h", "s", "r") == \
        [b"ZUnable to read control files. (#4.3.0)\n"]


@pytest.mark.parametrize("said,letter", [
    (b"554 go away", b"D"),  # DECISIONS: all that answered said 5xx
    (b"421 later", b"Z"),
    (b"hello", b"Z"),
    (b"250 hm", b"Z"),
])
def test_r2_greeting(home, said, letter):
    out, _ = deliver(home, {b"CONNECT": said + b"\r\n"})
    assert out == [letter + b"Connected to 127.0.0.2 but greeting failed.\n"
                   b"Remote host said: " + said + b"\n"]


def test_r3_name_rejected(home):
    out, server = deliver(home, {b"EHLO": b"500 what\r\n",
                                 b"HELO": b"550 no\r\n"})
    assert out == [b"DConnected to 127.0.0.2 but my name was rejected.\n"
                   b"Remote host said: 550 no\n"]
    assert server.heard()[:2] == [b"EHLO me.test", b"HELO me.test"]
    out, _ = deliver(home, {b"EHLO": b"421 not now\r\n"})
    assert out == [b"ZConnected to 127.0.0.2 but my name was rejected.\n"
                   b"Remote host said: 421 not now\n"]


@BOTH
@pytest.mark.parametrize("said,letter", [(b"550 no", b"D"),
                                         (b"451 later", b"Z"),
                                         (b"junk", b"Z")])
def test_r4_sender_rejected(home, offers, said, letter):
    out, _ = deliver(home, {b"MAIL": said + b"\r\n"}, offers=offers)
    assert out == [letter + b"Connected to 127.0.0.2 but sender was "
                   b"rejected.\nRemote host said: " + said + b"\n"]


@BOTH
def test_r5_recipients_differ(home, offers):
    out, server = deliver(home, {
        b"RCPT TO:<r1@far.test>": b"550 no r1\r\n",
        b"RCPT TO:<r2@far.test>": b"450-later\r\n450 r2\r\n",
    }, "r1@far.test", "r2@far.test", "r3@far.test", offers=offers)
    assert out == [
        b"h127.0.0.2 does not like recipient.\nRemote host said: 550 no r1\n",
        b"s127.0.0.2 does not like recipient.\n"
        b"Remote host said: 450-later\n450 r2\n",
        b"r", OK]
    assert len(server.bodies()) == 1


@BOTH
@pytest.mark.parametrize("said,letter,verdict", [(b"450", b"s", b"Z"),
                                                 (b"550", b"h", b"D")])
def test_r6_nobody_accepted(home, offers, said, letter, verdict):
    out, server = deliver(home, {b"RCPT": said + b" no\r\n",
                                 b"DATA": b"503 no\r\n"}, offers=offers)
    # DECISIONS: temporary when a refusal was
    assert out == [letter + b"127.0.0.2 does not like recipient.\n"
                   b"Remote host said: " + said + b" no\n",
                   verdict + b"Giving up on 127.0.0.2.\n"]
    assert server.bodies() == []
    assert server.heard()[-1] == b"QUIT"


def test_nobody_accepted_but_data_is(home):
    """PIPELINING: DATA was sent before the refusal came; it must not be
    followed by anything that could be taken for a message."""
    out, server = deliver(home, {b"RCPT": b"550 no\r\n"})
    assert out[-1] == b"DGiving up on 127.0.0.2.\n"
    assert server.bodies() == []
    assert server.heard()[-1] == b"DATA"


def test_r7_rcpt_354_counts_as_accepted(home):
    out, _ = deliver(home, {b"RCPT": b"354 ok then\r\n"})
    assert out == [b"r", OK]


@BOTH
@pytest.mark.parametrize("said,letter", [
    (b"554 no", b"D"), (b"451 later", b"Z"),
    # deviation: 2xx would have us send the message as commands
    (b"250 sure", b"Z")])
def test_r8_data_refused(home, offers, said, letter):
    out, server = deliver(home, {b"DATA": said + b"\r\n"}, offers=offers)
    assert out == [b"r", letter + b"127.0.0.2 failed on DATA command.\n"
                   b"Remote host said: " + said + b"\n"]
    assert b"Subject: x" not in server.heard()


@pytest.mark.parametrize("said,letter", [(b"552 full", b"D"),
                                         (b"452 full", b"Z"),
                                         (b"354 eh", b"Z")])
def test_r9_message_refused(home, said, letter):
    out, _ = deliver(home, {b"DOT": said + b"\r\n"})
    assert out == [b"r", letter + b"127.0.0.2 failed after I sent the "
                   b"message.\nRemote host said: " + said + b"\n"]


@BOTH
def test_r10_connection_lost(home, offers):
    out, _ = deliver(home, {b"CONNECT": DROP}, offers=offers)
    assert out == [DIED]
    out, _ = deliver(home, {b"RCPT TO:<b@far.test>": DROP}, "a@far.test",
                     "b@far.test", offers=offers)
    assert out == [b"r", DIED]
    out, _ = deliver(home, {b"DATA": DROP}, offers=offers)
    assert out == [b"r", DIED]
    out, _ = deliver(home, {b"DOT": DROP}, offers=offers)
    assert out == [b"r", b"ZConnected to 127.0.0.2 but connection died. "
                   b"Possible duplicate! (#4.4.2)\n"]


def test_r11_refused(home):
    with socket.socket() as s:
        s.bind((IP, 0))
        home.route(":%s:%d" % (IP, s.getsockname()[1]))
        home.tcpto()
        assert home.remote("far.test", "s@x", "r@far.test") == [
            b"ZSorry, I wasn't able to establish an SMTP connection. "
            b"(#4.4.1)\n"]
        assert home.read_tcpto() == {}  # R26: never recorded


def test_r12_partial_final_line(home):
    out, server = deliver(home, {}, message=b"a\nb")
    assert out == [b"r", b"DSMTP cannot transfer messages with partial final "
                   b"lines. (#5.6.2)\n"]
    assert server.bodies() == []


@pytest.mark.parametrize("stored,wire", [
    (b"", b".\r\n"),
    (b".\n..\n.a\na.\n", b"..\r\n...\r\n..a\r\na.\r\n.\r\n"),
    (b"a\r\nb\rc\nd\r", b"a\r\nb\r\nc\r\nd\r\n.\r\n"),
    (b"x\r.\n", b"x\r\n..\r\n.\r\n"),
    (b"x\r.\r\nMAIL FROM:<>\r\n", b"x\r\n..\r\nMAIL FROM:<>\r\n.\r\n"),
    (b"x\r\r\n.\n", b"x\r\n\r\n..\r\n.\r\n"),
    (b"\r.\r.\r", b"\r\n..\r\n..\r\n.\r\n"),
    (b"\0.\na\0\n", b"?.\r\na?\r\n.\r\n"),
    (b"\xff\n", b"\xff\r\n.\r\n"),
], ids=["r13 empty", "r13 dots", "r14", "smuggle 1", "smuggle 2", "cr cr lf",
        "only cr", "nul", "8 bit"])
@BOTH
def test_r13_r14_on_the_wire(home, stored, wire, offers):
    out, server = deliver(home, {}, message=stored, offers=offers)
    assert out == [b"r", OK]
    assert server.bodies() == [wire]
    assert server.heard()[-1] == b"QUIT"


# superseded: a bare CR becomes CR LF (DECISIONS "Sending"); a message
# without final LF is refused (contract R12)
SUPERSEDED = ("old file with bare cr", "no final lf")


def vectors():
    path = ROOT / "tests" / "conformance" / "smtp" / "data-streams.json"
    return [pytest.param(v, id=v["name"])
            for v in json.loads(path.read_text())["send"]
            if v["name"] not in SUPERSEDED]


@pytest.mark.parametrize("vector", vectors())
def test_conformance_send(home, vector):
    _, server = deliver(home, {},
                        message=bytes.fromhex(vector["stored_hex"]))
    assert server.bodies() == [bytes.fromhex(vector["wire_hex"])]


def test_a_large_message(home):
    lines = [b".%d %s" % (i, b"x" * (i % 300)) for i in range(20000)]
    message = b"\n".join(lines) + b"\n"
    out, server = deliver(home, {}, message=message)
    assert out == [b"r", OK]
    assert server.bodies() == [
        b"".join(b"." + x + b"\r\n" for x in lines) + b".\r\n"]


@pytest.mark.parametrize("size", [65535, 65536, 65537, 131072])
def test_sizes_around_the_pieces(home, size):
    message = b"y" * (size - 1) + b"\n"
    out, server = deliver(home, {}, message=message)
    assert out == [b"r", OK]
    assert server.bodies() == [b"y" * (size - 1) + b"\r\n.\r\n"]


def test_message_from_a_pipe(home):
    with Server() as server:
        home.route_to(server)
        p = subprocess.run([BIN / "qmail-remote", "far.test", "s@x", "r@y"],
                           input=b"z\n" * 300000, stdout=subprocess.PIPE,
                           env=home.env, timeout=WAIT)
        assert reports(p) == [b"r", OK]
        assert server.bodies() == [b"z\r\n" * 300000 + b".\r\n"]
        assert b"MAIL FROM:<s@x> SIZE=900000" in server.heard()


def test_message_begins_where_the_descriptor_stands(home):
    path = home.path / "m"
    path.write_bytes(b"skipped\nseen\n")
    with Server() as server, open(path, "rb", buffering=0) as f:
        f.seek(8)
        home.route_to(server)
        subprocess.run([BIN / "qmail-remote", "far.test", "s@x", "r@y"],
                       stdin=f, stdout=subprocess.PIPE, env=home.env)
        assert server.bodies() == [b"seen\r\n.\r\n"]


@pytest.mark.parametrize("early", [True, False])
def test_refused_while_sending(home, early):
    """A server that refuses in the middle of a large message is heard."""
    def reply(session, verb, line):
        if verb == b"DATA" and early:
            return b"354 go\r\n552 too big\r\n"
        return None

    class Full(Server):
        def receive(self, conn, session):
            if session.commands and session.commands[-1] == b"DATA":
                # reads nothing more, and does not close either
                if not early:
                    conn.sendall(b"552 too big\r\n")
                poll(lambda: not is_connected(conn))
                raise EOFError
            return Server.receive(conn, session)

    def is_connected(conn):
        return b"\x01" == conn.getsockopt(socket.IPPROTO_TCP,
                                          socket.TCP_INFO, 1)

    with Full(reply) as server:
        home.route_to(server)
        out = home.remote("far.test", "s@x", "r@y",
                          message=b"w\n" * 8000000)
    assert out == [b"r", b"D127.0.0.2 failed after I sent the message.\n"
                   b"Remote host said: 552 too big\n"]


R15 = [('c"d@h', b'"c\\"d"@h'), (".e@h", b'".e"@h'), ("f..g@h", b'"f..g"@h'),
       ("h.@h", b'"h."@h'), ("i@j@k", b'"i@j"@k'), ("noat", b"noat"),
       ("a\\b@h", b'"a\\\\b"@h'), ("@h", b'""@h')]


@BOTH
def test_r15_quoting(home, offers):
    out, server = deliver(home, {}, *[r for r, _ in R15], offers=offers,
                          sender="a b@h")
    assert out == [b"r"] * len(R15) + [OK]
    rcpts = [c for c in server.heard() if c.startswith(b"RCPT")]
    assert rcpts == [b"RCPT TO:<" + q + b">" for _, q in R15]
    assert [c for c in server.heard() if c.startswith(b'MAIL FROM:<"a b"@h>')]


def test_empty_sender(home):
    _, server = deliver(home, {}, sender="", offers=None)
    assert b"MAIL FROM:<>" in server.heard()


@BOTH
@pytest.mark.parametrize("bad", ["a\nDATA\n@h", "a@h\r\nRSET", "a@h> X=<y",
                                 "a b", "a@h h", "a@h\x7f"])
def test_addresses_cannot_carry_commands(home, bad, offers):
    out, server = deliver(home, {}, bad, "good@h", offers=offers)
    assert out == [b"hSorry, SMTP cannot carry this address. (#5.1.3)\n",
                   b"r", OK]
    assert len([c for c in server.heard() if c.startswith(b"RCPT")]) == 1
    out, server = deliver(home, {}, "good@h", sender=bad, offers=offers)
    assert out == [b"DSorry, SMTP cannot carry this sender address. "
                   b"(#5.1.7)\n"]
    assert not [c for c in server.heard() if c.startswith(b"MAIL")]


def test_r18_own_address_as_relay(home):
    with Server(ip="127.0.0.1") as server:
        home.route("me.test:127.0.0.1:%d" % server.port)
        assert home.remote("me.test", "s@x", "r@me.test")[-1][:1] == b"K"


def test_r24_silent_server(home):
    home.control("timeoutremote", "1")
    out, _ = deliver(home, {b"MAIL": SILENT})
    assert out == [DIED]
    out, _ = deliver(home, {b"DOT": SILENT})
    assert out == [b"r", b"ZConnected to 127.0.0.2 but connection died. "
                   b"Possible duplicate! (#4.4.2)\n"]


@pytest.mark.parametrize("count,age,tried", [
    (1, 10, True), (2, 10, False), (2, 3600, False), (2, 7200, True)])
def test_r25_tcpto(home, count, age, tried):
    home.tcpto([(IP, count, time.time() - age)])
    out, server = deliver(home, {})
    if tried:
        assert out == [b"r", OK]
        assert home.read_tcpto()[IP][0] == 0
    else:
        assert out == [b"ZSorry, I wasn't able to establish an SMTP "
                       b"connection. (#4.4.1)\n"]
        assert server.sessions == []
        assert home.read_tcpto()[IP][0] == count


def full_listener():
    """A listening socket whose queue is full: connecting to it hangs."""
    s = socket.socket()
    s.bind((IP, 0))
    s.listen(0)
    fill = []
    for _ in range(4):
        c = socket.socket()
        c.setblocking(False)
        try:
            c.connect(s.getsockname())
        except BlockingIOError:
            pass
        fill.append(c)
    return s, fill


def test_r26_timeouts_are_recorded(home):
    listener, fill = full_listener()
    home.route(":%s:%d" % listener.getsockname())
    home.control("timeoutconnect", "1")
    sorry = [b"ZSorry, I wasn't able to establish an SMTP connection. "
             b"(#4.4.1)\n"]
    home.tcpto()
    assert home.remote("h", "s@x", "r@h") == sorry
    assert home.read_tcpto()[IP][0] == 1
    assert home.remote("h", "s@x", "r@h") == sorry
    assert home.read_tcpto()[IP][0] == 1  # at once: the same trouble
    home.tcpto([(IP, 1, time.time() - 121)])
    assert home.remote("h", "s@x", "r@h") == sorry
    assert home.read_tcpto()[IP][0] == 2
    for s in (listener, *fill):
        s.close()


def test_commands_in_one_write(home):
    _, server = deliver(home, {}, "a@h", "b@h", message=b"m\xe9\n")
    session = server.sessions[0]
    assert session.chunks == [
        b"EHLO me.test\r\n",
        b"MAIL FROM:<s@x.test> SIZE=4 BODY=8BITMIME\r\n"
        b"RCPT TO:<a@h>\r\nRCPT TO:<b@h>\r\nDATA\r\n",
        b"m\xe9\r\n.\r\n", b"QUIT\r\n"]


def test_one_by_one_without_pipelining(home):
    _, server = deliver(home, {}, "a@h", "b@h", offers=(b"SIZE",),
                        message=b"m\n")
    assert server.sessions[0].chunks == [
        b"EHLO me.test\r\n", b"MAIL FROM:<s@x.test> SIZE=3\r\n",
        b"RCPT TO:<a@h>\r\n", b"RCPT TO:<b@h>\r\n", b"DATA\r\n",
        b"m\r\n.\r\n", b"QUIT\r\n"]


def test_helohost(home):
    home.control("helohost", "other.test")
    _, server = deliver(home, {})
    assert server.heard()[0] == b"EHLO other.test"


def test_eightbit_bounce(home):
    home.control("eightbit", "bounce")
    out, _ = deliver(home, {}, message=b"\xe9\n", offers=None)
    assert out == [b"DConnected to 127.0.0.2 but it does not take 8-bit "
                   b"messages. (#5.6.3)\n"]
    out, _ = deliver(home, {}, message=b"\xe9\n")
    assert out == [b"r", OK]


@BOTH
def test_too_many_recipients_go_in_the_next_transaction(home, offers):
    state = {"n": 0}

    def reply(session, verb, line):
        if verb == b"MAIL":
            state["n"] = 0
        if verb == b"RCPT":
            if b"<never@h>" in line:
                return b"550 5.1.1 no\r\n"
            state["n"] += 1
            if state["n"] > 2:
                return b"452 4.5.3 too many\r\n"
        return None
    rcpts = ["r%d@h" % i for i in range(7)] + ["never@h"]
    with Server(reply, offers=offers) as server:
        home.route_to(server)
        out = home.remote("h", "s@x", *rcpts)
    assert out[:7] == [b"r"] * 7
    assert out[7].startswith(b"h127.0.0.2 does not like recipient.\n")
    assert out[8:] == [OK]
    assert len(server.sessions) == 1
    assert len(server.bodies()) == 4


@pytest.mark.parametrize("said,letter", [
    (b"552 5.2.2 mailbox full", b"h"), (b"552 5.5.3 too many", b"s"),
    # asked again alone: it cannot have meant too many
    (b"552 full", b"h"), (b"452 full", b"s"),
    (b"452 4.2.2 mailbox full", b"s")])
def test_552_for_a_recipient(home, said, letter):
    out, _ = deliver(home, {b"RCPT TO:<b@h>": said + b"\r\n",
                            b"DATA": [b"354 go\r\n", b"503 no\r\n"]},
                     "a@h", "b@h")
    assert out[0] == b"r"
    assert out[1][:1] == letter
    assert out[2] == OK


def test_many_recipients_at_once(home):
    """More than fit in the buffers of a connection, both ways."""
    rcpts = ["%s%d@h" % ("u" * 60, i) for i in range(2000)]
    long = b"250 " + b"fine " * 90 + b"\r\n"
    out, server = deliver(home, {b"RCPT": long}, *rcpts)
    assert out == [b"r"] * 2000 + [OK]
    assert server.bodies()


def test_reply_text_is_cleaned_and_cut(home):
    said = b"550-a\r\r\n" + b"550 b\0c\xff\r\n"
    out, _ = deliver(home, {b"MAIL": said})
    assert out == [b"DConnected to 127.0.0.2 but sender was rejected.\n"
                   b"Remote host said: 550-a\n550 b?c\xff\n"]
    said = b"".join(b"550-%s\r\n" % (b"x" * 494) for _ in range(20))
    out, _ = deliver(home, {b"MAIL": said + b"550 end\r\n"})
    text = out[0].split(b"said: ")[1]
    assert len(text) == 5000


def test_endless_reply(home):
    out, _ = deliver(home, {b"MAIL": b"250-x\r\n" * 200})
    assert out == [DIED]


def test_ipv6_relay(home):
    try:
        server = Server(ip="::1")
    except OSError:
        pytest.skip("no IPv6 here")
    with server:
        home.route(":[::1]:%d" % server.port)
        assert home.remote("h", "s@x", "r@h") == [
            b"r", b"K::1 accepted message.\nRemote host said: 250 ok\n"]
        home.route(":::1;%d" % server.port)
        assert home.remote("h", "s@x", "r@h")[-1][:1] == b"K"


def test_routes(home):
    with Server() as server:
        to = "127.0.0.2:%d" % server.port
        sorry = b"ZSorry, I wasn't able to establish"
        home.route("h.test:" + to, ".h.test:127.0.0.2:x", "!@:" + to,
                   "auth.test:%s|user|pass" % to, "none.test::25")
        assert home.remote("H.TEST", "s@x", "r@h")[-1][:1] == b"K"
        assert home.remote("a.h.test", "s@x", "r@h")[-1].startswith(sorry)
        assert home.remote("a.h.test", "", "r@h")[-1][:1] == b"K"
        assert home.remote("auth.test", "s@x", "r@h")[-1].startswith(
            b"ZSorry, control/smtproutes asks for a login")
        assert home.remote("none.test", "s@x", "r@h") == [
            b"DSorry, I couldn't find any host named . (#5.1.2)\n"]


@pytest.mark.parametrize("host", ["0.0.0.0", "[0.0.0.0]", "127.0.0.1"])
def test_own_address_is_not_spoken_to(home, host):
    assert home.remote(host, "s@x", "r@h") == [
        b"DSorry. Although I'm listed as a best-preference MX or A for that "
        b"host,\nit isn't in my control/locals file, so I don't treat it as "
        b"local. (#5.4.6)\n"]


@pytest.mark.parametrize("host", ["", "a..b", "x" * 64 + ".test", "a b.test",
                                  "bell\x07.test", "y." * 600])
def test_impossible_names_never_reach_the_dns(home, host):
    shown = host.replace(" ", "?").replace("\x07", "?")[:1004]
    assert home.remote(host, "s@x", "r@h") == [
        b"DSorry, I couldn't find any host named " + shown.encode() +
        b". (#5.1.2)\n"]


def test_answered_before_the_message(home):
    out, server = deliver(home, {b"DATA": b"354 go\r\n250 taken\r\n"})
    assert out == [b"r", DIED]
    assert server.bodies() == []

"""Lines "lmtp:...": a scripted server says everything a server may say."""
import re
import socket
import threading

import pytest

from localrig import DEADLINE, FORMS, M, LocalRig, ext_of

OK = (0, "did 1+0+0\n")
WORDS = {b"LHLO": "lhlo", b"MAIL": "mail", b"RCPT": "rcpt", b"DATA": "data"}
DELIVERED = b"Delivered-To: u@h\r\n"


class Peer(threading.Thread):
    """A server with a socket of each kind. says: what it answers to each
    command ("hello", "lhlo", ... "end"); None: it hangs up; bytes as they
    are. A reply may be a function of the connection."""

    def __init__(self, folder, says, offers=(), tcp=False):
        super().__init__(daemon=True)
        self.says = {"hello": b"220 peer LMTP", "mail": b"250 ok",
                     "rcpt": b"250 ok", "data": b"354 go",
                     "end": b"250 2.0.0 stored", **says}
        lines = [b"peer", *offers]
        self.says.setdefault("lhlo", b"\r\n".join(
            b"250%s%s" % (b"-" if i < len(lines) - 1 else b" ", line)
            for i, line in enumerate(lines)))
        self.commands, self.message, self.groups = [], None, []
        if tcp:
            self.listener = socket.create_server(("127.0.0.1", 0))
            self.name = f"127.0.0.1:{self.listener.getsockname()[1]}"
        else:
            self.listener = socket.socket(socket.AF_UNIX)
            self.name = str(folder / "s")
            self.listener.bind(self.name)
            self.listener.listen(5)
        self.line = f"lmtp:{self.name}"
        self.start()

    def run(self):
        try:
            connection, _ = self.listener.accept()
        except OSError:
            return
        with connection:
            connection.settimeout(DEADLINE)
            try:
                self.talk(connection)
            except OSError:
                pass

    def answer(self, connection, key):
        says = self.says[key]
        if callable(says):
            says = says(connection)
        if says is None:
            return False
        connection.sendall(says + b"\r\n")
        return True

    def talk(self, connection):
        rest = b""
        if not self.answer(connection, "hello"):
            return
        while True:
            data = connection.recv(65536)
            if not data:
                return
            self.groups.append(data.count(b"\r\n"))
            rest += data
            while b"\r\n" in rest:
                command, _, rest = rest.partition(b"\r\n")
                self.commands.append(command)
                if command == b"QUIT":
                    return
                key = WORDS[command[:4]]
                if not self.answer(connection, key):
                    return
                if key == "data" and self.says["data"][:1] == b"3":
                    rest = self.take(connection, rest)
                    if rest is None or not self.answer(connection, "end"):
                        return

    def take(self, connection, rest):
        while b"\r\n.\r\n" not in rest:
            data = connection.recv(65536)
            if not data:
                return None
            rest += data
        self.message, _, rest = rest.partition(b"\r\n.\r\n")
        self.message += b"\r\n"
        return rest

    def close(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)  # accept() returns
        except OSError:
            pass
        self.join(DEADLINE)
        self.listener.close()


@pytest.fixture(params=FORMS)
def rig(tmp_path, request):
    rig = LocalRig(tmp_path, request.param)
    yield rig
    rig.close()


@pytest.fixture
def peer(tmp_path):
    peers = []

    def make(offers=(), tcp=False, **says):
        peers.append(Peer(tmp_path, says, offers, tcp))
        return peers[-1]

    yield make
    for p in peers:
        p.close()


def on_the_wire(message):
    lines = message.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    return DELIVERED + b"".join(
        (b"." if line[:1] == b"." else b"") + line + b"\r\n" for line in lines)


@pytest.mark.parametrize("tcp", [False, True], ids=["unix", "tcp"])
def test_conversation(rig, peer, tcp):
    server = peer(tcp=tcp)
    assert rig.deliver(default=server.line) == OK
    server.join(DEADLINE)
    lhlo, *rest = server.commands
    assert re.fullmatch(rb"LHLO [!-~]+", lhlo)
    assert rest == [b"MAIL FROM:<s@x>", b"RCPT TO:<u@h>", b"DATA", b"QUIT"]
    assert server.message == on_the_wire(M)


def test_from_a_file_and_with_other_lines(rig, peer):
    server = peer()
    rig.file(".qmail-x", f"./Mbox\n{server.line}  \n&a@b\n")
    result = rig.deliver(**ext_of("x"))
    assert result.code == 0 and result.text.startswith("did 2+1+0\nqp ")
    server.join(DEADLINE)
    assert server.commands[2] == b"RCPT TO:<u-x@h>"


def test_recipient_of_the_line(rig, peer):
    server = peer()
    assert rig.deliver(default=f"{server.line} \t joe+box@example.org") == OK
    server.join(DEADLINE)
    assert server.commands[2] == b"RCPT TO:<joe+box@example.org>"


@pytest.mark.parametrize("sender, path", [
    ("", "<>"), ("#@[]", "<#@[]>"), ("s p@x", '<"s p"@x>'),
    ("l-return-1-@h-@[]", '<"l-return-1-@h-"@[]>'),
    ("l-return-1-a=b@h", "<l-return-1-a=b@h>"),
])
def test_senders(rig, peer, sender, path):
    server = peer()
    assert rig.deliver(default=server.line, sender=sender) == OK
    server.join(DEADLINE)
    assert server.commands[1] == f"MAIL FROM:{path}".encode()


def test_address_that_would_be_a_command(rig, peer):
    server = peer()
    for who in ({"sender": "a@b>\r\nDATA"}, {"local": "u\r\nDATA"}):
        assert rig.deliver(default=server.line, **who) == (
            100, "Sorry, LMTP cannot carry this address. (#5.1.3)\n")
    assert server.commands == []


@pytest.mark.parametrize("message", [
    b"", b".", b"..\n.\n", b"x: y\n\n.\r\n", b"a\rb\0c\n",
    b"From: \xff\n\n" + b"0123456789.\n" * 50000, b"\n" * 70000],
    ids=["empty", "dot", "dots", "CRLF", "CR and NUL", "big", "LFs"])
def test_messages(rig, peer, message):
    server = peer()
    assert rig.deliver(message, default=server.line) == OK
    server.join(DEADLINE)
    assert server.message == on_the_wire(
        message.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        .replace(b"\0", b"?"))


OFFERS = [b"PIPELINING", b"SIZE 1000", b"8BITMIME", b"SMTPUTF8"]


@pytest.mark.parametrize("message, sender, options", [
    (M, "s@x", ""),
    (b"x: \xe4\n", "s@x", " BODY=8BITMIME"),
    (b"x: y\n", "s\u00e4@x", " SMTPUTF8"),
], ids=["7-bit", "8-bit", "utf8"])
def test_offers(rig, peer, message, sender, options):
    server = peer(OFFERS)
    assert rig.deliver(message, default=server.line, sender=sender) == OK
    server.close()
    size = len(on_the_wire(message)) - 2 * (message[-1:] != b"\n")
    assert server.commands[1].decode().endswith(f"> SIZE={size}{options}")
    assert server.groups[:2] == [1, 3]


def said(server, code, text):
    return code, f"lmtp: {server.name} said: {text}\n"


@pytest.mark.parametrize("offers", [(), OFFERS], ids=["one by one", "at once"])
@pytest.mark.parametrize("at", ["mail", "rcpt", "data", "end"])
@pytest.mark.parametrize("reply, code", [
    (b"450 4.2.1 busy", 111), (b"421 closing", 111),
    (b"550 5.1.1 nobody", 100), (b"552 5.2.2 full", 100),
    (b"hello", 111), (b"999 what", 111)])
def test_refused(rig, peer, at, reply, code, offers):
    server = peer(offers, **{at: reply})
    assert rig.deliver(default=server.line) == said(
        server, code, reply.decode())


def test_refused_and_told_to_go_on(rig, peer):
    """With PIPELINING a server may wait for a message for nobody."""
    server = peer(OFFERS, rcpt=b"550 5.1.1 nobody")
    assert rig.deliver(default=server.line) == said(
        server, 100, "550 5.1.1 nobody")
    server.join(DEADLINE)
    assert server.message is None


@pytest.mark.parametrize("at", ["hello", "lhlo"])
@pytest.mark.parametrize("reply", [b"550 5.7.1 go away", b"421 busy"])
def test_no_conversation_is_no_verdict(rig, peer, at, reply):
    server = peer(**{at: reply})
    assert rig.deliver(default=server.line) == said(
        server, 111, reply.decode())


def test_data_is_not_answered_by_250(rig, peer):
    server = peer(data=b"250 what")
    assert rig.deliver(default=server.line) == said(server, 111, "250 what")


def test_text_is_made_safe(rig, peer):
    server = peer(end=b"550-5.7.1 one\r\n550 \x1b[31m\xc3\xa4\0" + b"x" * 2000)
    code, text = rig.deliver(default=server.line)
    assert code == 100
    assert text.startswith(f"lmtp: {server.name} said: 550-5.7.1 one 550 "
                           "?[31m???xxx")
    assert len(text) < 1200 and text.endswith("x\n")


@pytest.mark.parametrize("at", ["hello", "lhlo", "mail", "rcpt", "data",
                                "end"])
def test_hangs_up(rig, peer, at):
    server = peer(**{at: None})
    late = " Possible duplicate!" if at == "end" else ""
    assert rig.deliver(default=server.line) == (
        111, f"lmtp: connection to {server.name} died.{late} (#4.4.2)\n")


def test_hangs_up_with_part_of_a_reply(rig, peer):
    def part(connection):
        connection.sendall(b"250-half")

    server = peer(end=part)
    assert rig.deliver(default=server.line) == (
        111, f"lmtp: connection to {server.name} died. Possible duplicate! "
        "(#4.4.2)\n")


def test_reset(rig, peer):
    def reset(connection):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                              b"\1\0\0\0\0\0\0\0")
        connection.close()
        return b""

    server = peer(tcp=True, end=reset)
    assert rig.deliver(default=server.line) == (
        111, f"lmtp: connection to {server.name} died. Possible duplicate! "
        "(#4.4.2)\n")


@pytest.mark.parametrize("reply", [b"2" * 70000, b"250-x\r\n" * 200],
                         ids=["a line", "lines"])
def test_endless_reply(rig, peer, reply):
    server = peer(rcpt=reply)
    assert rig.deliver(default=server.line) == (
        111, f"lmtp: too long an answer from {server.name}. (#4.5.0)\n")


def test_says_why_in_the_middle(rig, peer):
    """The server stops taking the message, and its reason is heard."""
    def stop(connection):
        connection.sendall(b"354 go\r\n552 5.3.4 too big\r\n")
        connection.shutdown(socket.SHUT_RD)

    server = peer()
    server.answer = lambda c, key, old=server.answer: (
        old(c, key) if key != "data" else bool(stop(c)))
    code, text = rig.deliver(b"x" * 5000000, default=server.line)
    assert (code, text) == said(server, 100, "552 5.3.4 too big") or (
        code, text) == (111, f"lmtp: connection to {server.name} died. "
                        "(#4.4.2)\n")


@pytest.mark.parametrize("line, text", [
    ("lmtp:", None), ("lmtp:host", None), ("lmtp::24", None),
    ("lmtp:host:", None), ("lmtp:relative/path", None),
    ("lmtp:/no/such/socket", "/no/such/socket: no such server"),
    ("lmtp:/dev/null", "/dev/null: connection refused"),
    ("lmtp:127.0.0.1:1", "127.0.0.1:1: connection refused"),
    ("lmtp:[::1]:1", "[::1]:1: "),
    ("lmtp:/" + "x" * 200, "/" + "x" * 200 + ": too big"),
])
def test_no_server(rig, line, text):
    result = rig.deliver(default=line)
    assert result.code == 111
    if text is None:
        assert result.text == ("Uh-oh: .qmail has an lmtp line without a "
                               "server. (#4.3.5)\n")
    else:
        assert result.text.startswith(f"lmtp: unable to connect to {text}")
        assert result.text.endswith(". (#4.4.1)\n")


def test_described(rig):
    rig.file(".qmail", "lmtp:/run/lmtp joe@x \n LMTP:x\nlmtp\n")
    assert rig.describe() == (
        0, "lmtp /run/lmtp joe@x\nforward  LMTP:x\nforward lmtp\n"
        "did 1+2+0\n", "")
    rig.file(".qmail", "lmtp:/run/lmtp\n", 0o700)
    assert rig.deliver() == (
        111, "Uh-oh: .qmail has file delivery but has x bit set. (#4.7.0)\n")


def test_loop(rig, peer):
    server = peer()
    assert rig.deliver(b"Delivered-To: u@h\n\n", default=server.line)[0] == 100
    assert server.commands == []

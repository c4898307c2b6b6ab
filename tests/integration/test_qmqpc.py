"""qmail-qmqpc: to our qmail-qmqpd, and to servers that say what they like
(contract edges.md 3.3, 10.5)."""
import os
import socket
import subprocess
import threading

import pytest

from facteur import Instance, has_ipv6
from qmtprig import net, qmqp
from smtpdrig import BIN, PEER, WAIT, Home

TEXT = b"Subject: x\n\nb\n"
ENVELOPE = b"Fs@x\0Ta@b\0Tc@d\0\0"
SENT = qmqp(TEXT, b"s@x", b"a@b", b"c@d")


@pytest.fixture
def home():
    with Home() as h:
        yield h


class Server:
    """Says what it is told to one client, once it has read so much; keeps
    what it has read."""

    def __init__(self, answer=b"", read=None, host="127.0.0.1", then=None):
        self.answer, self.limit, self.then = answer, read, then
        self.got = b""
        self.clients = 0
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.sock = socket.create_server((host, 0), family=family)
        self.sock.settimeout(WAIT)
        self.port = self.sock.getsockname()[1]
        self.line = f"[{host}]:{self.port}\n" if ":" in host \
            else f"{host}:{self.port}\n"
        self.thread = threading.Thread(target=self.serve)

    def serve(self):
        try:
            peer, _ = self.sock.accept()
        except OSError:
            return
        self.clients += 1
        with peer:
            peer.settimeout(WAIT)
            limit = len(SENT) if self.limit is None else self.limit
            while len(self.got) < limit:
                data = peer.recv(limit - len(self.got))
                if not data:
                    break
                self.got += data
            for piece in [self.answer] if isinstance(self.answer, bytes) \
                    else self.answer:
                peer.sendall(piece)
            if self.then:
                self.then(peer)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.sock.shutdown(socket.SHUT_RDWR)
        self.thread.join(WAIT)
        self.sock.close()
        assert not self.thread.is_alive()


def refused(host="127.0.0.1"):
    """A line that names a port nobody listens on."""
    with socket.socket() as s:
        s.bind((host, 0))
        return f"{host}:{s.getsockname()[1]}\n"


def run(home, text=TEXT, envelope=ENVELOPE, **env):
    """Classic: message on 0, envelope on 1. The exit code."""
    with open(home.path / "message", "wb+") as m, \
            open(home.path / "envelope", "wb+") as e:
        m.write(text)
        e.write(envelope)
        m.seek(0)
        e.seek(0)
        p = subprocess.run([BIN / "qmail-qmqpc"], stdin=m, stdout=e,
                           stderr=subprocess.PIPE, timeout=WAIT,
                           env=home.env(**env), check=False)
    assert p.stderr == b""
    return p.returncode


@pytest.mark.parametrize("answer, code", [(b"K", 0), (b"Z", 71)])
def test_q11_which_server(home, answer, code):
    """The next one after a refused connection; none after an answer."""
    with Server(net(answer + b"ok")) as first, Server(net(b"Kok")) as second:
        home.control("qmqpservers",
                     refused("127.0.0.8") + first.line + second.line)
        assert run(home) == code
        assert first.got == SENT
    assert second.clients == 0


ANSWERS = {
    "K": (b"23:Kok 1 qp 2,", 0),
    "Z": (b"10:Znot now,", 71),
    "D": (b"10:Dnever,", 31),
    "first letter counts": (b"9:Zno K no D,", 71),
    "bare letter": (b"K", 0),
    "letter anywhere": (b"00:,;x\0D", 31),
    "small letter is none": (b"3:kok,", 74),
    "nothing": (b"", 74),
    "no letter": (b"2:ok,", 74),
    "in pieces": ([b"1", b"0:", b"Dne"], 31),
    "no letter for ever": (b"1" * 200000, 74),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_answer(home, name):
    answer, code = ANSWERS[name]
    with Server(answer) as server:
        home.control("qmqpservers", server.line)
        assert run(home) == code
        assert server.got == SENT


@pytest.mark.parametrize("text", [b"", b"a\0\r\n\xff", b"x" * 1000000])
@pytest.mark.parametrize("envelope, addresses", [
    (b"F\0\0", [b""]), (b"Fs\0T\0Ta\0\0", [b"s", b"", b"a"])])
def test_what_is_sent(home, text, envelope, addresses):
    want = qmqp(text, *addresses)
    with Server(b"K", read=len(want)) as server:
        home.control("qmqpservers", server.line)
        assert run(home, text, envelope) == 0
        assert server.got == want


def test_bytes_behind_the_envelope(home):
    with Server(b"K") as server:
        home.control("qmqpservers", server.line)
        assert run(home, envelope=ENVELOPE + b"more") == 0
        assert server.got == SENT


@pytest.mark.parametrize("envelope", [
    b"", b"Xs\0\0", b"Fs", b"Fs\0", b"Fs\0Ta", b"Fs\0Ta\0", b"Fs\0Xa\0\0",
    b"Ta\0\0", b"\0"])
def test_bad_envelope(home, envelope):
    home.control("qmqpservers", refused())
    assert run(home, envelope=envelope) == 91


def test_address_nobody_accepts(home):
    home.control("qmqpservers", refused())
    assert run(home, envelope=b"Fs\0T" + b"r" * 1003 + b"\0\0") == 31


@pytest.mark.parametrize("text", [
    None, "", "# none\n", "mail.example.org\n1.2.3\n"])
def test_no_server(home, text):
    home.control("qmqpservers", text)
    assert run(home) == 55


def test_unreadable_control(home):
    (home.path / "control/qmqpservers").mkdir()
    assert run(home) == 55


def test_lines_that_name_none(home):
    with Server(b"K") as server:
        home.control("qmqpservers",
                     f"# 1.2.3.4\nexample.org\n\n{server.line}")
        assert run(home) == 0


def test_all_refuse(home):
    home.control("qmqpservers", refused() + refused())
    assert run(home) == 73


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")
def test_ipv6(home):
    with Server(b"K", host="::1") as server:
        home.control("qmqpservers", server.line)
        assert run(home) == 0
        assert server.got == SENT


def test_no_home(home):
    assert run(home, QMAILHOME="/nonexistent") == 61


@pytest.mark.parametrize("closed", ["0<&-", "1>&-"])
def test_closed_descriptor(home, closed):
    p = subprocess.run(["sh", "-c", f"exec \"$0\" {closed}",
                        BIN / "qmail-qmqpc"], stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, env=home.env(),
                       timeout=WAIT, check=False)
    assert p.returncode == 54


def test_unreadable_message(home):
    home.control("qmqpservers", refused())
    fd = os.open(home.path, os.O_RDONLY)
    try:
        p = subprocess.run([BIN / "qmail-qmqpc"], stdin=fd,
                           stdout=subprocess.DEVNULL, env=home.env(),
                           timeout=WAIT, check=False)
    finally:
        os.close(fd)
    assert p.returncode == 54


@pytest.mark.parametrize("answer, code", [(b"3:Dno,", 31), (b"3:Zno,", 71),
                                          (b"3:Kno,", 74), (b"", 74)])
def test_refused_before_all_is_sent(home, answer, code):
    """It hears why, unless TCP threw that away; and nobody can take what
    was not sent."""
    def closed(peer):
        peer.shutdown(socket.SHUT_RDWR)

    with Server(answer, read=10, then=closed) as server:
        home.control("qmqpservers", server.line)
        got = run(home, b"x" * 30000000)
    assert got in {code, 74}


class Qmqpd:
    """Our qmail-qmqpd, for every connection a new one, on a port."""

    def __init__(self, home):
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.sock.settimeout(WAIT)
        self.line = "127.0.0.1:%d\n" % self.sock.getsockname()[1]
        self.env = home.env(**PEER)
        self.thread = threading.Thread(target=self.serve)

    def serve(self):
        try:
            peer, _ = self.sock.accept()
        except OSError:
            return
        with peer:
            subprocess.run([BIN / "qmail-qmqpd"], stdin=peer, stdout=peer,
                           env=self.env, timeout=WAIT, check=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.sock.shutdown(socket.SHUT_RDWR)
        self.thread.join(WAIT)
        self.sock.close()


@pytest.mark.parametrize("size", [100, 3000000])
def test_to_qmail_qmqpd(home, size):
    text = (b"0123456789abcde\n" * size)[:size]
    with Qmqpd(home) as server:
        home.control("qmqpservers", server.line)
        assert run(home, text) == 0
    [(received, stored, envelope)] = home.messages()
    assert b" with QMQP; " in received and b"Received" not in stored
    assert stored == text
    assert envelope == [b"Fs@x", b"Ta@b", b"Tc@d"]


def test_as_qmailqueue(home):
    """Injected here, in a queue elsewhere."""
    with Qmqpd(home) as server:
        home.control("qmqpservers", server.line)
        subprocess.run([BIN / "qmail-inject", "-fs@x.test", "r@far.test"],
                       input=b"Subject: hi\n\nb\n", check=True, timeout=WAIT,
                       env=home.env(QMAILQUEUE=str(BIN / "qmail-qmqpc")))
    [(_, stored, envelope)] = home.messages()
    assert stored.endswith(b"\n\nb\n") and b"Subject: hi\n" in stored
    assert envelope == [b"Fs@x.test", b"Tr@far.test"]


def test_into_a_queue(tmp_path):
    """All the way to a mailbox, with no program in the queue's place."""
    with Instance(tmp_path) as box, Home() as home:
        home.env = lambda **more: {
            "PATH": os.environ["PATH"], "QMAILHOME": str(box.home), **more}
        with Qmqpd(home) as server:
            box.control("qmqpservers", server.line)
            assert run(home, b"Subject: far\n\nb\n",
                       b"Fs@x.test\0Talice@mail.test\0\0") == 0
        [path] = box.wait_mail("alice")
        text = path.read_bytes()
    assert b" with QMQP; " in text and text.endswith(b"Subject: far\n\nb\n")

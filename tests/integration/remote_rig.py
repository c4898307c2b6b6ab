"""What qmail-remote and qmail-rspawn are tested against.

A Server is a mail server of threads that answers as the test wants and
remembers what it heard: one Session per connection. A Names is a name
server. Everything is on loopback addresses.
"""
import os
import random
import re
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("FACTEUR_BIN", ROOT / "build" / "bin"))
WAIT = 60

DROP = object()    # close the connection instead of answering
SILENT = object()  # never answer
OFFERS = (b"PIPELINING", b"SIZE 10000000", b"8BITMIME")


def poll(fact, what="", seconds=WAIT):
    end = time.monotonic() + seconds
    while True:
        value = fact()
        if value:
            return value
        assert time.monotonic() < end, what or "waited too long"
        time.sleep(0.005)


def random_ip():
    return "127.%d.%d.%d" % (random.randint(10, 250),
                             random.randint(1, 250), random.randint(1, 250))


class Session:
    def __init__(self):
        self.commands = []  # lines without CR LF
        self.chunks = []    # as recv returned them
        self.bodies = []    # after DATA, up to and with the final dot
        self.is_over = False

    def verbs(self):
        return [c.split(b" ")[0].split(b":")[0] for c in self.commands]


class Server:
    """reply(session, verb, line) returns bytes, DROP, SILENT, or None: the
    usual answer. The verbs are as sent, and CONNECT, and DOT."""

    def __init__(self, reply=None, offers=OFFERS, ip="127.0.0.2", port=0):
        self.reply = reply or (lambda session, verb, line: None)
        self.offers = offers
        self.sessions = []
        family = socket.AF_INET6 if ":" in ip else socket.AF_INET
        self.listener = socket.socket(family)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((ip, port))
        self.listener.listen(500)
        self.ip, self.port = self.listener.getsockname()[:2]
        self.sockets = []
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.close()

    def close(self):
        self.listener.close()
        self.drop_all()

    def drop_all(self):
        """Close the connections, as a server does that is restarted."""
        for s in self.sockets:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def accept(self):
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            session = Session()
            self.sessions.append(session)
            self.sockets.append(conn)
            threading.Thread(target=self.serve, args=(conn, session),
                             daemon=True).start()

    def usual(self, verb):
        if verb == b"CONNECT":
            return b"220 here\r\n"
        if verb == b"EHLO":
            if self.offers is None:
                return b"502 no\r\n"
            lines = (b"here",) + tuple(self.offers)
            return b"".join(b"250-%s\r\n" % x for x in lines[:-1]) + \
                b"250 %s\r\n" % lines[-1]
        if verb == b"DATA":
            return b"354 go on\r\n"
        if verb == b"QUIT":
            return b"221 bye\r\n"
        return b"250 ok\r\n"

    def answer(self, conn, session, verb, line=b""):
        said = self.reply(session, verb, line)
        if said is None:
            said = self.usual(verb)
        if said is SILENT:
            while conn.recv(65536):
                pass
            raise EOFError
        if said is DROP:
            raise EOFError
        conn.sendall(said)
        return said

    def serve(self, conn, session):
        try:
            self.converse(conn, session)
        except (EOFError, OSError):
            pass
        session.is_over = True
        conn.close()

    def converse(self, conn, session):
        self.buf = b""
        buf = b""
        self.answer(conn, session, b"CONNECT")
        while True:
            while b"\n" not in buf:
                buf += self.receive(conn, session)
            line, buf = buf.split(b"\n", 1)
            line = line.rstrip(b"\r")
            session.commands.append(line)
            verb = re.split(rb"[ :]", line)[0]
            said = self.answer(conn, session, verb, line)
            if verb == b"QUIT":
                raise EOFError
            if verb == b"DATA" and said.startswith(b"354"):
                while not (buf.startswith(b".\r\n") or b"\r\n.\r\n" in buf):
                    buf += self.receive(conn, session)
                end = 3 if buf.startswith(b".\r\n") else \
                    buf.index(b"\r\n.\r\n") + 5
                session.bodies.append(buf[:end])
                buf = buf[end:]
                self.answer(conn, session, b"DOT")

    @staticmethod
    def receive(conn, session):
        data = conn.recv(65536)
        if not data:
            raise EOFError
        session.chunks.append(data)
        return data

    def heard(self):
        return [c for s in self.sessions for c in s.commands]

    def bodies(self):
        return [b for s in self.sessions for b in s.bodies]


def replies(table):
    """A reply function from {verb or start of line: answer or [answers]}.
    A list is used up from the front, its last answer stays."""
    def reply(session, verb, line):
        for key in (line, verb):
            if key in table:
                said = table[key]
                if not isinstance(said, list):
                    return said
                return said.pop(0) if len(said) > 1 else said[0]
        return None
    return reply


class Home:
    def __init__(self, path, **control):
        self.path = Path(path)
        for d in ("control", "bin", "queue/lock"):
            (self.path / d).mkdir(parents=True, exist_ok=True)
        self.control("me", "me.test")
        self.control("timeoutconnect", "5")
        for name, text in control.items():
            self.control(name, text)
        self.env = dict(os.environ, QMAILHOME=str(self.path))

    def control(self, name, text):
        (self.path / "control" / name).write_text(text + "\n")

    def route(self, *lines):
        (self.path / "control" / "smtproutes").write_text(
            "".join(x + "\n" for x in lines))

    def route_to(self, server):
        ip = server.ip if ":" not in server.ip else "[%s]" % server.ip
        self.route(":%s:%d" % (ip, server.port))

    def route_for(self, host):
        """What qmail-send puts into a job for this host."""
        path = self.path / "control" / "smtproutes"
        host = host.lower()
        routes = dict(x.split(":", 1) for x in path.read_text().split("\n")
                      if ":" in x) if path.exists() else {}
        ways = [host] + [host[i:] for i in range(len(host)) if host[i] == "."]
        return next((routes[w] for w in ways + [""] if w in routes), "")

    def tcpto(self, records=()):
        """records: (ip, count, time)"""
        table = b"".join(
            socket.inet_aton(ip) + struct.pack("<BxxxIxxxx", count, int(when))
            for ip, count, when in records)
        path = self.path / "queue" / "lock" / "tcpto"
        path.write_bytes(table.ljust(1024, b"\0"))

    def read_tcpto(self):
        data = (self.path / "queue" / "lock" / "tcpto").read_bytes()
        assert len(data) == 1024
        out = {}
        for i in range(0, 1024, 16):
            count, when = struct.unpack("<BxxxIxxxx", data[i + 4:i + 16])
            if data[i:i + 4] != b"\0\0\0\0":
                out[socket.inet_ntoa(data[i:i + 4])] = (count, when)
        return out

    def remote(self, host, sender, *rcpts, message=b"Subject: x\n\nhello\n",
               before=()):
        """Run qmail-remote once; the reports, without their NULs."""
        path = self.path / "message"
        path.write_bytes(message)
        with open(path, "rb") as f:
            p = subprocess.run(
                [*before, BIN / "qmail-remote", host, sender, *rcpts],
                stdin=f, stdout=subprocess.PIPE, env=self.env, timeout=WAIT)
        return reports(p)


def reports(p):
    assert p.returncode == 0
    assert p.stdout.endswith(b"\0")
    return p.stdout.split(b"\0")[:-1]


# --- a name server ---

A, MX, AAAA, CNAME = 1, 15, 28, 5
NXDOMAIN, SERVFAIL = 3, 2


def encode(name):
    name = name.rstrip(".")
    labels = name.encode().split(b".") if name else []
    return b"".join(bytes([len(x)]) + x for x in labels) + b"\0"


def rdata(kind, value):
    if kind == A:
        return socket.inet_aton(value)
    if kind == AAAA:
        return socket.inet_pton(socket.AF_INET6, value)
    if kind == MX:
        return struct.pack(">H", value[0]) + encode(value[1])
    return encode(value)


def record(name, kind, value, ttl=60):
    data = rdata(kind, value)
    return encode(name) + struct.pack(">HHIH", kind, 1, ttl, len(data)) + data


def packet(name, kind, records=(), rcode=0, ident=1, flags=0x8180):
    return struct.pack(">HHHHHH", ident, flags | rcode, 1, len(records), 0,
                       0) + encode(name) + struct.pack(">HH", kind, 1) + \
        b"".join(records)


class Names:
    """zone: {name: {type: [values]}} or {name: rcode}"""

    def __init__(self, zone, ip):
        self.zone, self.asked = zone, []
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((ip, 53))
        self.tcp = socket.socket()
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.tcp.bind((ip, 53))
        self.tcp.listen(50)
        for work in (self.serve_udp, self.serve_tcp):
            threading.Thread(target=work, daemon=True).start()

    def close(self):
        self.udp.close()
        self.tcp.close()

    def answer(self, query):
        ident = struct.unpack(">H", query[:2])[0]
        at, labels = 12, []
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode())
            at += 1 + query[at]
        kind = struct.unpack(">H", query[at + 1:at + 3])[0]
        asked = ".".join(labels)
        self.asked.append((asked, kind))
        records, name = [], asked
        while True:
            found = self.zone.get(name.lower(), NXDOMAIN)
            if isinstance(found, int):
                rcode = found if not records else 0
                return packet(asked, kind, records, rcode, ident)
            if CNAME not in found:
                break
            records.append(record(name, CNAME, found[CNAME][0]))
            name = found[CNAME][0]
        records += [record(name, kind, v) for v in found.get(kind, ())]
        return packet(asked, kind, records, 0, ident)

    def serve_udp(self):
        while True:
            try:
                query, peer = self.udp.recvfrom(4096)
                full = self.answer(query)
                if len(full) > 512:
                    full = full[:2] + struct.pack(">HHHHH", 0x8380, 1, 0, 0,
                                                  0) + \
                        full[12:full.index(b"\0", 12) + 5]
                self.udp.sendto(full, peer)
            except OSError:
                return

    def serve_tcp(self):
        while True:
            try:
                conn, _ = self.tcp.accept()
            except OSError:
                return
            with conn:
                head = conn.recv(2, socket.MSG_WAITALL)
                if len(head) == 2:
                    n = struct.unpack(">H", head)[0]
                    full = self.answer(conn.recv(n, socket.MSG_WAITALL))
                    conn.sendall(struct.pack(">H", len(full)) + full)


# --- frames: doc/protocols.md ---

HELLO, JOB, RESULT, WORK, DONE = 1, 2, 3, 6, 7


def u32(n):
    return struct.pack("<I", n)


def counted(data):
    return u32(len(data)) + data


def frame(kind, body):
    return u32(len(body) + 2) + bytes([1, kind]) + body


class Reader:
    def __init__(self, body):
        self.body = body

    def u32(self):
        n, self.body = struct.unpack("<I", self.body[:4])[0], self.body[4:]
        return n

    def bytes(self):
        n = self.u32()
        s, self.body = self.body[:n], self.body[n:]
        return s


class Worker:
    """A resident qmail-remote and our end of its socket."""

    def __init__(self, home):
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(WAIT)
        self.sock, self.home = ours, home
        with its:
            self.p = subprocess.Popen([BIN / "qmail-remote", "--resident"],
                                      stdin=its, env=home.env)

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.sock.close()
        assert self.p.wait(WAIT) == 0

    def send(self, *rcpts, host="far.test", sender="s@x.test",
             message=b"hello\n"):
        path = self.home.path / "message"
        path.write_bytes(message)
        body = counted(host.encode()) + counted(sender.encode()) + \
            counted(self.home.route_for(host).encode()) + \
            u32(len(rcpts)) + b"".join(counted(r.encode()) for r in rcpts)
        with open(path, "rb") as f:
            socket.send_fds(self.sock, [frame(WORK, body)], [f.fileno()])

    def done(self):
        """(kept, [(letter, text)])"""
        data = self.sock.recv(1 << 20)
        assert data[5] == DONE
        r = Reader(data[6:])
        kept, n = r.u32(), r.u32()
        return kept, [(chr(r.u32()), r.bytes()) for _ in range(n)]

    def deliver(self, *rcpts, **how):
        self.send(*(rcpts or ("r@far.test",)), **how)
        return self.done()


def make_queue(home):
    for i in range(23):
        (home.path / "queue" / "mess" / str(i)).mkdir(
            parents=True, exist_ok=True)


class Rspawn:
    """qmail-rspawn with a queue of messages and the results it gave."""

    def __init__(self, home, env=(), before=(), read=True):
        self.home = home
        make_queue(home)
        if not (home.path / "bin" / "qmail-remote").exists():
            (home.path / "bin" / "qmail-remote").symlink_to(
                BIN / "qmail-remote")
        self.p = subprocess.Popen(
            [*before, BIN / "qmail-rspawn"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, env=dict(home.env, **dict(env)))
        self.hello, self.results, self.number = None, {}, 0
        if read:
            threading.Thread(target=self.read, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *why):
        if not self.p.stdin.closed:
            self.p.stdin.close()
        assert self.p.wait(WAIT) == 0

    def read(self):
        while True:
            head = self.p.stdout.read(4)
            if len(head) < 4:
                return
            body = self.p.stdout.read(struct.unpack("<I", head)[0])
            r = Reader(body[2:])
            if body[1] == HELLO:
                self.hello = r.u32()
                continue
            number, n = r.u32(), r.u32()
            self.results[number] = [
                (r.u32(), chr(r.u32()), r.bytes()) for _ in range(n)]

    def message(self, ident, data=b"hello\n"):
        path = self.home.path / "queue" / "mess" / str(ident % 23) / \
            str(ident)
        path.write_bytes(data)
        return path

    def job(self, ident, *rcpts, sender="s@x.test"):
        """Hand a job over; its number."""
        self.number += 1
        host = next((r.rpartition("@")[2] for r in rcpts if "@" in r), "")
        body = u32(self.number) + struct.pack("<Q", ident) + \
            counted(sender.encode()) + \
            counted(self.home.route_for(host).encode()) + \
            u32(len(rcpts)) + b"".join(
                u32(10 + i) + counted(r.encode())
                for i, r in enumerate(rcpts))
        self.p.stdin.write(frame(JOB, body))
        self.p.stdin.flush()
        return self.number

    def result(self, number):
        """[(letter, text)] in the order of the recipients."""
        poll(lambda: number in self.results, "no result")
        got = self.results[number]
        assert [i for i, _, _ in got] == [10 + i for i in range(len(got))]
        return [(letter, text) for _, letter, text in got]

    def deliver(self, ident, *rcpts, **how):
        return self.result(self.job(ident, *rcpts, **how))

    def children(self):
        path = "/proc/%d/task/%d/children" % (self.p.pid, self.p.pid)
        return [int(x) for x in Path(path).read_text().split()]

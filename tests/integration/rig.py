"""The core of the system with stand-ins for the spawners.

A Rig is a private home with the real qmail-queue service, qmail-send and
qmail-clean. The two spawners are threads of the test: they speak the frames
of doc/protocols.md and answer each delivery as the test wants.
"""
import os
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("FACTEUR_BIN", ROOT / "build" / "bin"))
SPLIT = 23
NOBODY = 65534

HELLO, JOB, RESULT = 1, 2, 3


def frame(kind, body):
    return struct.pack("<IBB", len(body) + 2, 1, kind) + body


def take_frame(buf):
    """(type, body, rest), or None while the frame is not complete."""
    if len(buf) < 4:
        return None
    n = struct.unpack("<I", buf[:4])[0]
    if len(buf) < 4 + n:
        return None
    return buf[5], buf[6:4 + n], buf[4 + n:]


class Reader:
    def __init__(self, body):
        self.body = body

    def number(self, form):
        size = struct.calcsize(form)
        n, self.body = struct.unpack(form, self.body[:size])[0], self.body[size:]
        return n

    def u32(self):
        return self.number("<I")

    def u64(self):
        return self.number("<Q")

    def bytes(self):
        n = self.u32()
        s, self.body = self.body[:n], self.body[n:]
        return s


def poll(fact, what="", seconds=60):
    """Wait until fact() is true; its value. what may be a function."""
    end = time.monotonic() + seconds
    while True:
        value = fact()
        if value:
            return value
        assert time.monotonic() < end, f"never happened: {what() if callable(what) else what or fact}"
        time.sleep(0.01)


def make_queue(home):
    for path in ("run", "control", "queue/quarantine", "queue/lock"):
        os.makedirs(home / path, exist_ok=True)
    for kind in ("mess", "todo", "info"):
        for n in range(SPLIT):
            os.makedirs(home / "queue" / kind / str(n), exist_ok=True)
    if not (home / "queue/lock/trigger").exists():
        os.mkfifo(home / "queue/lock/trigger")
    (home / "queue/lock/sendmutex").touch()


def become():
    """Root's rights would hide what tests look for."""
    if os.geteuid() == 0:
        os.setgid(NOBODY)
        os.setgroups([])
        os.setuid(NOBODY)


class Delivery:
    def __init__(self, channel, sender, addr, ident, number, index, route):
        self.channel, self.sender, self.addr = channel, sender, addr
        self.id, self.number, self.index, self.route = ident, number, index, route

    def __repr__(self):
        return f"{self.channel}:{self.addr!r}"


class Spawner(threading.Thread):
    """One channel. verdict(delivery) -> (letter, text), or None: hold it."""

    def __init__(self, rig, channel, limit):
        super().__init__(daemon=True)
        self.rig, self.channel = rig, channel
        self.from_send, self.send_to = os.pipe()
        self.send_from, self.to_send = os.pipe()
        os.write(self.to_send, frame(HELLO, struct.pack("<I", limit)))

    def run(self):
        buf = b""
        while True:
            try:
                data = os.read(self.from_send, 65536)
            except OSError:
                return
            if not data:
                return
            buf += data
            while (got := take_frame(buf)) is not None:
                _, body, buf = got
                self.job(Reader(body))

    def job(self, r):
        number, ident, sender, route = r.u32(), r.u64(), r.bytes(), r.bytes()
        held = []
        for _ in range(r.u32()):
            index, addr = r.u32(), r.bytes()
            held.append(Delivery(self.channel, sender, addr, ident, number, index, route))
        answers = []
        for d in held:
            self.rig.started.append(d)
            verdict = self.rig.verdict(d)
            if verdict is None:
                self.rig.held.append(held)
                return
            answers.append((d, verdict))
        self.answer(number, answers)

    def answer(self, number, answers):
        body = struct.pack("<II", number, len(answers))
        for d, (letter, text) in answers:
            body += struct.pack("<III", d.index, ord(letter), len(text)) + text
            if letter == "K":
                self.rig.delivered.append(d)
        self.raw(frame(RESULT, body))

    def raw(self, data):
        try:
            os.write(self.to_send, data)
        except OSError:
            pass

    def close(self):
        for name in ("from_send", "to_send"):
            fd = getattr(self, name)
            if fd >= 0:
                os.close(fd)
                setattr(self, name, -1)


class Rig:
    def __init__(self, home, controls=None, env=None, limits=(120, 120)):
        self.home = Path(home)
        self.limits = limits
        self.env = {**os.environ, "QMAILHOME": str(self.home), **(env or {})}
        self.env.pop("QMAILQUEUE", None)
        if env and "QMAILQUEUE" in env:
            self.env["QMAILQUEUE"] = env["QMAILQUEUE"]
        self.preload = {}  # program -> extra environment
        self.verdict = lambda d: ("K", b"did 1+0+0\n")
        self.started, self.delivered, self.held = [], [], []
        self.queue = self.clean = self.send = None
        self.spawners = {}
        make_queue(self.home)
        defaults = {"me": "mail.example.org\n", "locals": "local.example\n"}
        for name, text in {**defaults, **(controls or {})}.items():
            if text is not None:
                self.control(name, text)
        self.own()

    def own(self):
        if os.geteuid() == 0:
            for top, dirs, files in os.walk(self.home):
                for name in [".", *dirs, *files]:
                    os.chown(os.path.join(top, name), NOBODY, NOBODY)
            for up in [self.home, *self.home.parents]:
                if up == Path("/") or up == Path("/tmp"):
                    break
                os.chmod(up, os.stat(up).st_mode | 0o755)

    def control(self, name, text):
        path = self.home / "control" / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())

    def popen(self, program, args=(), **kw):
        env = {**self.env, **self.preload.get(program, {})}
        pre = kw.pop("preexec_fn", None)

        def prepare():
            if pre:
                pre()
            become()

        return subprocess.Popen([str(BIN / program), *args], env=env, preexec_fn=prepare, **kw)

    def start_queue(self):
        log = open(self.home / "queue.log", "ab")
        self.queue = self.popen("qmail-queue", ["--resident"], stderr=log)
        poll(lambda: self.answers("run/queue"), "the queue service listens")

    def answers(self, path):
        # a path of any length: sun_path has room for 107 bytes only
        home = os.open(self.home, os.O_RDONLY | os.O_DIRECTORY)
        with socket.socket(socket.AF_UNIX) as s:
            try:
                s.connect(f"/proc/self/fd/{home}/{path}")
                return True
            except OSError:
                return False
            finally:
                os.close(home)

    def start_send(self):
        self.log_read, log_write = os.pipe()
        self.log_bytes = b""
        clean_in, clean_to = os.pipe()
        clean_from, clean_out = os.pipe()
        errors = open(self.home / "clean.log", "ab")
        self.clean = self.popen("qmail-clean", stdin=clean_in, stdout=clean_out, stderr=errors)
        for i, name in enumerate(("local", "remote")):
            self.spawners[name] = self.spawner(name, self.limits[i])
        l, r = self.spawners["local"], self.spawners["remote"]
        places = [log_write, l.send_to, l.send_from, r.send_to, r.send_from, clean_to, clean_from]

        def arrange():
            high = [os.dup(fd) for fd in places]
            for i, fd in enumerate(high):
                os.dup2(fd, i)
            os.closerange(7, 1024)

        self.send = self.popen("qmail-send", preexec_fn=arrange, close_fds=False)
        for fd in (*places, clean_in, clean_out):
            os.close(fd)
        l.start()
        r.start()
        self.reader = threading.Thread(target=self.read_log, args=(self.log_read,), daemon=True)
        self.reader.start()

    def spawner(self, channel, limit):
        return Spawner(self, channel, limit)

    def read_log(self, fd):
        with open(self.home / "send.log", "ab", buffering=0) as keep:
            while data := os.read(fd, 65536):
                self.log_bytes += data
                keep.write(data)
        os.close(fd)

    def start(self):
        self.start_queue()
        self.start_send()
        self.wait_log("status: local 0/")
        return self

    def stop_send(self, sig=signal.SIGTERM):
        """Exit status of qmail-send."""
        if self.send is None:
            return None
        self.send.send_signal(sig)
        code = self.send.wait(60)
        self.reap_send()
        return code

    def reap_send(self):
        for s in self.spawners.values():
            s.close()
        self.reader.join(10)
        self.clean.wait(10)
        self.send = None

    def stop(self):
        if self.send is not None:
            if self.send.poll() is None:
                self.stop_send(signal.SIGKILL)
            else:
                self.reap_send()
        if self.queue is not None:
            self.queue.terminate()
            self.queue.wait(10)
            self.queue = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    @property
    def log(self):
        return self.log_bytes.decode("latin-1")

    def lines(self, *starts):
        """Log lines that begin with one of these words."""
        return [x for x in self.log.splitlines() if x.startswith(starts)]

    def wait_log(self, text, count=1):
        return poll(lambda: self.log.count(text) >= count, lambda: f"log says {text!r}; it says:\n{self.log}")

    def inject(self, sender, rcpts, message=b"Subject: t\n\nhi\n", program=None):
        """Exit code of qmail-queue."""
        env = b"F" + sender + b"\0" + b"".join(b"T" + r + b"\0" for r in rcpts) + b"\0"
        path = self.home / f"envelope.{threading.get_ident()}"
        path.write_bytes(env)
        with open(path, "rb") as e:
            p = subprocess.run([str(program or BIN / "qmail-queue")], input=message, stdout=e, env=self.env)
        return p.returncode

    def ids(self, kind="todo"):
        return sorted(int(p.name) for p in (self.home / "queue" / kind).glob("*/*") if p.name.isdigit())

    def file(self, kind, ident):
        return self.home / "queue" / kind / str(ident % SPLIT) / str(ident)

    def wait_empty(self, seconds=60):
        poll(lambda: not self.ids("todo") and not self.ids("mess"), "the queue is empty", seconds)

    def erase(self):
        shutil.rmtree(self.home, ignore_errors=True)

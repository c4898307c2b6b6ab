"""A running system of which one program is traced: a Box.

What it accepts, delivers and bounces is watched, and time is what the test
says. See sweep.py.
"""
import collections
import mmap
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))

from remote_rig import Server  # noqa: E402
from rig import BIN, NOBODY, Rig, become  # noqa: E402
from sendkit import ident, message  # noqa: E402

COUNT, KILL, FAIL, SHORT, MEMORY = 1, 2, 3, 4, 5
TROUBLE = 130  # seconds until what had trouble is tried again
PATIENCE = 30  # seconds, true ones, until something is called stuck
TRIES = 100    # to start a program
WORKERS = 16   # of the queue service
ACCEPT = {"x86_64": "288", "aarch64": "242"}[os.uname().machine]

Fault = collections.namedtuple("Fault", "mode nth variant", defaults=(0,))
State = collections.namedtuple("State", "mode nth variant seen fired variants can_short moves pid unused "
                                        "ahead what")


class Plan:
    """The file shared with inject and memlib: see plan.h."""
    FORM = struct.Struct("<10Iq160s")
    AHEAD, WHAT = 40, 48

    def __init__(self, path):
        path.write_bytes(bytes(self.FORM.size))
        os.chmod(path, 0o666)
        with open(path, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), self.FORM.size)

    def arm(self, fault):
        self.map[4:28] = struct.pack("<6I", fault.nth, fault.variant, 0, 0, 0, 0)
        self.map[self.WHAT:] = bytes(self.FORM.size - self.WHAT)
        self.map[0:4] = struct.pack("<I", fault.mode)

    def disarm(self):
        self.map[0:4] = bytes(4)

    @property
    def now(self):
        return State(*self.FORM.unpack(self.map))

    @property
    def what(self):
        """The call that was struck, in words."""
        return self.now.what.split(b"\0")[0].decode("latin-1")

    def warp(self, seconds):
        self.map[self.AHEAD:self.WHAT] = struct.pack("<q", self.now.ahead + seconds)


class Mail:
    """One message, and what is to become of it."""

    def __init__(self, sender, rcpts, body):
        self.sender, self.rcpts, self.body = sender, rcpts, body
        self.is_owed = True     # else it may be delivered, or not
        self.is_barred = False  # and then it must not be

    def notice_to(self):
        """Who gets the bounce: the sender, or the postmaster after all."""
        return b"postmaster@mail.example.org" if kind_of(self.sender) == b"fail" else self.sender

    def owed(self):
        """Who is to hear of it."""
        for r in self.rcpts:
            yield self.notice_to() if kind_of(r) == b"fail" else r

    def is_told_in(self, text):
        return self.body in text and any(r in text for r in self.rcpts if kind_of(r) == b"fail")


def kind_of(addr):
    """ok, later or fail: what happens to those who are called so."""
    return addr.split(b".")[0]


class Spawner:
    """A real spawner, where the rig has a stand-in."""

    def __init__(self, box, *argv):
        self.box, self.argv, self.process = box, argv, None
        self.from_send, self.send_to = os.pipe()
        self.send_from, self.to_send = os.pipe()

    def start(self):
        with open(self.box.home / "spawner.log", "ab") as log:
            self.process = self.box.popen(self.argv[0], self.argv[1:], stdin=self.from_send,
                                          stdout=self.to_send, stderr=log)
        os.close(self.from_send)
        os.close(self.to_send)

    def close(self):
        """qmail-send has ended: so will this."""
        self.box.await_end(self.process)
        self.box.died(self.argv[0], self.process)


class Box(Rig):
    def __init__(self, home, tools, victim):
        self.victim, self.tools, self.runs = victim, tools, 0
        self.domain = "far.example" if victim == "qmail-rspawn" else "local.example"
        super().__init__(home)
        self.plan = Plan(self.home / "plan")
        self.lib = {"LD_PRELOAD": f"{tools}/memlib.so", "FAULT_PLAN": str(self.home / "plan")}
        for line in subprocess.run(["ldd", BIN / "qmail-queue"], capture_output=True, text=True).stdout.splitlines():
            if "libasan" in line:  # which wants to come first
                self.lib["LD_PRELOAD"] = line.split()[2] + " " + self.lib["LD_PRELOAD"]
        self.verdict = self.judge
        self.begin()
        if victim == "qmail-lspawn":
            self.make_user()
        if victim == "qmail-rspawn":
            self.make_route()
        self.own()

    def make_user(self):
        """Whom qmail-lspawn delivers to."""
        user = self.home / "user"
        for name in ("new", "cur", "tmp"):
            os.makedirs(user / "Maildir" / name)
        (user / ".qmail-ok-default").write_text("./Maildir/\n")
        os.symlink(BIN, self.home / "bin")
        uid = NOBODY if os.geteuid() == 0 else os.geteuid()
        os.makedirs(self.home / "users")
        (self.home / "users/assign").write_text(
            "".join(f"+{kind}.:user:{uid}:{uid}:{user}:-:{kind}-:\n" for kind in ("ok", "fail")) + ".\n")
        subprocess.run([BIN / "qmail-newu"], env=self.env, check=True)

    def make_route(self):
        """Where qmail-rspawn delivers to."""
        self.server = Server(self.reply)
        self.control("smtproutes", f"far.example:{self.server.ip}:{self.server.port}\n")
        (self.home / "queue/lock/tcpto").write_bytes(bytes(1024))
        os.symlink(BIN, self.home / "bin")

    def begin(self):
        """A new run."""
        self.runs += 1
        self.mails, self.attempts, self.arrived = [], collections.Counter(), []
        self.corrupt, self.codes, self.deaths = [], [], []
        self.litter = set()
        self.started.clear()
        self.gate = threading.Event()  # closed, it holds up deliveries
        self.gate.set()
        self.logs = {name: path.stat().st_size if path.exists() else 0
                     for name in ("queue", "send", "clean", "spawner")
                     for path in [self.home / f"{name}.log"]}

    def said(self, name):
        """What a program has logged in this run."""
        path = self.home / f"{name}.log"
        return path.read_bytes()[self.logs[name]:].decode("latin-1") if path.exists() else ""

    def end(self):
        """The end of a run: what may lie about is removed."""
        for path in self.rest("mess", "todo", "info"):
            (self.home / "queue" / path).unlink(missing_ok=True)
        for path in self.litter:
            (self.home / "queue" / path).unlink(missing_ok=True)
        for folder in ("queue/quarantine", "user/Maildir/new", "user/Maildir/tmp"):
            for path in (self.home / folder).glob("*"):
                path.unlink(missing_ok=True)

    # --- programs ---

    def argv(self, program, args):
        traced = [f"{self.tools}/inject", str(self.home / "plan")] if program == self.victim else []
        return [*traced, str(BIN / program.replace("client", "qmail-queue")), *args]

    def environment(self, program):
        traced = {"FAULT_MEMORY": "1", "ASAN_OPTIONS": "detect_leaks=0"} if program == self.victim else {}
        return {**self.env, **self.lib, **traced, **self.preload.get(program, {})}

    def popen(self, program, args=(), **kw):
        pre = kw.pop("preexec_fn", lambda: None)

        def prepare():
            pre()
            become()

        return subprocess.Popen(self.argv(program, args), env=self.environment(program),
                                preexec_fn=prepare, **kw)

    def processes(self):
        found = [self.queue, self.send, self.clean]
        found += [s.process for s in self.spawners.values() if isinstance(s, Spawner)]
        return [p for p in found if p is not None]

    def died(self, program, process):
        self.deaths.append((program, process.returncode))

    def await_end(self, process):
        """A program is to end, and has all the time it wants."""
        end, pause = time.monotonic() + PATIENCE, time.monotonic() + 0.3
        while process.poll() is None:
            assert time.monotonic() < end, f"{process.args} does not end"
            if time.monotonic() > pause:
                self.warp(TROUBLE)
                pause = time.monotonic() + 0.3
            time.sleep(0.003)

    def start_queue(self):
        """As its supervisor does it, again and again if need be."""
        for _ in range(TRIES):
            with open(self.home / "queue.log", "ab") as log:
                self.queue = self.popen("qmail-queue", ["--resident"], stderr=log)
            while self.queue.poll() is None:
                if self.answers("run/queue"):
                    return
                time.sleep(0.003)
            self.died("qmail-queue", self.queue)
        raise AssertionError("qmail-queue does not start")

    def stop_queue(self):
        self.queue.terminate()
        self.await_end(self.queue)

    def spawner(self, channel, limit):
        if self.victim == "qmail-lspawn" and channel == "local":
            return Spawner(self, "qmail-lspawn", "./Maildir/")
        if self.victim == "qmail-rspawn" and channel == "remote":
            return Spawner(self, "qmail-rspawn")
        return super().spawner(channel, limit)

    def start_send(self):
        for _ in range(TRIES):
            super().start_send()
            while self.send.poll() is None and self.clean.poll() is None:
                if "status: local" in self.log:
                    return
                time.sleep(0.003)
            self.bury_send()
        raise AssertionError("qmail-send does not start")

    def bury_send(self):
        """qmail-send or one of its partners has ended: then all do."""
        self.await_end(self.send)
        self.died("qmail-send", self.send)
        self.await_end(self.clean)
        self.died("qmail-clean", self.clean)
        self.reap_send()

    def stop(self):
        self.gate.set()
        self.plan.disarm()
        for process in self.processes():
            process.kill()
        super().stop()
        if self.victim == "qmail-rspawn":
            self.server.close()

    def renew(self):
        """The traced program anew: it keeps memory for later."""
        if self.victim == "qmail-queue":
            self.stop_queue()
            self.start_queue()
        elif self.victim != "client":
            self.stop_send()
            self.start_send()

    def revive(self):
        """Start again what has ended."""
        if self.queue.poll() is not None:
            self.died("qmail-queue", self.queue)
            self.start_queue()
        if self.send.poll() is not None or self.clean.poll() is not None:
            self.bury_send()
            self.start_send()

    # --- time ---

    def clock(self):
        return int(time.time()) + self.plan.now.ahead

    def ident(self, age=0):
        """The ID of a message that came age seconds ago."""
        return ident(age - self.plan.now.ahead)

    def warp(self, seconds):
        """Let time pass."""
        self.plan.warp(seconds)
        for process in self.processes():
            if process.poll() is None:
                process.send_signal(signal.SIGURG)

    def quiet(self, seconds=0.008):
        """Wait until the traced program does nothing."""
        end = time.monotonic() + PATIENCE
        last, since = -1, 0
        while self.victim != "client" and time.monotonic() < end:
            moves = self.plan.now.moves
            if moves != last:
                last, since = moves, time.monotonic()
            elif time.monotonic() - since > seconds:
                return
            time.sleep(0.002)

    def settle(self, is_done):
        """Let the system do all it has to; False when it does not."""
        end, pause = time.monotonic() + PATIENCE, 0.03
        while time.monotonic() < end:
            until = time.monotonic() + pause
            while time.monotonic() < until:
                self.revive()
                if is_done():
                    return True
                time.sleep(0.003)
            self.warp(TROUBLE)
            pause = min(pause * 2, 0.5)
        return False

    # --- mail ---

    def mail(self, *kinds, sender="s", size=0):
        """A message to one recipient of each kind."""
        number = f"{self.runs}.{len(self.mails)}"
        other = "local.example" if self.domain == "far.example" else "far.example"
        rcpts = [f"{kind}.{number}.{i}@{self.domain}".encode() for i, kind in enumerate(kinds)]
        body = f"Subject: {number}\n\n".encode() + b"".join(b"%s %d\n" % (number.encode(), i) for i in range(size + 1))
        self.mails.append(Mail(f"{sender}.{number}@{other}".encode(), rcpts, body))
        return self.mails[-1]

    def submit(self, *kinds, **more):
        """Hand a message in; it is owed if the answer is yes."""
        m = self.mail(*kinds, **more)
        path = self.home / "envelope"
        path.write_bytes(b"F" + m.sender + b"\0" + b"".join(b"T" + r + b"\0" for r in m.rcpts) + b"\0")
        env = self.environment("client") if self.victim == "client" else self.env
        m.is_owed = False
        with open(path, "rb") as e:
            code = subprocess.run(self.argv("client", []), input=m.body, stdout=e,
                                  stderr=subprocess.DEVNULL, env=env).returncode
        m.is_owed = code == 0
        self.codes.append(code)

    def queued(self, *kinds, age=0, barred=False):
        """A message in the queue, put there by hand; its ID."""
        m = self.mail(*kinds)
        m.is_owed, m.is_barred = not barred, barred
        return message(self, m.sender, m.rcpts, b"Received: x\n" + m.body, n=self.ident(age))

    def trigger(self, n):
        try:
            fd = os.open(self.home / "queue/lock/trigger", os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return  # qmail-send is down, and will find it
        os.write(fd, b"%d\n" % n)
        os.close(fd)

    def judge(self, d):
        """The verdict of a stand-in, whose delivery is complete with it."""
        self.gate.wait()
        self.attempts[d.addr] += 1
        if kind_of(d.addr) == b"later" and self.attempts[d.addr] == 1:
            return "Z", b"try later\n"
        if kind_of(d.addr) == b"fail":
            return "D", b"no such user\n"
        try:
            text = self.file("mess", d.id).read_bytes().partition(b"\n")[2]
        except OSError as e:
            self.corrupt.append(f"{d.addr}: {e}")
            return "Z", b"no message\n"
        self.arrive(d.addr, d.sender, text)
        return "K", b"did 1+0+0\n"

    def reply(self, session, verb, line):
        """What the mail server says to qmail-remote."""
        addr = line.partition(b"<")[2].partition(b">")[0]
        if verb == b"MAIL":
            session.sender, session.rcpts = addr, []
        if verb == b"RCPT":
            self.attempts[addr] += 1
            if kind_of(addr) == b"later" and self.attempts[addr] == 1:
                return b"451 later\r\n"
            if kind_of(addr) == b"fail":
                return b"550 no such user\r\n"
            session.rcpts.append(addr)
        if verb == b"DOT":
            text = session.bodies[-1].replace(b"\r\n", b"\n").removesuffix(b".\n")
            for addr in session.rcpts:
                self.arrive(addr, session.sender, text.partition(b"\n")[2])
        return None

    def look_into_maildir(self):
        for path in (self.home / "user/Maildir/new").glob("*"):
            try:
                head = path.read_bytes().split(b"\n", 3)
                path.unlink()
            except OSError:
                continue  # qmail-local could not be sure of it
            self.arrive(head[1].removeprefix(b"Delivered-To: "), head[0][len("Return-Path: <"):-1], head[3])

    def arrive(self, addr, sender, text):
        self.arrived.append(addr)
        for m in self.mails:
            if addr in m.rcpts:
                if m.is_barred:
                    self.corrupt.append(f"{addr}: not to be delivered")
                elif (sender, text) != (m.sender, m.body):
                    self.corrupt.append(f"{addr}: not as it was accepted")
                return
            if addr == m.notice_to() and m.is_told_in(text):
                return
        self.corrupt.append(f"{addr}: for nobody, or a bounce that tells nothing")

    def again(self):
        """Deliveries made more than once. Bounces do not count: whoever is
        not told that one was accepted sends it again."""
        rcpts = {r for m in self.mails for r in m.rcpts}
        counts = collections.Counter(addr for addr in self.arrived if addr in rcpts)
        return sum(n - 1 for n in counts.values())

    def owed(self):
        """Who has not heard of what was accepted."""
        self.look_into_maildir()
        return [addr for m in self.mails if m.is_owed for addr in m.owed() if addr not in self.arrived]

    # --- the queue ---

    def rest(self, *kinds):
        """Files that are still there."""
        return [path for kind in kinds for n in range(23)
                for path in (f"{kind}/{n}/{name}" for name in os.listdir(f"{self.home}/queue/{kind}/{n}"))
                if path not in self.litter]

    def waiting(self):
        """Messages, and what is known of them: garbage left out."""
        return [x for x in self.rest("todo", "info") if not x.endswith(".tmp")]

    def quarantine(self):
        """What has been set aside. Where that failed there was an alert, and
        a human does something, after which qmail-send starts anew."""
        if "unable to move it to queue/quarantine" in self.log:
            self.stop_send()
            self.start_send()
        return os.listdir(self.home / "queue/quarantine")

    def is_idle(self):
        """Whether the queue service has all its workers, new and waiting."""
        log = (self.home / "queue.log").read_bytes()
        if log.rfind(b"ready") < log.rfind(b"anew"):
            return False
        pid = self.queue.pid
        try:
            workers = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            calls = [Path(f"/proc/{x}/syscall").read_text().split()[0] for x in workers]
        except OSError:
            return False
        return calls == [ACCEPT] * WORKERS

    def has_fallen(self):
        """Whether the process that was killed is gone, or has a successor."""
        pid = self.plan.now.pid
        if pid in [p.pid for p in self.processes()]:
            return False
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
        except OSError:
            return True

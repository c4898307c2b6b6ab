"""A private mail system for one test.

    with Instance(tmp_path) as box:
        box.send("bob@elsewhere.test", ["alice@mail.test"], "Subject: x\n\nhi\n")
        [path] = box.wait_mail("alice")

The home is made by `qmailctl init`, everything listens on free loopback
ports, and at the end, however the test went, no process of it is left. As
root the system runs as whatever user qmailctl chose (see qmailctl(8)).
"""
import os
import pwd
import random
import re
import shutil
import signal
import smtplib
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("FACTEUR_BIN", ROOT / "build" / "bin")).resolve()
NOBODY = 65534
IS_ROOT = os.geteuid() == 0
DEADLINE = 60


def poll(fact, what="", seconds=DEADLINE):
    """Wait until fact() is true; its value."""
    end = time.monotonic() + seconds
    while True:
        value = fact()
        if value:
            return value
        assert time.monotonic() < end, f"never happened: {what or fact}"
        time.sleep(0.01)


def free_port(host="127.0.0.1"):
    """A port nobody listens on, below those the kernel gives to clients."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for _ in range(1000):
        port = random.randrange(10000, 32000)
        with socket.socket(family) as s:
            try:
                s.bind((host, port))
                return port
            except OSError:
                continue
    raise AssertionError("no free port")


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
        return True
    except OSError:
        return False


def reachable(path):
    """Whether every user can get at path."""
    return all(os.stat(p).st_mode & stat.S_IXOTH for p in (path, *path.parents))


class Programs:
    """Where the programs are; a copy, if root built them out of reach."""
    copy = None

    @classmethod
    def folder(cls):
        if not IS_ROOT or reachable(BIN):
            return BIN
        if cls.copy is None:
            cls.copy = tempfile.mkdtemp(prefix="facteur-bin-")
            os.chmod(cls.copy, 0o755)
            shutil.copytree(BIN, Path(cls.copy) / "bin")
        return Path(cls.copy) / "bin"

    @classmethod
    def forget(cls):
        if cls.copy is not None:
            shutil.rmtree(cls.copy, ignore_errors=True)
            cls.copy = None


def run(*argv, input=None, env=None, timeout=DEADLINE, **more):
    """Run a program to its end; its output is text unless input is bytes."""
    return subprocess.run(
        [str(a) for a in argv], input=input, env=env, timeout=timeout,
        text=not isinstance(input, bytes), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, **more)


def processes(home):
    """The living processes whose QMAILHOME is home: {pid: name}."""
    mark = b"QMAILHOME=" + os.fsencode(str(home))
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            env = Path("/proc", entry, "environ").read_bytes().split(b"\0")
            if mark not in env or int(entry) == os.getpid():
                continue
            argv = Path("/proc", entry, "cmdline").read_bytes().split(b"\0")
            found[int(entry)] = os.path.basename(os.fsdecode(argv[0]))
        except OSError:
            continue  # it has gone
    return found


def status_of(pid):
    """/proc/PID/status as a dict of lists of words; {} when it is gone."""
    try:
        lines = Path("/proc", str(pid), "status").read_text().splitlines()
    except OSError:
        return {}
    return {name: rest.split() for name, _, rest in
            (line.partition(":") for line in lines)}


class Instance:
    """One private home and what runs in it."""

    def __init__(self, tmp_path, me="mail.test", users=("alice", "bob"),
                 listeners=None, control=None, env=None):
        self.bin = Programs.folder()
        self.me = me
        self.users = list(users)
        self.made = None
        if IS_ROOT:
            # pytest's folders are closed to the user the system runs as
            self.made = tempfile.mkdtemp(prefix="facteur-")
            os.chmod(self.made, 0o755)
            self.home = Path(self.made) / "home"
        else:
            self.home = Path(tmp_path) / "home"
        self.env = {**os.environ, "QMAILHOME": str(self.home), **(env or {})}
        self.port = free_port()
        if listeners is None:
            listeners = [f"smtp 127.0.0.1:{self.port}"]
        self.listeners = listeners
        self.extra = control or {}
        self.init()

    # making

    def init(self):
        done = self.ctl("init", "--me", self.me)
        assert done.returncode == 0, done.stderr
        owner = os.stat(self.home)
        # where root uses the accounts of qmail, mail is still nobody's
        self.uid = owner.st_uid or NOBODY
        self.gid = owner.st_gid if owner.st_uid else NOBODY
        self.control("listeners", "".join(f"{x}\n" for x in self.listeners))
        for name, text in self.extra.items():
            self.control(name, text)
        self.assign()

    def own(self, path):
        if IS_ROOT:
            os.chown(path, self.uid, self.gid)
        return path

    def control(self, name, text):
        path = self.home / "control" / name
        path.write_text(text)
        os.chmod(path, 0o644)
        return path

    def home_of(self, user):
        return self.home / "mail" / user

    def assign(self):
        """users/assign and a home with a Maildir for each user."""
        lines = []
        for user in self.users:
            lines += self.add_home(user)
        (self.home / "users/assign").write_text("".join(lines) + ".\n")
        done = run(self.home / "bin/qmail-newu", env=self.env)
        assert done.returncode == 0, done.stderr

    def add_home(self, user):
        home = self.home_of(user)
        for path in (home.parent, home, home / "Maildir"):
            if not path.exists():
                path.mkdir(mode=0o755)
                self.own(path)
        for part in ("tmp", "new", "cur"):
            path = home / "Maildir" / part
            if not path.exists():
                path.mkdir(mode=0o700)
                self.own(path)
        tail = f":{self.owner_name()}:{self.uid}:{self.gid}:{home}:"
        return [f"={user}{tail}::\n", f"+{user}-{tail}-::\n"]

    def owner_name(self):
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return str(self.uid)

    def dot_qmail(self, user, text, ext=""):
        path = self.home_of(user) / (".qmail" + ext)
        path.write_text(text)
        os.chmod(path, 0o644)
        return self.own(path)

    # running

    def ctl(self, *words, timeout=120):
        return run(self.bin / "qmailctl", "-d", self.home, *words,
                   env=self.env, timeout=timeout)

    def start(self):
        done = self.ctl("start")
        assert done.returncode == 0, done.stderr + self.all_logs()
        return self

    def stop(self):
        done = self.ctl("stop")
        assert done.returncode == 0, done.stderr + self.all_logs()
        return self

    def restart(self):
        done = self.ctl("restart")
        assert done.returncode == 0, done.stderr + self.all_logs()
        return self

    def pid(self, service):
        """The process of a service, as `qmailctl stat` tells it."""
        m = re.search(rf"^{re.escape(service)}: up \(pid (\d+)\)",
                      self.ctl("stat").stdout, re.M)
        return int(m.group(1)) if m else None

    def processes(self):
        return processes(self.home)

    def kill_all(self):
        def gone():
            left = self.processes()
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            return not left
        poll(gone, "all processes gone")

    def close(self):
        if (self.home / "run").is_dir():
            try:
                self.ctl("stop", timeout=90)
            except subprocess.TimeoutExpired:
                pass
        self.kill_all()
        if self.made and not os.environ.get("FACTEUR_KEEP"):
            shutil.rmtree(self.made, ignore_errors=True)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, kind, value, trace):
        if kind is not None:
            sys.stderr.write(self.all_logs())
        self.close()

    # sending

    def smtp(self, port=None, host="127.0.0.1"):
        return smtplib.SMTP(host, port or self.port, timeout=DEADLINE)

    def send(self, sender, rcpts, text, port=None):
        with self.smtp(port) as s:
            s.sendmail(sender, rcpts, text)

    def raw(self, port=None, host="127.0.0.1"):
        """A connected socket; the greeting is still to be read."""
        return socket.create_connection((host, port or self.port), DEADLINE)

    def sendmail(self, *args, input):
        return run(self.home / "bin/sendmail", *args, input=input, env=self.env)

    # looking

    def mail(self, user):
        """The messages in a user's Maildir, oldest first."""
        found = []
        for part in ("new", "cur"):
            folder = self.home_of(user) / "Maildir" / part
            found += [p for p in folder.iterdir() if p.is_file()]
        return sorted(found, key=lambda p: (p.stat().st_mtime_ns, p.name))

    def wait_mail(self, user, n=1, seconds=DEADLINE):
        """Wait for at least n messages; their paths."""
        def enough():
            found = self.mail(user)
            return found if len(found) >= n else None
        return poll(enough, f"{n} messages for {user}", seconds)

    def log(self, name="send"):
        try:
            return (self.home / "log" / name).read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def wait_log(self, pattern, name="send", n=1, seconds=DEADLINE):
        """Wait until a regular expression matches n times; the last match."""
        def there():
            found = list(re.finditer(pattern, self.log(name), re.M))
            return found[n - 1] if len(found) >= n else None
        return poll(there, f"{pattern!r} in log/{name}", seconds)

    def all_logs(self, lines=40):
        folder = self.home / "log"
        out = []
        for path in sorted(folder.glob("*")) if folder.is_dir() else []:
            tail = self.log(path.name).splitlines(True)[-lines:]
            out += [f"--- log/{path.name}\n", *tail]
        return "".join(out)

    def queued(self):
        """The envelopes in the queue."""
        return [p for p in (self.home / "queue/todo").glob("*/*")]

    def wait_empty(self, seconds=DEADLINE):
        poll(lambda: not self.queued(), "queue empty", seconds)


class Sink:
    """An SMTP server that keeps what it gets.

    rcpt and data are asked for each recipient and each message and give the
    reply, "250 ok" unless the test says otherwise.
    """

    def __init__(self, host="127.0.0.1"):
        self.socket = socket.create_server(
            (host, 0), family=socket.AF_INET6 if ":" in host
            else socket.AF_INET)
        self.host = host
        self.port = self.socket.getsockname()[1]
        self.messages = []
        self.rcpt = lambda address: "250 ok"
        self.data = lambda message: "250 ok"
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def route(self):
        """What smtproutes says to send a domain here."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.socket.close()

    def wait(self, n=1):
        poll(lambda: len(self.messages) >= n, f"{n} messages at the sink")
        return self.messages

    def accept(self):
        while True:
            try:
                peer = self.socket.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.talk, args=[peer],
                             daemon=True).start()

    def talk(self, peer):
        with peer, peer.makefile("rwb") as f:
            try:
                self.converse(f)
            except OSError:
                pass

    def converse(self, f):
        def say(line):
            f.write(line.encode() + b"\r\n")
            f.flush()
        sender, rcpts = None, []
        say("220 sink.test ESMTP")
        for line in f:
            verb = line[:4].upper()
            if verb == b"EHLO":
                say("250-sink.test\r\n250-PIPELINING\r\n250 8BITMIME")
            elif verb == b"MAIL":
                sender, rcpts = address_of(line), []
                say("250 ok")
            elif verb == b"RCPT":
                reply = self.rcpt(address_of(line))
                if reply.startswith("2"):
                    rcpts.append(address_of(line))
                say(reply)
            elif verb == b"DATA" and not rcpts:
                say("503 no recipient")
            elif verb == b"DATA":
                say("354 go ahead")
                message = (sender, rcpts, read_data(f))
                reply = self.data(message)
                if reply.startswith("2"):
                    self.messages.append(message)
                say(reply)
            elif verb == b"QUIT":
                say("221 bye")
                return
            else:
                say("250 ok")


def address_of(line):
    return line.split(b"<", 1)[1].split(b">", 1)[0].decode()


def read_data(f):
    lines = []
    for line in f:
        if line == b".\r\n":
            break
        lines.append(line[1:] if line.startswith(b".") else line)
    return b"".join(lines)

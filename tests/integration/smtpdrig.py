"""What the tests of qmail-smtpd share: a home, a queue program that keeps
what it gets, and a peer."""

import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import termios
import time
from pathlib import Path

BIN = Path(
    os.environ.get(
        "FACTEUR_BIN", Path(__file__).resolve().parents[2] / "build" / "bin"
    )
)
CONFORMANCE = Path(__file__).resolve().parents[1] / "conformance" / "smtp"
NOBODY = 65534
WAIT = 20

# keeps message and envelope, says $QQ_TEXT on descriptor 6, exits $QQ_EXIT
STUB = """#!/bin/sh
umask 022
n=`ls | grep -c '^msg\\.'`
cat >tmp.$$
cat <&1 >env.$n
test -z "$QQ_TEXT" || printf %s "$QQ_TEXT" >&6
mv tmp.$$ msg.$n
exit ${QQ_EXIT-0}
"""


class Home:
    """A QMAILHOME with control files and a stub for qmail-queue."""

    def __init__(self, **controls):
        self.path = Path(tempfile.mkdtemp(prefix="smtpd."))
        (self.path / "control").mkdir()
        for name, text in {"me": "mx.example.org\n", **controls}.items():
            self.control(name, text)
        stub = self.path / "qq"
        stub.write_text(STUB)
        stub.chmod(0o755)
        if os.geteuid() == 0:
            for p in [self.path, *self.path.rglob("*")]:
                os.chown(p, NOBODY, NOBODY)
        self.path.chmod(0o755)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path)

    def control(self, name, text):
        """Write a control file; None removes it."""
        p = self.path / "control" / name
        if text is None:
            p.unlink(missing_ok=True)
        elif isinstance(text, bytes):
            p.write_bytes(text)
        else:
            p.write_text(text)

    def env(self, **more):
        env = {
            "PATH": os.environ["PATH"],
            "QMAILHOME": str(self.path),
            "QMAILQUEUE": str(self.path / "qq"),
            **more,
        }
        return {k: v for k, v in env.items() if v is not None}

    def messages(self):
        """[(received, stored, [sender, recipients...])]"""
        found = []
        for p in sorted(
            self.path.glob("msg.*"), key=lambda p: int(p.suffix[1:])
        ):
            head, by, stored = p.read_bytes().split(b"\n", 2)
            envelope = p.with_name("env" + p.suffix).read_bytes()
            assert envelope.endswith(b"\0\0")
            found.append((head + b"\n" + by, stored, envelope[:-2].split(b"\0")))
        return found

    def forget(self):
        for pattern in ("msg.*", "env.*"):
            for p in self.path.glob(pattern):
                p.unlink()


# what tcpserver would say (contract, oracle conventions)
PEER = {
    "TCPREMOTEIP": "192.0.2.7",
    "TCPREMOTEHOST": "client.example.net",
    "TCPLOCALHOST": "mx.example.org",
}


def demote():
    """Arguments of Popen that make a root test an ordinary one."""
    if os.geteuid() != 0:
        return {}
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []}


def talk(home, text, **env):
    """One-shot: everything in at once, (replies, exit status) out."""
    if isinstance(text, str):
        text = text.encode("latin-1")
    env = home.env(**{**PEER, **env})
    p = subprocess.run(
        [BIN / "qmail-smtpd"],
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=env,
        timeout=WAIT,
        check=False,
    )
    assert p.stderr == b""
    return p.stdout.decode("latin-1").split("\r\n")[:-1], p.returncode


def lines(*commands):
    return "".join(c + "\r\n" for c in commands)


class Peer:
    """A conversation by the line, over a socket."""

    def __init__(self, sock):
        sock.settimeout(WAIT)
        self.sock = sock
        self.file = sock.makefile("rb")

    def reply(self):
        """All lines of a reply; '' at end of file."""
        got = []
        while True:
            line = self.file.readline().decode("latin-1")
            if not line:
                return ""
            assert line.endswith("\r\n"), line
            got.append(line[:-2])
            if line[3:4] != "-":
                return "\n".join(got)

    def send(self, data):
        self.sock.sendall(data if isinstance(data, bytes) else data.encode())

    def say(self, command):
        self.send(command + "\r\n")
        return self.reply()

    def mail(self, rcpt="u@example.org"):
        """Up to DATA."""
        assert self.say("MAIL FROM:<a@b.example>").startswith("250 ")
        assert self.say(f"RCPT TO:<{rcpt}>").startswith("250 ")
        assert self.say("DATA") == "354 go ahead"

    def drained(self):
        """Wait until the other side has read all we sent (Unix sockets)."""
        until = time.monotonic() + WAIT
        while time.monotonic() < until:
            left = fcntl.ioctl(self.sock, termios.TIOCOUTQ, b"\0" * 4)
            if struct.unpack("i", left)[0] == 0:
                return
            time.sleep(0)
        raise AssertionError("the server does not read")

    def close(self):
        self.file.close()
        self.sock.close()


class OneShot(Peer):
    """qmail-smtpd on one end of a socket pair."""

    def __init__(self, home, **env):
        ours, theirs = socket.socketpair()
        self.proc = subprocess.Popen(
            [BIN / "qmail-smtpd"],
            stdin=theirs,
            stdout=theirs,
            env=home.env(**{**PEER, **env}),
        )
        theirs.close()
        super().__init__(ours)

    def status(self):
        return self.proc.wait(WAIT)

    def __enter__(self):
        assert self.reply() == "220 mx.example.org ESMTP"
        return self

    def __exit__(self, *_):
        self.close()
        self.status()


class Resident:
    """qmail-smtpd with listening sockets: descriptor 0, or 3 and on."""

    def __init__(self, home, passed=0, **env):
        self.log_path = home.path / "log"
        self.socks = [socket.socket() for _ in range(passed or 1)]
        for s in self.socks:
            s.bind(("127.0.0.1", 0))
            s.listen(64)
        self.ports = [s.getsockname()[1] for s in self.socks]
        command = [BIN / "qmail-smtpd"]
        env = home.env(**env)
        if passed:
            # the shell moves them to where sd_listen_fds(3) wants them
            high = [fcntl.fcntl(s.fileno(), fcntl.F_DUPFD, 100)
                    for s in self.socks]
            moves = " ".join(
                f"{3 + i}<&{fd}" for i, fd in enumerate(high)
            )
            env["LISTEN_FDS"] = str(passed)
            script = (
                f'exec {moves} </dev/null; LISTEN_PID=$$; export LISTEN_PID; '
                f'exec "$0"'
            )
            command = ["bash", "-c", script, str(command[0])]
        with open(self.log_path, "wb") as log:
            self.proc = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL if passed else self.socks[0],
                stderr=log,
                env=env,
                pass_fds=high if passed else [],
                **demote(),
            )
        for s in self.socks:
            s.close()
        for fd in high if passed else []:
            os.close(fd)

    def __enter__(self):
        self.wait_for(lambda: "ready" in self.log())
        return self

    def __exit__(self, *_):
        if self.proc.poll() is None:
            self.proc.send_signal(signal.SIGTERM)
        try:
            self.proc.wait(WAIT)
        finally:
            self.proc.kill()

    def log(self):
        return self.log_path.read_text()

    def connect(self, port=0):
        s = socket.create_connection(("127.0.0.1", self.ports[port]), WAIT)
        return Peer(s)

    def greeted(self, port=0):
        p = self.connect(port)
        assert p.reply().startswith("220 ")
        return p

    def children(self):
        p = subprocess.run(
            ["ps", "-o", "pid=,stat=", "--ppid", str(self.proc.pid)],
            stdout=subprocess.PIPE,
            check=False,
            text=True,
        )
        rows = [r.split() for r in p.stdout.splitlines()]
        return {int(pid) for pid, stat in rows if not stat.startswith("Z")}

    @staticmethod
    def wait_for(fact):
        until = time.monotonic() + WAIT
        while time.monotonic() < until:
            found = fact()
            if found:
                return found
            time.sleep(0.01)
        raise AssertionError("it did not happen")

"""One mailbox owner's world, and qmail-local in both of its forms.

A LocalRig has a home for deliveries, a QMAILHOME, and a stand-in for
qmail-queue that keeps what it is given. deliver() runs the one-shot program
or gives a job to a resident worker; either way the caller sees an exit code
and the text that qmail-lspawn would see.
"""
import os
import signal
import socket
import struct
import subprocess
import tempfile
from collections import namedtuple
from pathlib import Path

from facteur import BIN

WORK, DONE = 6, 7
DEADLINE = 60
FORMS = ["once", "resident"]

# the message of the oracle cases; its last line has no LF
M = (b"From: a@b\nSubject: t\n\nhello\nFrom here\n>From there\n>>From x\n"
     b"from low\nlast")

Result = namedtuple("Result", "code text")
Queued = namedtuple("Queued", "message envelope")

STUB = r"""#!/bin/sh
cat >DIR/message
cat <&1 >DIR/envelope
env >DIR/env
echo run >>DIR/runs
if [ -s DIR/text ]; then cat DIR/text >&6; fi
exit "$(cat DIR/code)"
"""


def work_frame(user, home, local, dash, ext, domain, sender, default):
    body = bytes([1, WORK])
    for field in (user, home, local, dash, ext, domain, sender, default):
        field = os.fsencode(str(field))
        body += struct.pack("<I", len(field)) + field
    return struct.pack("<I", len(body)) + body


class Worker:
    """A resident qmail-local."""

    def __init__(self, env, program=BIN / "qmail-local", **how):
        self.sock, theirs = socket.socketpair(
            socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.settimeout(DEADLINE)
        with theirs:
            self.process = subprocess.Popen(
                [program, "--resident"], stdin=theirs, env=env, **how)

    def send(self, frame, fd):
        if fd is None:
            self.sock.send(frame)
        else:
            socket.send_fds(self.sock, [frame], [fd])

    def receive(self):
        """Its Result, or None if it has died."""
        try:
            answer = self.sock.recv(1 << 20)
        except ConnectionResetError:
            return None
        if not answer:
            return None
        length, version, kind, code, n = struct.unpack("<IBBII", answer[:14])
        assert (length, version, kind) == (len(answer) - 4, 1, DONE)
        assert len(answer) == 14 + n
        return Result(code, answer[14:].decode("latin-1"))

    def close(self):
        self.sock.close()
        try:
            return self.process.wait(DEADLINE)
        finally:
            self.process.kill()


class LocalRig:
    def __init__(self, base, form="once", env=None):
        base = Path(base)
        self.form = form
        self.home = base / "home"
        self.home.mkdir(mode=0o755)
        self.home.chmod(0o755)
        self.qh = base / "qh"
        self.qh.mkdir()
        self.stub = base / "queue"
        self.stub.mkdir()
        (self.stub / "code").write_text("0\n")
        program = self.stub / "qmail-queue"
        program.write_text(STUB.replace("DIR", str(self.stub)))
        program.chmod(0o755)
        self.env = {"PATH": os.environ["PATH"], "QMAILHOME": str(self.qh),
                    "QMAILQUEUE": str(program), **(env or {})}
        self.worker = None

    def close(self):
        if self.worker is not None:
            self.worker.close()
            self.worker = None

    # what is in the home

    def file(self, name, content, mode=0o600):
        path = self.home / name
        path.write_bytes(content if isinstance(content, bytes)
                         else content.encode())
        path.chmod(mode)
        return path

    def maildir(self, name="Maildir"):
        for part in ("tmp", "new", "cur"):
            (self.home / name / part).mkdir(parents=True)
        return self.home / name

    def read(self, name):
        return (self.home / name).read_bytes()

    def new(self, name="Maildir"):
        return sorted((self.home / name / "new").iterdir())

    # what the stand-in for qmail-queue got

    def runs(self):
        path = self.stub / "runs"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def queued(self):
        return Queued((self.stub / "message").read_bytes(),
                      (self.stub / "envelope").read_bytes())

    # running

    def operands(self, local="u", dash="", ext="", domain="h", sender="s@x",
                 default="./Mailbox", home=None):
        return ["u", home or self.home, local, dash, ext, domain, sender,
                default]

    def describe(self, *options, **who):
        """qmail-local -n: code, stdout, stderr."""
        r = subprocess.run(
            [BIN / "qmail-local", "-n", *options, *self.operands(**who)],
            env=self.env, stdin=subprocess.DEVNULL, capture_output=True,
            timeout=DEADLINE, cwd=self.qh)
        return (r.returncode, r.stdout.decode("latin-1"),
                r.stderr.decode("latin-1"))

    def once(self, stdin, operands, **more):
        r = subprocess.run(
            [BIN / "qmail-local", "--", *operands], env=self.env, stdin=stdin,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=DEADLINE, cwd=self.qh, **more)
        return Result(r.returncode, r.stdout.decode("latin-1"))

    def resident(self, fd, operands):
        if self.worker is None:
            self.worker = Worker(self.env)
        self.worker.send(work_frame(*operands), fd)
        result = self.worker.receive()
        if result is None:
            code = self.worker.process.wait(DEADLINE)
            self.close()
            return Result(code, "")
        return result

    def deliver_fd(self, fd, **who):
        run = self.once if self.form == "once" else self.resident
        return run(fd, self.operands(**who))

    def deliver(self, message=M, **who):
        with tempfile.TemporaryFile() as f:
            f.write(message)
            f.flush()
            # as qmail-lspawn has it: read only, an offset of its own
            fd = os.open(f"/proc/self/fd/{f.fileno()}", os.O_RDONLY)
            try:
                return self.deliver_fd(fd, **who)
            finally:
                os.close(fd)


def ext_of(local):
    """Keyword arguments for an address with a dash, as in the contract."""
    return {"local": f"u-{local}", "dash": "-", "ext": local}


SIGKILL = -signal.SIGKILL

"""qmail-send and qmail-clean at work, and whoever they talk to, in one loop.

The spawners are ours: each delivery is shown to `deliver`, which says what
became of it. So is the queue service if `bounce` is given.
"""
import fcntl
import os
import re
import select
import signal
import socket
import struct
import time

from rig import BIN, HELLO, JOB, RESULT, Reader, frame, take_frame
from trace import TAKEN, submission

SUBMIT = 4
FIRST_FD = 20  # no number that a program expects
LIMIT = 100  # of a channel
PATIENCE = 30  # seconds, on a machine that has other things to do


class Stuck(Exception):
    """It did not do what it has to."""


def pipe():
    """Both ends, out of the way of 0 to 6."""
    ends = os.pipe()
    moved = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, FIRST_FD) for fd in ends]
    for fd in ends:
        os.close(fd)
    return moved


def spawn(argv, env, fds):
    """Start a program with these as its descriptors 0, 1, ..."""
    return os.posix_spawn(argv[0], argv, env, file_actions=[
        (os.POSIX_SPAWN_DUP2, fd, i) for i, fd in enumerate(fds)])


def wait(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


class Core:
    def __init__(self, home, deliver, env, bounce=None, spawn=spawn, wait=wait):
        self.home, self.deliver, self.bounce, self.wait = home, deliver, bounce, wait
        self.log, self.is_over = b"", False
        self.listener = None
        self.poll = select.poll()
        self.handlers = {}
        if bounce:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(f"{home}/run/queue")
            self.listener.listen()
            self.watch(self.listener.fileno(), self.take_bounce)
        log, log_out = pipe()
        self.watch(log, self.read_log)
        places, self.ends, self.jobs = [log_out], [log], {}
        for channel in ("local", "remote"):
            jobs, jobs_out = pipe()
            results, results_in = pipe()
            os.write(results_in, frame(HELLO, struct.pack("<I", LIMIT)))
            self.jobs[jobs] = [b"", results_in]
            self.watch(jobs, self.read_jobs)
            places += [jobs_out, results]
            self.ends += [jobs, results_in]
        asked, asks = pipe()
        answers, answered = pipe()
        places += [asks, answers]
        errors = os.open(f"{home}/clean.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        env = {**env, "QMAILHOME": str(home)}
        self.clean = spawn([f"{BIN}/qmail-clean"], env, [asked, answered, errors])
        self.send = spawn([f"{BIN}/qmail-send"], env, places)
        for fd in (*places, asked, answered, errors):
            os.close(fd)

    # --- the loop ---

    def watch(self, fd, fn):
        self.handlers[fd] = fn
        self.poll.register(fd, select.POLLIN)

    def step(self, ms):
        """Whether there was anything to do."""
        ready = self.poll.poll(ms)
        for fd, _ in ready:
            self.handlers[fd](fd)
        return bool(ready)

    def until(self, fact, what, ms=1000):
        end = time.monotonic() + PATIENCE
        while not fact():
            if self.is_over or time.monotonic() > end:
                raise Stuck(f"{what} never came; the log:\n{self.log.decode('latin-1')}")
            self.step(ms)

    def read(self, fd):
        data = os.read(fd, 65536)
        if not data:
            self.poll.unregister(fd)
        return data

    def read_log(self, fd):
        data = self.read(fd)
        self.log += data
        self.is_over = self.is_over or not data

    def read_jobs(self, fd):
        job = self.jobs[fd]
        job[0] += self.read(fd)
        while (got := take_frame(job[0])) is not None:
            kind, body, job[0] = got
            assert kind == JOB
            os.write(job[1], self.do_job(Reader(body)))

    def do_job(self, r):
        number, ident, sender, _route, n = r.u32(), r.u64(), r.bytes(), r.bytes(), r.u32()
        body = struct.pack("<II", number, n)
        for _ in range(n):
            index, addr = r.u32(), r.bytes()
            letter, text = self.deliver(ident, index, sender, addr)
            body += struct.pack("<III", index, ord(letter), len(text)) + text
        return frame(RESULT, body)

    def take_bounce(self, fd):
        with self.listener.accept()[0] as client:
            data = b""
            while (got := take_frame(data)) is None or len(got[2]) < Reader(got[1]).u64():
                more = client.recv(65536)
                if not more:
                    return
                data += more
            assert got[0] == SUBMIT
            self.bounce(*submission(data))
            client.sendall(frame(TAKEN, struct.pack("<IQQI", 0, 1, 1, 0)))

    # --- the control socket ---

    def start(self):
        self.until(lambda: b"status: local 0/" in self.log, "the start")

    def ask(self, command):
        """The answer of qmail-send."""
        answer = bytearray()

        def read_talk(fd):
            answer.extend(self.read(fd))

        with socket.socket(socket.AF_UNIX) as talk:
            talk.connect(f"{self.home}/run/send")
            self.watch(talk.fileno(), read_talk)
            talk.sendall(command + b"\n")
            self.until(lambda: answer.endswith(b"\n\n"), "an answer")
            self.poll.unregister(talk.fileno())
        return bytes(answer)

    def status(self):
        return {what.decode(): int(n) for what, n in
                re.findall(rb"^(.*) (\d+)$", self.ask(b"status"), re.M)}

    def until_quiet(self, messages=None):
        """Until nothing is going on; and so many messages are left."""
        def is_quiet():
            s = self.status()
            return messages in (None, s["messages"]) and not any(
                s[busy] for busy in ("unprocessed", "local jobs", "remote jobs", "bounces"))
        # what qmail-clean answers is not for our eyes: look again soon
        self.until(is_quiet, "quiet", ms=1)

    # --- the end ---

    def stop(self, sig=signal.SIGTERM):
        """Exit codes of the two."""
        os.kill(self.send, sig)
        end = time.monotonic() + PATIENCE
        while not self.is_over and time.monotonic() < end:
            self.step(1000)
        if not self.is_over:
            os.kill(self.send, signal.SIGKILL)
        if self.listener:
            self.listener.close()
        for fd in self.ends:
            os.close(fd)
        return self.wait(self.send), self.wait(self.clean)

"""qmail-lspawn alone: the test is qmail-send, a script is qmail-local.

The sender of a message tells the script what to do; without orders it
reports, as JSON, what it was given and who it is.
"""
import json
import os
import shutil
import struct
import subprocess
import tempfile
import threading
from pathlib import Path

from facteur import IS_ROOT, NOBODY, Programs, poll
from rig import HELLO, JOB, RESULT, Reader, frame, make_queue, take_frame

ID = 1795483621000001

STUB = r'''#!/usr/bin/python3 -u
import array, json, os, signal, socket, struct, sys, time

assert sys.argv[1:] == ["--resident"]
TOP = os.environ["STUB_TOP"]
sock = socket.socket(fileno=0)
served = 0

def done(code, output):
    body = struct.pack("<II", code, len(output)) + output
    sock.send(struct.pack("<IBB", len(body) + 2, 1, 7) + body)

def fields(body):
    found = []
    while body:
        n = struct.unpack("<I", body[:4])[0]
        found.append(body[4:4 + n].decode("latin-1"))
        body = body[4 + n:]
    return found

def facts(work, message):
    names = ["user", "home", "local", "dash", "ext", "domain", "sender",
             "default"]
    status = dict(line.split(":\t") for line in
                  open("/proc/self/status").read().splitlines() if ":\t" in line)
    return {**dict(zip(names, work)),
            "message": os.pread(message, 100000, 0).decode("latin-1"),
            "offset": os.lseek(message, 0, os.SEEK_CUR),
            "pid": os.getpid(), "served": served, "cwd": os.getcwd(),
            "uid": status["Uid"], "gid": status["Gid"],
            "groups": status["Groups"].split(), "blocked": status["SigBlk"],
            "ignored": status["SigIgn"],
            "fds": {n: os.readlink("/proc/self/fd/" + n)
                    for n in os.listdir("/proc/self/fd")
                    if os.path.exists("/proc/self/fd/" + n)},
            "marker": os.environ.get("MARKER")}

while True:
    data, fds, _, _ = socket.recv_fds(sock, 200000, 4)
    if not data:
        sys.exit(0)
    assert len(fds) == 1 and data[5] == 6, (data, fds)
    work = fields(data[6:])
    order = work[6].split(" ")
    if order[0] == "exit":
        done(int(order[1]), " ".join(order[2:]).encode("latin-1"))
    elif order[0] == "long":
        done(0, b"x" * int(order[1]))
    elif order[0] == "hold":
        while not os.path.exists(os.path.join(TOP, order[1])):
            time.sleep(0.01)
        done(0, json.dumps(facts(work, fds[0])).encode())
    elif order[0] == "crash":
        os.kill(os.getpid(), signal.SIGKILL)
    elif order[0] == "leave":
        os._exit(int(order[1]))
    elif order[0] == "last-words":
        done(0, b"last words\n")
        os._exit(0)
    elif order[0] == "close":
        os.close(0)
        signal.pause()
    elif order[0] == "rubbish":
        sock.send(b"rubbish")
        signal.pause()
    else:
        done(0, json.dumps(facts(work, fds[0])).encode())
    os.close(fds[0])
    served += 1
'''


def children_of(pid):
    """{pid: argv} of the direct children."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            try:
                argv = Path(f"/proc/{child}/cmdline").read_bytes()
                found[int(child)] = argv.decode().split("\0")
            except OSError:
                pass
    return found


class Lspawn:
    """qmail-lspawn in a home of its own.

    system: an accounts.System, to run as root among its accounts; without
    one it runs as a single user, which is nobody when the test is root.
    """

    def __init__(self, system=None, stub=STUB, default="./Mailbox", env=None,
                 prepare=None):
        self.system = system
        if system:
            self.top, self.home = system.top, system.home
            (self.home / "bin").unlink()
        else:
            self.top = Path(tempfile.mkdtemp(prefix="facteur-"))
            os.chmod(self.top, 0o755)
            self.home = self.top / "qmail"
        for name in ("bin", "users", "alias"):
            (self.home / name).mkdir(parents=True, exist_ok=True)
        for program in Programs.folder().iterdir():
            (self.home / "bin" / program.name).symlink_to(program)
        if stub is not None:
            self.program("qmail-local", stub)
        make_queue(self.home)
        self.uid = os.geteuid()
        if IS_ROOT and not system:
            self.uid = NOBODY
            for top, _, names in os.walk(self.top):
                for name in [".", *names]:
                    os.chown(os.path.join(top, name), NOBODY, NOBODY,
                             follow_symlinks=False)
        self.message(ID, b"Subject: x\n\nhello\n")
        self.env = {**os.environ, "QMAILHOME": str(self.home),
                    "STUB_TOP": str(self.top), "MARKER": "passed on",
                    **(env or {})}
        self.results, self.buf, self.jobs = {}, b"", 0
        if prepare:
            prepare(self)
        self.start(default)

    def program(self, name, text):
        path = self.home / "bin" / name
        path.unlink(missing_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def message(self, ident, content):
        path = self.home / "queue/mess" / str(ident % 23) / str(ident)
        path.write_bytes(content)
        owner = os.stat(self.home / "queue")
        os.chown(path, owner.st_uid, owner.st_gid)
        os.chmod(path, 0o644)
        return path

    def assign(self, text):
        (self.home / "users/assign").write_text(text)
        done = subprocess.run([self.home / "bin/qmail-newu"], env=self.env,
                              capture_output=True)
        assert done.returncode == 0, done.stderr

    def popen(self, default="./Mailbox"):
        argv = [self.home / "bin/qmail-lspawn", default]
        more = {}
        if self.system:
            argv = self.system.command(*argv)
        elif IS_ROOT:
            more = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        return subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self.log, env=self.env, bufsize=0, **more)

    def start(self, default):
        self.log = open(self.top / "log", "w+")
        self.process = self.popen(default)
        self.changed = threading.Condition()
        self.hello = None
        threading.Thread(target=self.listen, daemon=True).start()
        assert self.wait(lambda: self.hello) == 1000

    def listen(self):
        """Frames as they come."""
        while data := os.read(self.process.stdout.fileno(), 65536):
            self.buf += data
            while (got := take_frame(self.buf)) is not None:
                kind, body, self.buf = got
                with self.changed:
                    self.take(kind, Reader(body))
                    self.changed.notify_all()

    def take(self, kind, r):
        if kind == HELLO:
            self.hello = r.u32()
            return
        assert kind == RESULT
        number = r.u32()
        verdicts = [(r.u32(), chr(r.u32()), r.bytes())
                    for _ in range(r.u32())]
        self.results.setdefault(number, []).append(verdicts)

    def wait(self, fact, seconds=60):
        with self.changed:
            assert self.changed.wait_for(fact, seconds), self.text()
            return fact()

    def text(self):
        self.log.flush()
        return (self.top / "log").read_text()

    def frame(self, number, rcpts, sender="s@x", ident=ID):
        sender = sender.encode("latin-1")
        body = struct.pack("<IQI", number, ident, len(sender)) + sender
        body += struct.pack("<II", 0, len(rcpts))  # no route
        for i, rcpt in enumerate(rcpts):
            rcpt = rcpt.encode("latin-1")
            body += struct.pack("<II", 10 + i, len(rcpt)) + rcpt
        return frame(JOB, body)

    def send(self, *rcpts, sender="s@x", ident=ID):
        """A job; its number."""
        self.jobs += 1
        self.raw(self.frame(self.jobs, rcpts, sender, ident))
        return self.jobs

    def raw(self, data):
        os.write(self.process.stdin.fileno(), data)

    def result(self, number):
        """The verdicts of a job: [(letter, text)], by order of recipients."""
        [verdicts] = self.wait(lambda: self.results.get(number))
        assert [v[0] for v in verdicts] == list(range(10, 10 + len(verdicts)))
        return [(letter, text) for _, letter, text in verdicts]

    def deliver(self, rcpt, **more):
        """One recipient; its verdict as one string."""
        [(letter, text)] = self.result(self.send(rcpt, **more))
        return letter + text.decode("latin-1")

    def facts(self, rcpt, **more):
        verdict = self.deliver(rcpt, **more)
        assert verdict[:2] == "K{", verdict
        return json.loads(verdict[1:])

    def release(self, name):
        (self.top / name).touch()

    def scheduler(self):
        """The pid of qmail-lsched."""
        [pid] = [p for p, argv in children_of(self.process.pid).items()
                 if argv[0].endswith("qmail-lsched")]
        return pid

    def children(self):
        """{pid: argv} of what qmail-lspawn and qmail-lsched have started."""
        found = children_of(self.process.pid)
        for pid, argv in list(found.items()):
            if argv[0].endswith("qmail-lsched"):
                del found[pid]
                found.update(children_of(pid))
        return found

    def workers(self):
        return [pid for pid, argv in self.children().items()
                if any(a.endswith("qmail-local") for a in argv)]

    def getpw(self):
        return [pid for pid, argv in self.children().items()
                if any(a.endswith("qmail-getpw") for a in argv)]

    def finish(self):
        """End of file, then its exit code."""
        self.process.stdin.close()
        return self.process.wait(60)

    def close(self):
        for pid in [*self.children(), self.process.pid] \
                if self.process.poll() is None else []:
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                pass
        self.process.wait()
        self.log.close()
        if not self.system:
            shutil.rmtree(self.top)


# the clock of deadlines, as late as a file is long, in seconds
CLOCK_C = r'''
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t which, struct timespec *t)
{
	struct stat st;
	const char *late = getenv("CLOCK_LATE");
	if (syscall(SYS_clock_gettime, which, t) < 0)
		return -1;
	if (which != CLOCK_REALTIME && late != NULL && stat(late, &st) == 0)
		t->tv_sec += st.st_size;
	return 0;
}
'''


def clock_library(folder):
    """A library that makes time pass; the file to lengthen."""
    source, library = folder / "clock.c", folder / "clock.so"
    source.write_text(CLOCK_C)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source],
                   check=True)
    late = folder / "late"
    late.touch()
    return library, late


__all__ = ["ID", "Lspawn", "STUB", "clock_library", "poll"]

"""The system at work under strace, for a scenario to be played.

strace sees every call of every program in one order, so that nothing escapes
that a library preloaded would not know of. It also makes syncs slow: others
work meanwhile, and what is not covered by a sync is seen not to be.
"""
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import rig
import trace
from core import Core
from model import World

HERE = Path(__file__).parent
FOLDERS = [f"{kind}/{n}" for kind in ("mess", "todo", "info") for n in range(rig.SPLIT)] + ["quarantine"]
FSYNC_US, SYNCFS_US = 2000, 20000
SANITIZERS = {"ASAN_OPTIONS": "detect_leaks=0:verify_asan_link_order=0"}


def look(home):
    """The image that is on disk."""
    files = {}
    for folder in FOLDERS:
        with os.scandir(f"{home}/queue/{folder}") as entries:
            for e in entries:
                files.setdefault(e.inode(), []).append(f"{folder}/{e.name}")
    image = ((Path(f"{home}/queue/{paths[0]}").read_bytes(), tuple(sorted(paths)))
             for paths in files.values())
    return tuple(sorted(image, key=lambda file: file[1]))


def lay(home, image):
    """Put an image there."""
    for content, paths in image:
        first = f"{home}/queue/{paths[0]}"
        with open(first, "wb") as f:
            f.write(content)
        for path in paths[1:]:
            os.link(first, f"{home}/queue/{path}")


def make_home(home):
    rig.make_queue(home)
    for name, content in (("me", "mail.example.org\n"), ("locals", "local.example\n")):
        (home / "control" / name).write_text(content)


def submit(home, sender, rcpts, message):
    """Hand a message to the queue service; its ID."""
    envelope = b"\0".join([b"F" + sender, *(b"T" + r for r in rcpts), b"", b""])
    body = len(message).to_bytes(8, "little") + len(envelope).to_bytes(4, "little") + envelope
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(f"{home}/run/queue")
        s.sendall(rig.frame(4, body) + message)
        data = b""
        while (got := rig.take_frame(data)) is None:
            data += s.recv(65536)
    r = rig.Reader(got[1])
    assert r.u32() == 0, got
    return r.u64()


class Recording:
    """A running system in home, whose queue begins as image."""

    def __init__(self, home, libraries, deliver, image=(), has_tmpfile=True, syncfs_us=SYNCFS_US):
        self.home, self.image, self.deliver = Path(home), image, deliver
        self.snapshots, self.core = [], None
        make_home(self.home)
        lay(self.home, image)
        self.channel, end = socket.socketpair()
        with end:
            self.strace = subprocess.Popen(
                ["strace", "-f", "-qq", "-y", "-X", "raw", "-xx", "-s", str(1 << 28), "-o", f"{home}/trace",
                 "-e", f"inject=fsync,fdatasync:delay_enter={FSYNC_US}",
                 "-e", f"inject=syncfs:delay_enter={syncfs_us}",
                 sys.executable, "-S", HERE / "nursery.py", str(end.fileno())],
                env={**os.environ, "PYTHONPATH": f"{HERE}:{HERE.parent}/integration"},
                pass_fds=[end.fileno()])
        env = {"QMAILHOME": str(home), **SANITIZERS}
        if not has_tmpfile:
            env |= {"LD_PRELOAD": str(libraries / "faultlib.so"), "FAULT_NO_TMPFILE": "1"}
        self.log = self.home / "queue.log"
        with open(os.devnull) as null, open(self.log, "wb") as log:
            self.service = self.spawn([f"{rig.BIN}/qmail-queue", "--resident"], env,
                                      [null.fileno(), log.fileno(), log.fileno()])

    def ask(self, fds, *request):
        socket.send_fds(self.channel, [json.dumps(request).encode()], fds)
        return json.loads(self.channel.recv(4096))

    def spawn(self, argv, env, fds):
        return self.ask(fds, "spawn", argv, env)

    def wait(self, pid):
        return self.ask([], "wait", pid)

    # --- what scenarios are made of ---

    def until_ready(self):
        rig.poll(lambda: b"ready" in self.log.read_bytes(), "the queue service")

    def together(self, *messages):
        """Hand in all of them at once; their IDs."""
        ids = [None] * len(messages)

        def one(i):
            ids[i] = submit(self.home, *messages[i])

        threads = [threading.Thread(target=one, args=[i]) for i in range(len(messages))]
        for t in threads:
            t.start()
        for t in threads:
            while t.is_alive() and self.core:
                self.core.step(10)
            t.join()
        assert all(ids)
        return ids

    def start_send(self):
        self.core = Core(self.home, self.deliver, SANITIZERS, spawn=self.spawn, wait=self.wait)
        self.core.start()

    def flush(self):
        """Try again what was deferred."""
        self.core.ask(b"flush")

    def until_left(self, messages=None):
        self.core.until_quiet(messages)

    def stop_send(self):
        assert self.core.stop() == (0, 0), self.core.log
        self.core = None

    def snapshot(self):
        """The model will have to agree with what is there now."""
        self.ask([], "look", f"/snapshot/{len(self.snapshots)}")
        self.snapshots.append(look(self.home))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """The nursery ends when nobody asks it any more, and strace with
        the last that it traces."""
        if self.core:
            self.core.stop(signal.SIGKILL)
        os.kill(self.service, signal.SIGTERM)
        self.code = self.wait(self.service)
        self.channel.close()
        self.strace.wait()

    def events(self):
        """What happened, once all is over."""
        assert self.code == 0 and self.strace.returncode == 0
        events = trace.read(f"{self.home}/trace", self.home, self.image)
        check(events, self.image, self.snapshots)
        return events


def check(events, image, snapshots):
    """What was recorded led to what was there."""
    world = World(image)
    seen = 0
    for i, event in enumerate(events, 1):
        world.step(i, event)
        if event[0] == "snapshot":
            assert world.newest() == snapshots[event[1]], f"snapshot {event[1]}"
            seen += 1
    assert seen == len(snapshots) > 0

#!/usr/bin/python3
"""Every system call of the queue's programs fails, and kills, in turn.

    sweep.py [-j JOBS] [-s SAMPLES] [PROGRAM/STORY ...]
    sweep.py PROGRAM/STORY MODE:NTH[:VARIANT]

A story (stories.py) is something that happens to messages: accepted,
deferred, bounced. It is told again and again to a running system (box.py),
one program of which is traced with its children (inject.c): their first
system call fails, then the second, and so on until they make no further one;
with each error that is likely for the call, cut short if it reads or writes,
and as the call at which the process is killed. Then each allocation fails
(memlib.c).

After each single fault what was accepted has to be delivered as it was, or
bounced; the queue has to be empty in the end; programs live on, or end as
their manuals say and are started again. Time is no matter: what is due in
minutes is due when all else is done.

A line for each program and story counts the calls, the runs, the messages
lost and corrupt, the runs in which something never ended, the programs that
ended as they must not, and the deliveries made again. Each fault that did
harm has a line before that. With -s each story is told with so many faults
only, chosen at random; without, with all. The second form repeats one fault
and shows the log.
"""
import argparse
import collections
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from box import COUNT, FAIL, HERE, KILL, MEMORY, SHORT, Box, Fault
from stories import PAIRS

MODES = {"kill": KILL, "fail": FAIL, "short": SHORT, "memory": MEMORY, "count": COUNT}
NAMES = {mode: name for name, mode in MODES.items()}
MISSES = 3  # runs without the fault, one after the other, end a sweep

Outcome = collections.namedtuple("Outcome", "state what again problems log")


def may_end(box, story, fault, program, code):
    """Whether the program may have ended so."""
    if program == box.victim and fault.mode == KILL and code == -signal.SIGKILL:
        return True
    if program == "qmail-queue":
        # killed workers may hold the socket when their successors start
        codes = {"restart": [111], "stop": [0, -signal.SIGTERM]}.get(story.name, [])
        return box.victim == program and (code in codes or fault.mode == KILL and code == 111)
    if box.victim in ("client", "qmail-queue"):
        return False
    if program == "qmail-send":
        return code == 111 or story.name == "stop" and code == 0
    return code in (0, 100, 111)


def problems_of(box, story, fault, is_done):
    """What is wrong after a run: [(column, words)]."""
    found = [("corrupt", x) for x in box.corrupt]
    if not is_done:
        owed, left = box.owed(), box.rest("todo", "info", "mess")
        found.append(("lost" if owed and not box.rest("todo") else "stuck",
                      f"owed {owed}, left {left}, service idle: {box.is_idle()}"))
    for code in box.codes:
        if 11 <= code <= 40 or fault.mode != KILL and code < 0:
            found.append(("died", f"client exits {code}"))
    for program, code in box.deaths:
        if not may_end(box, story, fault, program, code):
            found.append(("died", f"{program} exits {code}"))
    if fault.mode != KILL and "worker killed" in box.said("queue"):
        found.append(("died", "a worker of qmail-queue"))
    # a delivery of which nobody heard is made again; but not if all lived
    if box.again() and fault.mode != KILL and not box.deaths and "spawn" not in box.victim:
        found.append(("bad", f"again: {box.arrived}"))
    return found


def run(box, story, fault, patience=0.015):
    """Tell the story with one fault."""
    box.begin()
    if fault.mode == MEMORY:
        box.renew()
    story.prepare(box)
    box.quiet()
    # elsewhere a message that lost its envelope may stay for 36 hours
    is_tidy = fault.mode != KILL and box.victim in ("client", "qmail-queue")

    def is_done():
        return not box.owed() and box.is_idle() and story.is_over(box) and \
            not (box.rest("todo", "info", "mess") if is_tidy else box.waiting())

    box.plan.arm(fault)
    try:
        story.tell(box)
        done = box.settle(is_done)
        if done and not box.plan.now.fired:
            box.warp(1)
            box.quiet(patience)
            done = box.settle(is_done)
        if fault.mode == KILL and box.plan.now.fired:
            box.settle(box.has_fallen)
        found = problems_of(box, story, fault, done)
    except AssertionError as e:
        found = [("stuck", str(e))]
    box.plan.disarm()
    log = "".join(f"--- {name}\n{box.said(name)}" for name in box.logs)
    box.end()
    return Outcome(box.plan.now, box.plan.what, box.again(), found, f"{log}--- ends {box.deaths}\n")


class Sweep:
    """The faults of one program in one story."""

    def __init__(self, name, tools, say=print):
        self.name, self.tools, self.say = name, tools, say
        self.victim, self.story = PAIRS[name]
        self.counts = collections.Counter()
        self.box = None

    def open(self):
        self.top = tempfile.mkdtemp(prefix="facteur-sweep-")
        os.chmod(self.top, 0o755)
        self.box = Box(Path(self.top) / "home", self.tools, self.victim)
        self.box.preload[self.victim] = self.story.environment
        self.box.start_queue()
        self.box.start_send()

    def close(self):
        if self.box is not None:
            self.box.stop()
            shutil.rmtree(self.top, ignore_errors=True)
            self.box = None

    def one(self, fault, **more):
        if self.box is None:
            self.open()
        outcome = run(self.box, self.story, fault, **more)
        self.counts["runs"] += fault.nth > 0
        self.counts["again"] += outcome.again
        for kind, words in outcome.problems:
            self.counts[kind] += 1
            self.say(f"{self.name} {NAMES[fault.mode]}:{fault.nth}:{fault.variant} "
                     f"{outcome.what}: {kind}: {words}")
        if outcome.problems:
            self.close()  # who knows what else is wrong with it
        return outcome

    def count(self, mode):
        self.one(Fault(mode, 0), patience=0.15)  # the first time has more
        return self.one(Fault(mode, 0), patience=0.15).state.seen

    def all(self):
        """Each fault there is."""
        self.counts["calls"] = self.count(COUNT)
        for mode, least in ((KILL, self.counts["calls"]), (MEMORY, 0)):
            n = misses = 0
            while n < least or misses < MISSES:
                n += 1
                state = self.one(Fault(mode, n)).state
                misses = 0 if state.fired else misses + 1
                for variant in range(state.variants):
                    self.one(Fault(FAIL, n, variant))
                if state.can_short:
                    self.one(Fault(SHORT, n))

    def sample(self, n, dice):
        """n faults."""
        self.counts["calls"] = calls = self.count(COUNT)
        allocations = self.count(MEMORY)
        for i in range(n):
            mode = (KILL, FAIL, FAIL, SHORT, MEMORY)[i % 5]
            most = allocations if mode == MEMORY else calls
            if most > 0:
                self.one(Fault(mode, dice.randint(1, most), dice.randrange(6)))

    def line(self):
        words = ", ".join(f"{x} {self.counts[x]}" for x in ("lost", "corrupt", "stuck", "died", "again"))
        return f"{self.name:26} calls {self.counts['calls']:4}, runs {self.counts['runs']:5}, {words}"


def build(folder):
    """The tracer and the library."""
    os.chmod(folder, 0o755)
    cc = [os.environ.get("CC", "cc"), "-std=c11", "-D_GNU_SOURCE", "-O1"]
    subprocess.run([*cc, "-o", f"{folder}/inject", HERE / "inject.c"], check=True)
    subprocess.run([*cc, "-shared", "-fPIC", "-o", f"{folder}/memlib.so", HERE / "memlib.c"], check=True)
    return folder


def sweep(task):
    """How much harm was done."""
    name, tools, samples, seed = task
    s = Sweep(name, tools, lambda words: print(words, flush=True))
    try:
        if samples:
            s.sample(samples, random.Random(f"{seed} {name}"))
        else:
            s.all()
    finally:
        s.close()
    print(s.line(), flush=True)
    return sum(s.counts[x] for x in ("lost", "corrupt", "stuck", "died", "bad"))


def repeat(name, fault, tools):
    mode, *numbers = fault.split(":")
    s = Sweep(name, tools)
    try:
        print(s.one(Fault(MODES[mode], *map(int, numbers))).log)
    finally:
        s.close()


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("-j", type=int, default=2)
    p.add_argument("-s", type=int, default=0)
    p.add_argument("what", nargs="*")
    a = p.parse_args()
    # told to stop, nothing is left running
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix="facteur-fault-") as folder:
        tools = build(folder)
        if len(a.what) == 2 and ":" in a.what[1]:
            return repeat(*a.what, tools)
        seed = random.randrange(2**32)
        print(f"seed {seed}" if a.s else "all faults", flush=True)
        # the longest first, so that all end together
        names = sorted(a.what or PAIRS, key=lambda name: "qmail-send/re" not in name)
        with multiprocessing.Pool(a.j) as pool:
            return sum(pool.imap_unordered(sweep, [(x, tools, a.s, seed) for x in names])) > 0


if __name__ == "__main__":
    sys.exit(main())

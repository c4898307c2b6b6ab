#!/usr/bin/python3
"""Cut the power at every moment of each scenario, and see what is left."""
import argparse
import collections
import concurrent.futures
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(1, str(HERE.parent / "integration"))

import model  # noqa: E402
import rig  # noqa: E402
import scenarios  # noqa: E402
import spoil  # noqa: E402
from drain import Drain  # noqa: E402
from judge import KINDS, Debts  # noqa: E402

WINDOW = 64  # states on their way to those who drain
SHOWN, ENOUGH = 5, 20  # bad states of a scenario; more tell no more
STATES_EACH = 500  # of a recovery that is cut off in its turn

drain = None  # of a process that drains


def build_libraries(folder):
    """Those to be preloaded."""
    for source in (HERE / "later.c", HERE.parent / "fault" / "faultlib.c"):
        subprocess.run([os.environ.get("CC", "cc"), "-D_GNU_SOURCE", "-shared", "-fPIC", "-O1",
                        "-o", str(folder / f"{source.stem}.so"), str(source), "-ldl"], check=True)


def begin_draining(top, messages, later):
    global drain
    drain = Drain(Path(tempfile.mkdtemp(dir=top)) / "home", messages, later)


def drain_one(image):
    return drain.run(image)


class Tally:
    """The states of one scenario, as they are judged."""

    def __init__(self, name, debts):
        self.name, self.debts = name, debts
        self.states, self.bad = 0, collections.Counter()
        self.broken = 0  # different states that are bad
        self.drained = {}  # digest -> Drained
        self.waiting = collections.defaultdict(list)  # digest -> moments

    def add(self, moment, key):
        self.states += 1
        if key in self.drained:
            self.judge(moment, key)
        else:
            self.waiting[key].append(moment)

    def take(self, key, image, drained):
        self.drained[key] = drained
        found = [self.judge(moment, key) for moment in self.waiting.pop(key)]
        if any(found):
            self.broken += 1
            if self.broken <= SHOWN:
                self.show(image, next(filter(None, found)))

    def judge(self, moment, key):
        """What is wrong with it, in words."""
        found = self.debts.judge(moment, self.drained[key])
        self.bad.update({kind for kind, _ in found})
        return [f"after {moment} events {kind}: {what}" for kind, what in found]

    def show(self, image, words):
        print("\n".join(f"{self.name}, {line}" for line in words), file=sys.stderr)
        for content, paths in image:
            print(f"    {len(content):7} {' '.join(paths)}", file=sys.stderr)

    def counts(self):
        return [self.states, len(self.drained), *(self.bad[kind] for kind in KINDS)]


class Harness:
    def __init__(self, top, args):
        self.top, self.args = top, args
        build_libraries(top)

    def play(self, scenario, **how):
        home = Path(tempfile.mkdtemp(dir=self.top)) / "home"
        events = scenarios.play(home, self.top, scenario, **how)
        return getattr(spoil, self.args.spoil)(events) if self.args.spoil else events

    def examine(self, name, image, events, debts, wanted):
        """Drain and judge states of a recording; how many, and how."""
        tally = Tally(name, debts)
        under_way = collections.deque()

        def take_one():
            key, found, future = under_way.popleft()
            tally.take(key, found, future.result())

        with concurrent.futures.ProcessPoolExecutor(
                self.args.jobs, initializer=begin_draining,
                initargs=(self.top, debts.messages, self.top / "later.so")) as pool:
            for moment, found, key in model.states(model.World(image), events, self.args.seed, wanted):
                if key not in tally.drained and key not in tally.waiting:
                    under_way.append((key, found, pool.submit(drain_one, found)))
                tally.add(moment, key)
                if len(under_way) > WINDOW:
                    take_one()
                if tally.broken >= ENOUGH:
                    break
            while under_way:
                take_one()
        return tally.counts()

    def once(self, name):
        """The power fails in a scenario."""
        scenario, how = scenarios.ALL[name]
        events = self.play(scenario, **how)
        return self.examine(name, (), events, Debts((), events), self.args.states)

    def twice(self, name):
        """It failed, and fails again while what it left is dealt with."""
        events = self.play(scenarios.unrest)
        first = Debts((), events)
        dice = random.Random(self.args.seed)
        left = list(model.states(model.World(), events, self.args.seed, 1000))
        counts = [0] * (2 + len(KINDS))
        for cut, image, _ in dice.sample(left, len(left)):
            events = self.play(scenarios.recover, image=image)
            debts = Debts(image, events, first, cut)
            found = self.examine(name, image, events, debts, min(self.args.states, STATES_EACH))
            counts = [a + b for a, b in zip(counts, found)]
            # an early one leaves little to be done, and so few states
            if counts[1] >= self.args.states or any(counts[2:]):
                break
        return counts

    def report(self, name):
        """Whether the system kept its word."""
        counts = self.twice(name) if name == "twice" else self.once(name)
        print(f"{name}: " + ", ".join(f"{n} {what}" for n, what in zip(
            counts, ("states", "distinct", *KINDS))), flush=True)
        return not any(counts[2:])


def main():
    names = [*scenarios.ALL, "twice"]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--states", type=int, default=10000, help="different ones for each scenario")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--spoil", choices=("unsynced", "nameless", "hasty", "backwards"),
                        help="a recording of a system that is wrong: see spoil.py")
    parser.add_argument("scenarios", nargs="*", default=names, metavar="scenario", help=", ".join(names))
    args = parser.parse_args()
    rig.become()
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="facteur-power-", dir=memory) as top:
        harness = Harness(Path(top), args)
        kept = [harness.report(name) for name in args.scenarios]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())

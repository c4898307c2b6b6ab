"""What may be on disk after a power loss: POSIX as its strictest reader has it.

Of a file: its content at the last sync that covers it, and of each block
written since then any version; the size may be that of any moment since
then, or end at a block in between. Where nothing was written are zeros.
Of a folder: its names at the last sync, and any of the operations on it
since then, in any order. A file's sync does not keep its name. An operation
on one folder, as a rename within it, happens whole or not at all.

An image is what there is to find: ((content, (path, ...)), ...), a file
with all its names. Two images that are equal are the same state.
"""
import functools
import hashlib
import itertools
import math
import random

SMALL, LARGE = 512, 4096  # a sector, a page
EXACT = 4096  # states of one moment that are gone through
ALL_CONTENTS = 64  # contents of one file that are
REORDERED = 5  # operations on one folder; more keep their order
TRIES = 2 * EXACT  # to find a new state of one moment


def after(content, op):
    """The content with one operation done: (offset, data), (None, size)."""
    at, what = op
    if at is None:
        return content[:what].ljust(what, b"\0")
    return content[:at].ljust(at, b"\0") + what + content[at + len(what):]


@functools.cache
def versions(base, ops):
    """The content before, between and after the operations."""
    return tuple(itertools.accumulate(ops, after, initial=base))


def renamed(names, changes):
    names = {**names, **changes}
    return {name: ino for name, ino in names.items() if ino is not None}


def listings(base, ops):
    """The listings of a folder that may be found: first with nothing done,
    last with all done."""
    full = functools.reduce(renamed, ops, base)
    found = {frozenset(base.items()): base}
    for n in range(1, len(ops) + 1):
        in_any_order = itertools.permutations if len(ops) <= REORDERED else itertools.combinations
        for some in in_any_order(ops, n):
            names = functools.reduce(renamed, some, base)
            found.setdefault(frozenset(names.items()), names)
    del found[frozenset(full.items())]
    return [*found.values(), full]


def assemble(block, size, choose):
    """A content of that size; choose(i) has the i-th block of it."""
    return b"".join(choose(at // block)[at:at + block].ljust(block, b"\0")
                    for at in range(0, size, block))[:size]


def sizes(seen, block):
    """The sizes a file had, and ends of blocks between them."""
    had = {len(v) for v in seen}
    return sorted({*had, *range(block, max(had), block)} - set(range(min(had))))


def all_contents(seen):
    """Everything that may be found of a file, or None if that is a lot."""
    sectors = []  # of each, a version for everything it may hold
    for at in range(0, max(map(len, seen)), SMALL):
        sectors.append([*{v[at:at + SMALL].ljust(SMALL, b"\0"): v for v in seen}.values()])
    ends = sizes(seen, SMALL)
    if math.prod(map(len, sectors)) * len(ends) > ALL_CONTENTS:
        return None
    return {assemble(SMALL, size, pick.__getitem__)
            for size in ends for pick in itertools.product(*sectors)}


def edges(seen):
    """Of what may be found: lost at one end, kept at one end, zeros."""
    old, new = seen[0], seen[-1]
    found = {*seen, bytes(len(new)), new[:SMALL], new[:LARGE], new[:(len(new) - 1) // SMALL * SMALL]}
    for block in (SMALL, LARGE):
        for odd in (0, (len(new) - 1) // block):
            found.add(assemble(block, len(new), lambda i: old if i == odd else new))
            found.add(assemble(block, len(new), lambda i: new if i == odd else old))
    return found


@functools.cache
def contents(seen):
    """What may be found of a file that was one after the other; first the
    old, last the new. All, or the edges."""
    old, new = seen[0], seen[-1]
    found = all_contents(seen) or edges(seen)
    return [*({old: None} if old != new else {}), *sorted(found - {old, new}), new]


def torn(seen, dice):
    """A content at random: blocks of one size, some of them not written."""
    block = dice.choice((SMALL, LARGE))
    size = dice.choice(sizes(seen, block)) if dice.random() < 0.3 else len(seen[-1])
    share = dice.choice((0.1, 0.5, 0.9))
    return assemble(block, size, lambda i: seen[-1] if dice.random() < share else dice.choice(seen))


class World:
    """The queue at one moment: what is certain, what is not."""

    def __init__(self, image=()):
        self.files = {}  # ino -> (content on disk, ((moment, operation), ...))
        self.folders = {}  # path -> (names on disk, ((moment, changes), ...))
        self.begun = {}  # sync -> (moment, what)
        for ino, (content, paths) in enumerate(image):
            self.files[ino] = content, ()
            for path in paths:
                folder, _, name = path.rpartition("/")
                self.folders.setdefault(folder, ({}, ()))[0][name] = ino

    def step(self, moment, event):
        """One event happens. Whether it changes what may be found."""
        kind = event[0]
        if kind in ("write", "size"):
            base, ops = self.files.get(event[1], (b"", ()))
            op = event[2:] if kind == "write" else (None, event[2])
            self.files[event[1]] = base, (*ops, (moment, op))
        elif kind == "names":
            base, ops = self.folders.get(event[1], ({}, ()))
            self.folders[event[1]] = base, (*ops, (moment, event[2]))
        elif kind == "begin":
            self.begun[event[1]] = moment, event[2]
        elif kind == "end":
            self.settle(*self.begun.pop(event[1]))
        return kind not in ("begin", "snapshot")

    def settle(self, moment, what):
        kind = what[0]
        for ino in [what[1]] if kind == "file" else self.files if kind == "all" else ():
            base, ops = self.files.get(ino, (b"", ()))
            done = [op for at, op in ops if at < moment]
            self.files[ino] = versions(base, tuple(done))[-1], ops[len(done):]
        for path in [what[1]] if kind == "folder" else self.folders if kind == "all" else ():
            base, ops = self.folders.get(path, ({}, ()))
            done = [changes for at, changes in ops if at < moment]
            for changes in done:
                base = renamed(base, changes)
            self.folders[path] = base, ops[len(done):]

    def content(self, ino):
        """Of a file, without a power loss."""
        base, ops = self.files[ino]
        return versions(base, tuple(op for _, op in ops))[-1]

    def newest(self):
        """The image without a power loss."""
        return Moment(self).newest()


class Moment:
    """The states that a power loss at one moment may leave."""

    def __init__(self, world):
        self.listings = {path: listings(base, [c for _, c in ops])
                         for path, (base, ops) in world.folders.items()}
        named = {ino for found in self.listings.values() for names in found for ino in names.values()}
        self.versions, self.contents = {}, {}
        for ino in named:
            base, ops = world.files.get(ino, (b"", ()))
            self.versions[ino] = versions(base, tuple(op for _, op in ops))
            self.contents[ino] = contents(self.versions[ino])
        # where there is more than one possibility
        self.open = [(where, key) for where in (self.listings, self.contents)
                     for key, found in where.items() if len(found) > 1]
        self.size = math.prod(len(where[key]) for where, key in self.open)
        self.is_exact = self.size <= EXACT and all(
            all_contents(self.versions[key]) for where, key in self.open if where is self.contents)

    def image(self, choose):
        """choose(where, key): what is found of a folder or a file."""
        names = {}
        for path in self.listings:
            for name, ino in choose(self.listings, path).items():
                names.setdefault(ino, []).append(f"{path}/{name}")
        files = ((choose(self.contents, ino), tuple(sorted(paths))) for ino, paths in names.items())
        return tuple(sorted(files, key=lambda file: file[1]))

    def newest(self):
        return self.image(lambda where, key: where[key][-1])

    def deviations(self, default, many):
        """All as new (-1) or as old (0) as can be, but for some of it."""
        for odd in itertools.combinations(self.open, many):
            for pick in itertools.product(*(where[key] for where, key in odd)):
                chosen = {(id(where), key): found for (where, key), found in zip(odd, pick)}
                yield self.image(lambda where, key: chosen.get((id(where), key), where[key][default]))

    def any(self, dice):
        """A state at random."""
        late = dice.choice((0.1, 0.5, 0.9))

        def choose(where, key):
            found = where[key]
            if len(found) == 1 or dice.random() < late:
                return found[-1]
            if where is self.contents and dice.random() < 0.5:
                return torn(self.versions[key], dice)
            return dice.choice(found)

        return self.image(choose)

    def states(self, dice):
        """All states if they are few. Else the telling ones, in which all
        was written but for one thing or two, or nothing but those, and
        between them ones at random."""
        if self.is_exact:
            yield from self.deviations(0, len(self.open))
            return
        for many in (0, 1, 2):
            for late, early in zip(self.deviations(-1, many), self.deviations(0, many)):
                yield late
                yield early
                yield self.any(dice)
        while True:
            yield self.any(dice)


def digest(image):
    h = hashlib.blake2b(digest_size=16)
    for content, paths in image:
        h.update("|".join(paths).encode() + b"%d|" % len(content) + content)
    return h.digest()


def states(world, events, seed, wanted):
    """(moment, image, digest): all states, or as many that differ as are
    wanted. Moment i is the one after i events; each has its turn for one
    that is new, until it has none in many tries."""
    dice = random.Random(seed)
    moments = {0: Moment(world).states(dice)}
    for i, event in enumerate(events, 1):
        if world.step(i, event):
            moments[i] = Moment(world).states(dice)
    seen = set()
    while moments:
        for i in list(moments):
            for _ in range(TRIES):
                image = next(moments[i], None)
                if image is None:
                    break
                key = digest(image)
                is_new = key not in seen
                if is_new and len(seen) == wanted:
                    return
                seen.add(key)
                yield i, image, key
                if is_new:
                    break
            else:
                image = None
            if image is None:
                del moments[i]

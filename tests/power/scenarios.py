"""What is played, to be interrupted at every moment.

A recipient's address says what becomes of it: ok..., bad... fails for good,
laterN... is deferred N times and then delivered; in the domain local.example
by qmail-local, else by qmail-remote. No two messages have the same sender.
"""
import collections
import random
import re

from record import Recording

SLOW_US = 150 * 1000  # of a syncfs: then each worker syncs its own files


def at_last(addr):
    """What becomes of a recipient in the end."""
    return ("D", b"no such user\n") if addr.startswith(b"bad") else ("K", b"did 1+0+0\n")


class Verdicts:
    """As the addresses say."""

    def __init__(self):
        self.tries = collections.Counter()

    def __call__(self, ident, index, sender, addr):
        self.tries[ident, index] += 1
        later = re.match(rb"later(\d)", addr)
        if later and self.tries[ident, index] <= int(later[1]):
            return "Z", b"try later\n"
        return at_last(addr)


def message(n, size, *rcpts):
    """One with bytes that no other has."""
    dice = random.Random(n)
    body = f"Subject: {n}\n\n".encode()
    while len(body) < size:
        body += f"{n}: {dice.random()}\n".encode()
    return b"s%d@remote.example" % n, [r.encode() for r in rcpts], body[:size]


def local(word):
    return f"{word}@local.example"


def remote(word):
    return f"{word}@remote.example"


def accept(box):
    """Several clients at once, qmail-send not running."""
    box.together(message(1, 300, local("ok1")))
    box.together(
        message(2, 70000, local("ok1"), remote("ok2")),
        message(3, 2000, *(remote(f"ok{i}") for i in range(200))),
        message(4, 1, local("ok1")),
        message(5, 5000, local("ok1")))
    box.together(message(6, 600, remote("ok1")), message(7, 140000, remote("ok1")))


def deliver(box):
    box.start_send()
    box.together(message(1, 300, local("ok1")), message(2, 700, remote("ok1"), remote("ok2")))
    box.until_left(0)
    box.together(*(message(3 + i, 200, local("ok1")) for i in range(3)))
    box.until_left(0)
    box.together(message(6, 66000, local("ok1"), remote("ok2")))
    box.until_left(0)
    box.stop_send()


def defer(box):
    """Notes are written, and written again."""
    box.start_send()
    box.together(message(1, 300, local("later2a"), local("ok2")), message(2, 900, remote("later2a")),
                 message(3, 300, local("later2a"), remote("later1b"), local("ok3")),
                 message(4, 100, local("later2a")))
    box.until_left(4)
    box.snapshot()
    box.flush()
    box.until_left(4)
    box.snapshot()
    box.stop_send()
    box.start_send()
    box.flush()
    box.until_left(0)
    box.stop_send()


def bounce(box):
    box.start_send()
    box.together(message(1, 400, local("ok1"), local("bad2"), remote("ok3")))
    box.until_left(0)
    box.together(message(2, 400, remote("bad1")), message(3, 400, local("bad1"), remote("bad2")))
    box.until_left(0)
    box.stop_send()


def mixed(box):
    """A success, a deferral and a failure, in this order or another."""
    box.start_send()
    box.together(message(1, 500, local("ok1"), remote("later1a"), local("bad3")),
                 message(2, 500, remote("bad1"), local("later2a"), remote("ok3")))
    box.until_left(2)
    box.snapshot()
    box.flush()
    box.until_left(1)
    box.flush()
    box.until_left(0)
    box.stop_send()


def unrest(box):
    """Much at once, for a power loss that leaves work."""
    box.start_send()
    box.together(message(1, 500, local("ok1"), remote("later9a"), local("bad3")),
                 message(2, 900, local("later9a"), remote("ok2")),
                 message(3, 600, local("bad1"), remote("later9a")))
    box.until_left(3)
    box.flush()
    box.together(*(message(4 + i, 400 << i, local("ok1"), remote("bad2")) for i in range(4)))
    box.until_left(3)
    box.stop_send()


def recover(box):
    """What a power loss left is dealt with."""
    box.deliver = lambda ident, index, sender, addr: at_last(addr)
    box.start_send()
    box.until_left()
    box.flush()
    box.until_left(0)
    box.stop_send()


ALL = {
    "accept": (accept, {}),
    "apart": (accept, {"syncfs_us": SLOW_US}),
    "named": (accept, {"has_tmpfile": False}),
    "deliver": (deliver, {}),
    "defer": (defer, {}),
    "bounce": (bounce, {}),
    "mixed": (mixed, {}),
}


def play(home, libraries, scenario, **how):
    """The events of a scenario."""
    with Recording(home, libraries, Verdicts(), **how) as box:
        box.until_ready()
        scenario(box)
        box.snapshot()
    return box.events()

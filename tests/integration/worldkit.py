"""A world of destinations for qmail-send: what becomes of mail there, who
waits for it, and what qmail-send thinks of it."""
import collections
import contextlib
import signal

from sendkit import answer, ask, fresh_rig, message, poll

OK = ("K", b"ok\n")
UNREACHED = b"Sorry, I wasn't able to establish an SMTP connection. (#4.4.1)\n"
GONE = ("Z", UNREACHED)


def place(d):
    """The domain, or the local user."""
    user, _, domain = d.addr.lower().partition(b"@")
    return (domain if d.channel == "remote" else user.partition(b"-")[0]).decode()


@contextlib.contextmanager
def world():
    """A Rig whose world says by place what becomes of mail; None: it hangs."""
    with fresh_rig() as rig:
        rig.world = {}
        rig.verdict = lambda d: rig.world.get(place(d), OK)
        yield rig


def queue(rig, count, *domains, **more):
    """Messages to one user in each of the domains."""
    return [message(rig, b"s@near.example", [f"r{i}@{d}".encode() for d in domains], **more)
            for i in range(count)]


def inject(rig, count, *domains):
    for i in range(count):
        assert rig.inject(b"s@near.example", [f"n{i}@{d}".encode() for d in domains]) == 0


def held(rig, where):
    return [job for job in list(rig.held) if place(job[0]) == where]


def attempts(rig, where):
    return [d for d in list(rig.started) if place(d) == where]


def delivered(rig, where):
    return [d for d in list(rig.delivered) if place(d) == where]


def let_go(rig, where, letter="K", text=b"ok\n"):
    for job in held(rig, where):
        answer(rig, job, letter, text)


def restart(rig, n, sig=signal.SIGTERM):
    """Another qmail-send, which knows that message."""
    rig.stop_send(sig)
    rig.start_send()
    rig.wait_log("status: local 0/")
    poll(lambda: ask(rig, f"info {n}").startswith("waiting "), "it is known")


Dest = collections.namedtuple("Dest", "channel jobs limit waiting failures until name why")


def read_dest(line):
    words = line.split(" ")
    return Dest(words[0], *map(int, words[1:6]), *words[6:])


def dest(rig, name, channel="remote"):
    return read_dest(ask(rig, f"dest {channel} {name}"))


def wait_dest(rig, name, **want):
    """Wait until it looks like that, and see it."""
    def fact():
        d = dest(rig, name)
        return d if all(getattr(d, k) == v for k, v in want.items()) else None
    return poll(fact, f"{name} has {want}")


def suspend(rig, name="far.example", waiting=3):
    """One attempt found out that nobody is there; others wait. Their IDs."""
    rig.world[name] = None
    ids = queue(rig, 1, name)
    rig.start()
    poll(lambda: held(rig, name), "an attempt")
    let_go(rig, name, *GONE)
    rig.wait_log("suspended ")
    rig.world[name] = GONE
    inject(rig, waiting, name)
    if waiting:
        wait_dest(rig, name, waiting=waiting)
    return ids + [n for n in rig.ids() if n not in ids]
